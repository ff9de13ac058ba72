;;! invoke: as_itself
;;! invoke: as_super
;;! invoke: as_sub
;;! invoke: as_stranger
;;! invoke: in_group
;;! backtrace: true

;; An indirect call takes functions of subtypes too. Equal types in different recursion groups are
;; different.
(module
  (type $top (sub (func (result i32))))
  (type $middle (sub $top (func (result i32))))
  (type $bottom (sub final $middle (func (result i32))))
  (rec (type $first (func (result i32))) (type $second (func (result i32))))
  (rec (type $again (func (result i32))) (type $once_more (func (result i32))))
  (table funcref (elem $middle $second))
  (func $middle (type $middle) (i32.const 1))
  (func $second (type $second) (i32.const 2))
  (func (export "as_itself") (result i32) (call_indirect (type $middle) (i32.const 0)))
  (func (export "as_super") (result i32) (call_indirect (type $top) (i32.const 0)))
  (func (export "as_sub") (result i32) (call_indirect (type $bottom) (i32.const 0)))
  (func (export "as_stranger") (result i32) (call_indirect (type $first) (i32.const 1)))
  (func (export "in_group") (result i32) (call_indirect (type $once_more) (i32.const 1))))

;;= as_itself -> 1
;;= as_super -> 1
;;= as_sub -> trap: indirect call type mismatch
;;=   in as_sub
;;= as_stranger -> trap: indirect call type mismatch
;;=   in as_stranger
;;= in_group -> 2
