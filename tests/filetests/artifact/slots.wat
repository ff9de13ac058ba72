;;! cpu: x86-64

;; Every runtime symbol is named once, in the order of first use, however often it is called.
(module
  (import "env" "f" (func $f))
  (memory 1)
  (table $t 1 externref)
  (data $d "x")
  (func $grow (drop (memory.grow (i32.const 1))) (drop (memory.grow (i32.const 1))))
  (func $copy (memory.copy (i32.const 0) (i32.const 1) (i32.const 1)))
  (func $fill (memory.fill (i32.const 0) (i32.const 1) (i32.const 1)))
  (func $init
    (memory.init $d (i32.const 0) (i32.const 0) (i32.const 1))
    (data.drop $d))
  (func $round (param f64) (result f64)
    (f64.add (f64.ceil (local.get 0)) (f64.nearest (local.get 0))))
  (func $table (drop (table.grow $t (ref.null extern) (i32.const 1)))))

;;= target x86_64-unknown-linux
;;= type 0 (func) +import
;;= type 1 (func (param f64) (result f64))
;;= import "env" "f" function of type 0
;;= function 1 grow of type 0
;;= function 2 copy of type 0
;;= function 3 fill of type 0
;;= function 4 init of type 0
;;= function 5 round of type 1
;;= function 6 table of type 0
;;= table 0 (table 1 externref) of null
;;= memory 0 (memory 1)
;;= data 0 passive "x"
;;= escaping []
;;= slots [precast_memory_grow precast_memory_copy precast_memory_fill precast_memory_init precast_data_drop precast_ceil_f64 precast_nearest_f64 precast_table_grow precast_raise]
