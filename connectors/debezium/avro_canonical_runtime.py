"""The part of the WebAssembly of `connectors.debezium.avro_canonical` that is the same for every
row.

Global `$s` is where the next sketch is written. The functions stand beside those of
`connectors.debezium.avro_runtime` and use its globals.
"""

from figwatch.validators.canonical.rows import NULL_SKETCH, SKETCH_PRIME

CANONICAL = f"""
(global $s (mut i32) (i32.const 0))

(func $bin16 (param $n i32)
  (if (call $room (i32.const 3)) (then
    (i32.store8 (global.get $o) (i32.const 0xc5))
    (i32.store8 (i32.add (global.get $o) (i32.const 1))
      (i32.shr_u (local.get $n) (i32.const 8)))
    (i32.store8 (i32.add (global.get $o) (i32.const 2)) (local.get $n))
    (global.set $o (i32.add (global.get $o) (i32.const 3))))))
;; the length of what stands behind the head at this place
(func $sized (param $at i32) (local $n i32)
  (if (global.get $bad) (then (return)))
  (local.set $n (i32.sub (global.get $o) (i32.add (local.get $at) (i32.const 3))))
  (if (i32.gt_u (local.get $n) (i32.const 65535)) (then (call $fail) (return)))
  (i32.store8 (i32.add (local.get $at) (i32.const 1)) (i32.shr_u (local.get $n) (i32.const 8)))
  (i32.store8 (i32.add (local.get $at) (i32.const 2)) (local.get $n)))
(func $sketch (param $n i32)
  (if (global.get $bad) (then (return)))
  (i32.store16 (global.get $s) (local.get $n))
  (global.set $s (i32.add (global.get $s) (i32.const 2))))
(func $c_null (call $put (i32.const 0xc0)) (call $sketch (i32.const {NULL_SKETCH})))

;; the shortest form of msgpack
(func $c_integer (param $n i64)
  (if (i64.ge_s (local.get $n) (i64.const 0))
    (then
      (if (i64.lt_u (local.get $n) (i64.const 0x80)) (then
        (call $put (i32.wrap_i64 (local.get $n))) (return)))
      (if (i64.lt_u (local.get $n) (i64.const 0x100)) (then
        (call $put (i32.const 0xcc)) (call $put (i32.wrap_i64 (local.get $n))) (return)))
      (if (i64.lt_u (local.get $n) (i64.const 0x10000)) (then
        (call $put (i32.const 0xcd)) (call $c_two (local.get $n)) (return)))
      (if (i64.lt_u (local.get $n) (i64.const 0x100000000)) (then
        (call $head (i32.const 0xce) (i32.wrap_i64 (local.get $n))) (return)))
      (call $eight (i32.const 0xcf) (local.get $n)))
    (else
      (if (i64.ge_s (local.get $n) (i64.const -32)) (then
        (call $put (i32.wrap_i64 (local.get $n))) (return)))
      (if (i64.ge_s (local.get $n) (i64.const -128)) (then
        (call $put (i32.const 0xd0)) (call $put (i32.wrap_i64 (local.get $n))) (return)))
      (if (i64.ge_s (local.get $n) (i64.const -32768)) (then
        (call $put (i32.const 0xd1)) (call $c_two (local.get $n)) (return)))
      (if (i64.ge_s (local.get $n) (i64.const -2147483648)) (then
        (call $head (i32.const 0xd2) (i32.wrap_i64 (local.get $n))) (return)))
      (call $eight (i32.const 0xd3) (local.get $n)))))
(func $c_two (param $n i64)
  (call $put (i32.wrap_i64 (i64.shr_u (local.get $n) (i64.const 8))))
  (call $put (i32.wrap_i64 (local.get $n))))
(func $c_atom (param $n i64) (local $r i64)
  (call $c_integer (local.get $n))
  (local.set $r (i64.rem_s (local.get $n) (i64.const {SKETCH_PRIME})))
  (if (i64.le_s (local.get $r) (i64.const 0)) (then
    (local.set $r (i64.add (local.get $r) (i64.const {SKETCH_PRIME})))))
  (call $sketch (i32.wrap_i64 (local.get $r))))
(func $c_number (param $low i64) (param $high i64) (param $factor i64) (local $n i64)
  (local.set $n (call $read))
  (if (i64.lt_s (local.get $n) (local.get $low)) (then (call $fail) (return)))
  (if (i64.gt_s (local.get $n) (local.get $high)) (then (call $fail) (return)))
  (call $c_atom (i64.mul (local.get $n) (local.get $factor))))
(func $c_boolean (call $c_atom (i64.extend_i32_u (i32.eq (call $byte) (i32.const 1)))))

;; two's complement without its trailing zeros: a number, or (coefficient, scale)
(func $c_decimal (param $scale i32) (local $n i32) (local $x i64) (local $i i32) (local $at i32)
  (local.set $n (call $length))
  (if (i32.gt_u (local.get $n) (i32.const 6)) (then (call $fail) (return)))
  (if (local.get $n) (then
    (loop $more
      (local.set $x (i64.or (i64.shl (local.get $x) (i64.const 8))
        (i64.load8_u (i32.add (global.get $p) (local.get $i)))))
      (br_if $more (i32.lt_u
        (local.tee $i (i32.add (local.get $i) (i32.const 1))) (local.get $n))))
    (local.set $i (i32.sub (i32.const 64) (i32.shl (local.get $n) (i32.const 3))))
    (local.set $x (i64.shr_s
      (i64.shl (local.get $x) (i64.extend_i32_u (local.get $i)))
      (i64.extend_i32_u (local.get $i))))))
  (global.set $p (i32.add (global.get $p) (local.get $n)))
  (block $whole (loop $zero
    (br_if $whole (i32.eqz (local.get $scale)))
    (br_if $whole (i64.ne (i64.rem_s (local.get $x) (i64.const 10)) (i64.const 0)))
    (local.set $x (i64.div_s (local.get $x) (i64.const 10)))
    (local.set $scale (i32.sub (local.get $scale) (i32.const 1)))
    (br $zero)))
  (if (i32.eqz (local.get $scale)) (then (call $c_atom (local.get $x)) (return)))
  (local.set $at (global.get $o))
  (call $put (i32.const 0x92)) (call $c_integer (local.get $x)) (call $put (local.get $scale))
  (call $c_hash (local.get $at) (i32.sub (global.get $o) (local.get $at))))

;; ASCII only: whether other bytes are UTF-8 is not for the machine to say
(func $c_text (param $below i32) (local $n i32) (local $i i32) (local $bits i64)
  (local.set $n (call $length))
  (if (i32.ge_u (local.get $n) (local.get $below)) (then (call $fail) (return)))
  (block $end (loop $more
    (br_if $end (i32.lt_u (i32.sub (local.get $n) (local.get $i)) (i32.const 8)))
    (local.set $bits (i64.or (local.get $bits)
      (i64.load (i32.add (global.get $p) (local.get $i)))))
    (local.set $i (i32.add (local.get $i) (i32.const 8)))
    (br $more)))
  (block $end (loop $more
    (br_if $end (i32.ge_u (local.get $i) (local.get $n)))
    (local.set $bits (i64.or (local.get $bits)
      (i64.load8_u (i32.add (global.get $p) (local.get $i)))))
    (local.set $i (i32.add (local.get $i) (i32.const 1)))
    (br $more)))
  (if (i64.ne (i64.and (local.get $bits) (i64.const 0x8080808080808080)) (i64.const 0))
    (then (call $fail) (return)))
  (call $put (i32.or (local.get $n) (i32.const 0xa0)))
  (call $c_hash (global.get $p) (local.get $n))
  (call $copy (global.get $p) (local.get $n))
  (global.set $p (i32.add (global.get $p) (local.get $n))))

;; XXH32 with seed 0 (github.com/Cyan4973/xxHash, doc/xxhash_spec.md)
(func $c_lane (param $v i32) (param $p i32) (result i32)
  (i32.mul (i32.rotl (i32.add (local.get $v) (i32.mul (i32.load (local.get $p))
    (i32.const 0x85ebca77))) (i32.const 13)) (i32.const 0x9e3779b1)))
(func $c_hash (param $p i32) (param $n i32)
  (local $e i32) (local $h i32) (local $a i32) (local $b i32) (local $c i32) (local $d i32)
  (local.set $e (i32.add (local.get $p) (local.get $n)))
  (if (i32.ge_u (local.get $n) (i32.const 16))
    (then
      (local.set $a (i32.const 0x24234428)) (local.set $b (i32.const 0x85ebca77))
      (local.set $d (i32.const 0x61c8864f))
      (loop $more
        (local.set $a (call $c_lane (local.get $a) (local.get $p)))
        (local.set $b (call $c_lane (local.get $b) (i32.add (local.get $p) (i32.const 4))))
        (local.set $c (call $c_lane (local.get $c) (i32.add (local.get $p) (i32.const 8))))
        (local.set $d (call $c_lane (local.get $d) (i32.add (local.get $p) (i32.const 12))))
        (local.set $p (i32.add (local.get $p) (i32.const 16)))
        (br_if $more (i32.le_u (i32.add (local.get $p) (i32.const 16)) (local.get $e))))
      (local.set $h (i32.add
        (i32.add (i32.rotl (local.get $a) (i32.const 1)) (i32.rotl (local.get $b) (i32.const 7)))
        (i32.add (i32.rotl (local.get $c) (i32.const 12))
          (i32.rotl (local.get $d) (i32.const 18))))))
    (else (local.set $h (i32.const 0x165667b1))))
  (local.set $h (i32.add (local.get $h) (local.get $n)))
  (block $end (loop $four
    (br_if $end (i32.gt_u (i32.add (local.get $p) (i32.const 4)) (local.get $e)))
    (local.set $h (i32.mul (i32.rotl (i32.add (local.get $h)
      (i32.mul (i32.load (local.get $p)) (i32.const 0xc2b2ae3d))) (i32.const 17))
      (i32.const 0x27d4eb2f)))
    (local.set $p (i32.add (local.get $p) (i32.const 4)))
    (br $four)))
  (block $end (loop $one
    (br_if $end (i32.ge_u (local.get $p) (local.get $e)))
    (local.set $h (i32.mul (i32.rotl (i32.add (local.get $h)
      (i32.mul (i32.load8_u (local.get $p)) (i32.const 0x165667b1))) (i32.const 11))
      (i32.const 0x9e3779b1)))
    (local.set $p (i32.add (local.get $p) (i32.const 1)))
    (br $one)))
  (local.set $h (i32.mul (i32.xor (local.get $h) (i32.shr_u (local.get $h) (i32.const 15)))
    (i32.const 0x85ebca77)))
  (local.set $h (i32.mul (i32.xor (local.get $h) (i32.shr_u (local.get $h) (i32.const 13)))
    (i32.const 0xc2b2ae3d)))
  (local.set $h (i32.and (i32.xor (local.get $h) (i32.shr_u (local.get $h) (i32.const 16)))
    (i32.const 0xffff)))
  (call $sketch (select (local.get $h) (i32.const 1) (local.get $h))))
"""
