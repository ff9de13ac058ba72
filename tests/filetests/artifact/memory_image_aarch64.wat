;;! target: aarch64-unknown-linux-gnu

;; Pages of 16 KiB.
(module
  (memory 2)
  (data (i32.const 4094) "across a page")
  (data (i32.const 131068) "last"))

;;= target aarch64-unknown-linux
;;= memory 0 (memory 2)
;;=   0x0 + 0x4000: 0xffe="across a page"
;;=   0x1c000 + 0x4000: 0x1fffc="last"
;;= data 0 in the image ""
;;= data 1 in the image ""
;;= escaping []
;;= slots []
