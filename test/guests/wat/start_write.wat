;; The start function writes to stdout for ever.
(module
  (import "wasi_snapshot_preview1" "fd_write" (func $fd_write (param i32 i32 i32 i32) (result i32)))
  (memory (export "memory") 2)
  ;; One vector at 8: 4 KiB of zeros from 4096.
  (data (i32.const 8) "\00\10\00\00\00\10\00\00")
  (func $write
    (loop $again
      (if (call $fd_write (i32.const 1) (i32.const 8) (i32.const 1) (i32.const 0)) (then unreachable))
      (br $again)))
  (start $write)
  (func (export "_start")))
