;; The start function overflows the stack.
(module
  (memory (export "memory") 1)
  (func $recurse (call $recurse))
  (start $recurse)
  (func (export "_start")))
