(module binary
  "\00asm\01\00\00\00"
  "\01\04\01\60\00\00"                    ;; a type
  "\03\02\01\00"                          ;; a function
  "\0a\0a\01\08\01\ff\ff\ff\ff\0f\7f\0b") ;; four billion locals

;;= error: a function has too many locals: the limit is 50000
