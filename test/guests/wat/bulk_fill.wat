;; One huge bulk-memory operation after the other for ever: each is the longest stretch a slice can take.
(module
  (memory (export "memory") 512)
  (func (export "_start")
    (loop $again
      (memory.fill (i32.const 0) (i32.const 1) (i32.const 33554432))
      (br $again))))
