;; Segments become extents of whole pages; pages of zeros are left out, neighbours joined, later
;; segments win.
(module
  (memory 2)
  (data (i32.const 0) "first")
  (data (i32.const 2) "RS")
  (data (i32.const 4094) "across a page")
  (data (i32.const 65536) "\00\00\00\00")
  (data (i32.const 131068) "last"))

;;= target x86_64-unknown-linux
;;= memory 0 (memory 2)
;;=   0x0 + 0x2000: 0x0="fiRSt" 0xffe="across a page"
;;=   0x1f000 + 0x1000: 0x1fffc="last"
;;= data 0 in the image ""
;;= data 1 in the image ""
;;= data 2 in the image ""
;;= data 3 in the image ""
;;= data 4 in the image ""
;;= escaping []
;;= slots []
