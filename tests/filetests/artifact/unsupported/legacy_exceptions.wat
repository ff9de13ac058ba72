;; What came before version 3.0 is no part of it.
(module
  (func (try (do) (catch_all))))
