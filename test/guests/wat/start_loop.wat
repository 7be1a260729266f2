;; The start function never ends: instantiation itself must be cut into slices and obey the timeout.
(module
  (memory (export "memory") 1)
  (func $loop (loop $again (br $again)))
  (start $loop)
  (func (export "_start")))
