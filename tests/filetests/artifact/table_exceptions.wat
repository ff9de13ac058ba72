;; Tables that could be constant but for one thing: an offset that is an import, a segment that
;; does not fit, a table far larger than what is in it.
(module
  (import "env" "at" (global $at i32))
  (table $offset 2 funcref)
  (table $overflow 2 funcref)
  (table $large 100000 funcref)
  (elem (table $offset) (global.get $at) func $f)
  (elem (table $overflow) (i32.const 1) func $f $f)
  (elem (table $large) (i32.const 0) func $f)
  (func $f))

;;= target x86_64-unknown-linux
;;= type 0 (func) +entry
;;= import "env" "at" (global i32)
;;= function 0 f of type 0
;;= table 0 (table 2 funcref) of null
;;= table 1 (table 2 funcref) of null
;;= table 2 (table 100000 funcref) of null
;;= elements 0 copied to table 0 at global:0 [0]
;;= elements 1 copied to table 1 at i32:1 [0 0]
;;= elements 2 copied to table 2 at i32:0 [0]
;;= escaping [0]
;;= slots []
