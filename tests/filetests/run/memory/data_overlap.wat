;;! invoke: load 0
;;! invoke: load 65532
;;! invoke: load 4096
;;! invoke: load 131064

;; Segments apply in order, over one another; one crosses the end of a page, one lies in the last
;; bytes, an empty one lies exactly at the end.
(module
  (memory 2)
  (data (i32.const 0) "aaaaaaaa")
  (data (i32.const 2) "bbbb")
  (data (i32.const 3) "c")
  (data (i32.const 2) "")
  (data (i32.const 65532) "12345678")
  (data (i32.const 131068) "last")
  (data (i32.const 131072) "")
  (func (export "load") (param i32) (result i64) (i64.load (local.get 0))))

;;= load 0 -> 7016997869133652321
;;= load 65532 -> 4050765991979987505
;;= load 4096 -> 0
;;= load 131064 -> 8391157647205728256
