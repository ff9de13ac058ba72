;; Functions escape by `ref.func`, by globals, by passive segments, and by being declared only if
;; they are used. An export does not make one escape.
(module
  (global (export "global") funcref (ref.func $by_global))
  (elem declare func $declared_only $by_ref_func)
  (elem funcref (ref.func $by_passive) (ref.null func))
  (func $inside)
  (func $exported (export "exported"))
  (func $by_global)
  (func $declared_only)
  (func $by_ref_func)
  (func $by_passive)
  (func (export "get") (result funcref) (ref.func $by_ref_func)))

;;= target x86_64-unknown-linux
;;= type 0 (func) +entry
;;= type 1 (func (result funcref)) +entry
;;= function 0 inside of type 0
;;= function 1 exported of type 0
;;= function 2 by_global of type 0
;;= function 3 declared_only of type 0
;;= function 4 by_ref_func of type 0
;;= function 5 by_passive of type 0
;;= function 6 get of type 1
;;= global 0 (global funcref) = function:2
;;= elements 0 dropped []
;;= elements 1 passive [5 null]
;;= export "global" global 0
;;= export "exported" function 1
;;= export "get" function 6
;;= escaping [2 4 5]
;;= slots []
