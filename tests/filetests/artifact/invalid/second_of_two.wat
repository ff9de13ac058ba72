;; Functions are validated in parallel, but the error is always that of the first.
(module
  (func)
  (func (result i32))
  (func (i32.add) (drop))
  (func))
