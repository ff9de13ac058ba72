;; A plugin that keeps something between calls: it counts what it was asked.
(module $tickets
  (memory (export "memory") 1)

  ;; The request's square; and how many there were is written to address 0.
  (func (export "handle") (param $request i32) (result i32)
    (i32.store (i32.const 0) (i32.add (i32.load (i32.const 0)) (i32.const 1)))
    (i32.mul (local.get $request) (local.get $request))))
