(module binary "\00asn\01\00\00\00")

;;= error: not a valid WebAssembly module: magic header not detected: bad magic number - expected=[
;;=     0x0,
;;=     0x61,
;;=     0x73,
;;=     0x6d,
;;= ] actual=[
;;=     0x0,
;;=     0x61,
;;=     0x73,
;;=     0x6e,
;;= ] (at byte offset 0x0)
