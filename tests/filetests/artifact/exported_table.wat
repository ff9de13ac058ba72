;; The same table, exported: a table of references, to which its functions escape.
(module
  (import "env" "f" (func $imported))
  (type $t (func))
  (table (export "table") 5 funcref)
  (elem (i32.const 1) $a $imported)
  (elem (i32.const 2) $b)
  (func $a)
  (func $b (param i32))
  (func (export "call") (param i32) (call_indirect (type $t) (local.get 0))))

;;= target x86_64-unknown-linux
;;= type 0 (func) +entry +import
;;= type 1 (func (param i32)) +entry
;;= import "env" "f" function of type 0
;;= function 1 a of type 0
;;= function 2 b of type 1
;;= function 3 call of type 1
;;= table 0 (table 5 funcref) of null
;;= elements 0 copied to table 0 at i32:1 [1 0]
;;= elements 1 copied to table 0 at i32:2 [2]
;;= export "table" table 0
;;= export "call" function 3
;;= escaping [0 1 2]
;;= slots [precast_raise]
