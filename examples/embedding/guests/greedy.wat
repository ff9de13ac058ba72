;; Takes what it can get.
(module $greedy
  (memory 1)
  (table 1 funcref)

  ;; How many pages it has in the end, asking for one at a time.
  (func (export "take_memory") (result i32)
    (loop $more
      (br_if $more (i32.ne (memory.grow (i32.const 1)) (i32.const -1))))
    (memory.size))

  ;; -1, if it does not get so many more elements.
  (func (export "take_elements") (param $elements i32) (result i32)
    (table.grow (ref.null func) (local.get $elements)))

  (func (export "take_time")
    (loop $forever (br $forever))))
