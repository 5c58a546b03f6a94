"""The part of the WebAssembly of `connectors.debezium.machine.avro` that reads Avro, the same for
every schema. It stands behind `connectors.debezium.machine.runtime`, whose globals it uses.
"""

READING = """
(func $step (param $n i32)
  (if (i32.gt_u (local.get $n) (call $left)) (then (call $fail) (return)))
  (global.set $p (i32.add (global.get $p) (local.get $n))))

;; a zigzag integer of at most 64 bits
(func $read (result i64) (local $p i32) (local $b i64) (local $n i64) (local $s i64)
  (local.set $p (global.get $p))
  (loop $more
    (if (i32.ge_s (local.get $p) (global.get $e)) (then (call $fail) (return (i64.const 0))))
    (local.set $b (i64.load8_u (local.get $p)))
    (local.set $p (i32.add (local.get $p) (i32.const 1)))
    (local.set $n (i64.or (local.get $n)
      (i64.shl (i64.and (local.get $b) (i64.const 127)) (local.get $s))))
    (if (i64.gt_u (local.get $b) (i64.const 127)) (then
      (local.set $s (i64.add (local.get $s) (i64.const 7)))
      (br_if $more (i64.lt_u (local.get $s) (i64.const 64)))
      (call $fail) (return (i64.const 0)))))
  ;; of the tenth byte one bit is left
  (if (i32.and (i64.eq (local.get $s) (i64.const 63)) (i64.gt_u (local.get $b) (i64.const 1)))
    (then (call $fail)))
  (global.set $p (local.get $p))
  (i64.xor (i64.shr_u (local.get $n) (i64.const 1))
    (i64.sub (i64.const 0) (i64.and (local.get $n) (i64.const 1)))))

;; the items of a block: each has at least one byte
(func $count (result i64) (local $n i64)
  (local.set $n (call $read))
  (if (i64.lt_s (local.get $n) (i64.const 0)) (then
    (local.set $n (i64.sub (i64.const 0) (local.get $n))) (drop (call $read))))
  (if (i64.gt_u (local.get $n) (i64.extend_i32_u (call $left))) (then
    (call $fail) (return (i64.const 0))))
  (local.get $n))

;; the length of bytes that are there
(func $length (result i32) (local $n i64)
  (local.set $n (call $read))
  (if (i64.gt_u (local.get $n) (i64.extend_i32_u (call $left))) (then
    (call $fail) (return (i32.const 0))))
  (i32.wrap_i64 (local.get $n)))

(func $skip_null)
(func $boolean (call $put (select (i32.const 0xc3) (i32.const 0xc2)
  (i32.eq (call $byte) (i32.const 1)))))
(func $skip_boolean (drop (call $byte)))
(func $long (local $n i64)
  (local.set $n (call $read))
  (if (i64.lt_u (local.get $n) (i64.const 128))
    (then (call $put (i32.wrap_i64 (local.get $n))))
    (else (call $eight (i32.const 0xd3) (local.get $n)))))
(func $int (call $long))
;; eight bytes at once: the last byte of a number has no high bit
(func $skip_long (local $p i32) (local $ends i64)
  (local.set $p (global.get $p))
  (loop $more
    (if (i32.ge_s (local.get $p) (global.get $e)) (then (call $fail) (return)))
    (local.set $ends (i64.and (i64.xor (i64.load (local.get $p)) (i64.const -1))
      (i64.const 0x8080808080808080)))
    (if (i64.eqz (local.get $ends)) (then
      (local.set $p (i32.add (local.get $p) (i32.const 8))) (br $more))))
  (global.set $p (i32.add (i32.add (local.get $p) (i32.const 1))
    (i32.wrap_i64 (i64.shr_u (i64.ctz (local.get $ends)) (i64.const 3))))))
(func $skip_int (call $skip_long))
(func $float
  (if (i32.lt_s (call $left) (i32.const 4)) (then (call $fail) (return)))
  (call $head (i32.const 0xca) (i32.load (global.get $p)))
  (global.set $p (i32.add (global.get $p) (i32.const 4))))
(func $skip_float (call $step (i32.const 4)))
(func $double
  (if (i32.lt_s (call $left) (i32.const 8)) (then (call $fail) (return)))
  (call $eight (i32.const 0xcb) (i64.load (global.get $p)))
  (global.set $p (i32.add (global.get $p) (i32.const 8))))
(func $skip_double (call $step (i32.const 8)))
(func $bin (param $n i32)
  (if (i32.gt_u (local.get $n) (call $left)) (then (call $fail) (return)))
  (call $head (i32.const 0xc6) (local.get $n))
  (call $copy (global.get $p) (local.get $n))
  (global.set $p (i32.add (global.get $p) (local.get $n))))
(func $bytes (call $bin (call $length)))
(func $skip_bytes (call $step (call $length)))
(func $string (local $n i32)
  (local.set $n (call $length))
  (call $text (global.get $p) (local.get $n))
  (global.set $p (i32.add (global.get $p) (local.get $n))))
(func $skip_string (call $step (call $length)))
"""

SIMPLE = """
(func $c_number (param $low i64) (param $high i64) (param $factor i64)
  (call $c_bounded (call $read) (local.get $low) (local.get $high) (local.get $factor)))
(func $c_boolean (call $c_atom (i64.extend_i32_u (i32.eq (call $byte) (i32.const 1)))))

;; two's complement of up to six bytes
(func $c_decimal (param $scale i32) (local $n i32) (local $x i64) (local $i i32)
  (local.set $n (call $length))
  (if (i32.gt_u (local.get $n) (i32.const 6)) (then (call $fail) (return)))
  (if (local.get $n) (then
    (loop $more
      (local.set $x (i64.or (i64.shl (local.get $x) (i64.const 8))
        (i64.load8_u (i32.add (global.get $p) (local.get $i)))))
      (br_if $more (i32.lt_u
        (local.tee $i (i32.add (local.get $i) (i32.const 1))) (local.get $n))))
    (local.set $x (call $signed (local.get $x) (local.get $n)))))
  (global.set $p (i32.add (global.get $p) (local.get $n)))
  (call $c_scaled (local.get $x) (local.get $scale)))

;; ASCII only: whether other bytes are UTF-8 is not for the machine to say
(func $c_text (param $below i32) (local $n i32)
  (local.set $n (call $length))
  (if (i32.ge_u (local.get $n) (local.get $below)) (then (call $fail) (return)))
  (if (i32.and
      (i32.or (i8x16.bitmask (v128.load (global.get $p)))
        (i32.shl (i8x16.bitmask (v128.load offset=16 (global.get $p))) (i32.const 16)))
      (i32.sub (i32.shl (i32.const 1) (local.get $n)) (i32.const 1)))
    (then (call $fail) (return)))
  (call $c_ascii (local.get $n)))
"""
