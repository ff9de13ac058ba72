;; Tags, imported and defined, and what is in the artifact of a module that throws.
(module
  (import "env" "tag" (tag $imported (param i32)))
  (tag $own (export "own") (param i64 f32))
  (export "imported" (tag $imported))
  (func (throw $imported (i32.const 1)))
  (func (param exnref) (throw_ref (local.get 0)))
  (func (block $all (try_table (catch_all $all) (call 0)))))

;;= target x86_64-unknown-linux
;;= type 0 (func (param i32))
;;= type 1 (func (param i64 f32))
;;= type 2 (func)
;;= type 3 (func (param exnref))
;;= import "env" "tag" tag of type 0
;;= function 0 func[0] of type 2
;;= function 1 func[1] of type 3
;;= function 2 func[2] of type 2
;;= tag 0 of type 1
;;= export "own" tag 1
;;= export "imported" tag 0
;;= escaping []
;;= slots [precast_throw precast_throw_ref]
;;= features [exceptions]
