;; One entry trampoline for each type of an exported function or the start function, one import
;; trampoline for each type of an import. Equal types are one.
(module $trampolines
  (type $a (func (param i32) (result i32)))
  (type $b (func (param i32) (result i32)))
  (import "env" "f" (func $f (type $a)))
  (import "env" "g" (func $g (param f64)))
  (func (export "one") (type $b) (local.get 0))
  (func (export "two") (type $a) (local.get 0))
  (func $start)
  (func $inside (param i64))
  (export "again" (func $f))
  (start $start))

;;= target x86_64-unknown-linux
;;= name "trampolines"
;;= type 0 (func (param i32) (result i32)) +entry +import
;;= type 1 (func (param f64)) +import
;;= type 2 (func) +entry
;;= type 3 (func (param i64))
;;= import "env" "f" function of type 0
;;= import "env" "g" function of type 1
;;= function 2 one of type 0
;;= function 3 two of type 0
;;= function 4 start of type 2
;;= function 5 inside of type 3
;;= export "one" function 2
;;= export "two" function 3
;;= export "again" function 0
;;= start function 4
;;= escaping []
;;= slots [precast_raise]
