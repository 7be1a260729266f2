;; The start function takes memory for ever.
(module
  (memory (export "memory") 1)
  (func $grow
    (loop $again
      (if (i32.eq (memory.grow (i32.const 16)) (i32.const -1)) (then unreachable))
      (br $again)))
  (start $grow)
  (func (export "_start")))
