;; Nothing but calls touches the table: it is prebuilt, its segments are dropped, and no function
;; escapes. The import in it is a thunk.
(module
  (import "env" "f" (func $imported))
  (type $t (func))
  (table 5 funcref)
  (elem (i32.const 1) $a $imported)
  (elem (i32.const 2) $b)
  (func $a)
  (func $b (param i32))
  (func (export "call") (param i32) (call_indirect (type $t) (local.get 0))))

;;= target x86_64-unknown-linux
;;= type 0 (func) +import
;;= type 1 (func (param i32)) +entry
;;= import "env" "f" function of type 0
;;= function 1 a of type 0
;;= function 2 b of type 1
;;= function 3 call of type 1
;;= table 0 (table 5 funcref) constant [null 1:0 2:1 null null]
;;= elements 0 dropped []
;;= elements 1 dropped []
;;= export "call" function 3
;;= escaping []
;;= slots [precast_raise]
