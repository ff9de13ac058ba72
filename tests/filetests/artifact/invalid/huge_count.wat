;; A count of four billion types, in a section of five bytes.
(module binary "\00asm\01\00\00\00" "\01\05\ff\ff\ff\ff\0f")

;;= error: there are too many types: the limit is 1000000
