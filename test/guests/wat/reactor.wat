;; A core module without `_start`: none of the accepted kinds.
(module
  (memory (export "memory") 1)
  (func (export "handle") (result i32) (i32.const 42)))
