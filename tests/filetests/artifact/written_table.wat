;; Each of these tables is changed or looked into by some instruction, and is not constant; the
;; last one only has its size asked for.
(module
  (table $get 1 funcref)
  (table $set 1 funcref)
  (table $grow 1 funcref)
  (table $fill 1 funcref)
  (table $init 1 funcref)
  (table $copy_from 1 funcref)
  (table $copy_to 1 funcref)
  (table $size 1 funcref)
  (elem $e func $f)
  (func $f
    (drop (table.get $get (i32.const 0)))
    (table.set $set (i32.const 0) (ref.null func))
    (drop (table.grow $grow (ref.null func) (i32.const 1)))
    (table.fill $fill (i32.const 0) (ref.null func) (i32.const 1))
    (table.init $init $e (i32.const 0) (i32.const 0) (i32.const 1))
    (table.copy $copy_to $copy_from (i32.const 0) (i32.const 0) (i32.const 1))
    (drop (table.size $size))))

;;= target x86_64-unknown-linux
;;= type 0 (func) +entry
;;= function 0 f of type 0
;;= table 0 (table 1 funcref) of null
;;= table 1 (table 1 funcref) of null
;;= table 2 (table 1 funcref) of null
;;= table 3 (table 1 funcref) of null
;;= table 4 (table 1 funcref) of null
;;= table 5 (table 1 funcref) of null
;;= table 6 (table 1 funcref) of null
;;= table 7 (table 1 funcref) constant [null]
;;= elements 0 passive [0]
;;= escaping [0]
;;= slots [precast_table_grow precast_table_fill precast_table_init precast_table_copy]
