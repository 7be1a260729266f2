;; Leaves a function reference in every element of its table, grown to 1,000.
(module
  (memory (export "memory") 1)
  (table $table 10 funcref)
  (elem declare func $secret)
  (func $secret)
  (func (export "_start")
    (drop (table.grow $table (ref.func $secret) (i32.const 990)))
    (table.fill $table (i32.const 0) (ref.func $secret) (i32.const 10))))
