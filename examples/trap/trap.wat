;; Traps three calls below the entry, with names for the backtrace: $read_table, $find_row, $load_cell.
(module
  (memory 1)
  (func $load_cell (param $address i32) (result i32)
    (i32.load offset=4 (local.get $address)))
  (func $find_row (param $row i32) (result i32)
    (i32.add (call $load_cell (i32.mul (local.get $row) (i32.const 65536))) (i32.const 1)))
  (func $read_table (param $row i32) (result i32)
    (i32.add (call $find_row (local.get $row)) (i32.const 1)))
  ;; Row 0 is inside the memory and gives 2; row 1 is the first that lies outside.
  (func $main (export "main") (param $row i32) (result i32)
    (call $read_table (local.get $row)))
  (func $start (export "_start")
    (drop (call $read_table (i32.const 1)))))
