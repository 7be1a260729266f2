;; Traps if a fresh table, or what it grows by, holds anything.
(module
  (memory (export "memory") 1)
  (table $table 10 funcref)
  (func (export "_start") (local $i i32)
    (if (i32.ne (table.grow $table (ref.null func) (i32.const 990)) (i32.const 10)) (then unreachable))
    (loop $next
      (if (i32.eqz (ref.is_null (table.get $table (local.get $i)))) (then unreachable))
      (local.set $i (i32.add (local.get $i) (i32.const 1)))
      (br_if $next (i32.lt_u (local.get $i) (i32.const 1000))))))
