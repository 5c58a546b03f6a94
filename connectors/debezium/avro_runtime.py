"""The part of the WebAssembly of `connectors.debezium.avro_wat` that is the same for every schema.

Globals: `$p` and `$e`, where the record is read and where it ends; `$o` and `$l`, where the output
is written and where it must end; `$bad`, set once the bytes do not fit. Nothing is written beyond
the bound. A single byte may be read beyond `$e`, but no length and no loop goes there; in the end
`$p` must be `$e`.
"""

RUN = """
(func (export "run") (param $n i32) (result i32) (local $i i32) (local $start i32)
  (global.set $e (i32.const {input})) (global.set $o (i32.const {output}))
  (block $end (loop $next
    (br_if $end (i32.ge_u (local.get $i) (local.get $n)))
    (global.set $p (global.get $e))
    (global.set $e (i32.add (global.get $e) (i32.load
      (i32.add (i32.const {table}) (i32.mul (local.get $i) (i32.const 4))))))
    ;; every record can at least be said not to fit
    (global.set $l (i32.sub (i32.const {end}) (i32.sub (local.get $n) (local.get $i))))
    (local.set $start (global.get $o)) (global.set $bad (i32.const 0))
    {prefix}
    (if (i32.eqz (global.get $bad)) (then (call $record)))
    (if (i32.or (global.get $bad) (i32.ne (global.get $p) (global.get $e))) (then
      (i32.store8 (local.get $start) (i32.const 0xc0))
      (global.set $o (i32.add (local.get $start) (i32.const 1)))))
    (local.set $i (i32.add (local.get $i) (i32.const 1)))
    (br $next)))
  (global.get $o))
"""

RUNTIME = """
(memory (export "memory") {pages})
(global $p (mut i32) (i32.const 0)) (global $e (mut i32) (i32.const 0))
(global $o (mut i32) (i32.const 0)) (global $l (mut i32) (i32.const 0))
(global $bad (mut i32) (i32.const 0))

(func $fail (global.set $bad (i32.const 1)))
(func $left (result i32)
  (if (i32.gt_u (global.get $p) (global.get $e)) (then (return (i32.const 0))))
  (i32.sub (global.get $e) (global.get $p)))
(func $byte (result i32)
  (if (i32.ge_s (global.get $p) (global.get $e)) (then (call $fail) (return (i32.const 0))))
  (i32.load8_u (global.get $p)) (global.set $p (i32.add (global.get $p) (i32.const 1))))
(func $expect (param $byte i32)
  (if (i32.ne (call $byte) (local.get $byte)) (then (call $fail))))
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

(func $room (param $n i32) (result i32)
  (if (i32.gt_u (local.get $n) (i32.sub (global.get $l) (global.get $o))) (then
    (call $fail) (return (i32.const 0))))
  (i32.const 1))
(func $put (param $byte i32)
  (if (call $room (i32.const 1)) (then
    (i32.store8 (global.get $o) (local.get $byte))
    (global.set $o (i32.add (global.get $o) (i32.const 1))))))
;; short ones by eight bytes: what is copied too much is written over
(func $copy (param $from i32) (param $n i32) (local $to i32)
  (if (i32.eqz (call $room (i32.add (local.get $n) (i32.const 8)))) (then (return)))
  (local.set $to (global.get $o))
  (global.set $o (i32.add (local.get $to) (local.get $n)))
  (if (i32.gt_u (local.get $n) (i32.const 64)) (then
    (memory.copy (local.get $to) (local.get $from) (local.get $n)) (return)))
  (loop $more
    (i64.store (local.get $to) (i64.load (local.get $from)))
    (local.set $to (i32.add (local.get $to) (i32.const 8)))
    (local.set $from (i32.add (local.get $from) (i32.const 8)))
    (br_if $more (i32.lt_u (local.get $to) (global.get $o)))))
(func $swap4 (param $x i32) (result i32)
  (i32.or
    (i32.rotl (i32.and (local.get $x) (i32.const 0xff00ff00)) (i32.const 8))
    (i32.rotl (i32.and (local.get $x) (i32.const 0x00ff00ff)) (i32.const 24))))
(func $swap8 (param $x i64) (result i64)
  (i64.or
    (i64.shl (i64.extend_i32_u (call $swap4 (i32.wrap_i64 (local.get $x)))) (i64.const 32))
    (i64.extend_i32_u
      (call $swap4 (i32.wrap_i64 (i64.shr_u (local.get $x) (i64.const 32)))))))
;; a 4-byte number behind the byte at this place
(func $number (param $place i32) (param $n i32)
  (if (i32.eqz (global.get $bad)) (then
    (i32.store (i32.add (local.get $place) (i32.const 1)) (call $swap4 (local.get $n))))))
(func $head (param $kind i32) (param $n i32)
  (if (call $room (i32.const 5)) (then
    (i32.store8 (global.get $o) (local.get $kind))
    (i32.store (i32.add (global.get $o) (i32.const 1)) (call $swap4 (local.get $n)))
    (global.set $o (i32.add (global.get $o) (i32.const 5))))))
(func $eight (param $kind i32) (param $x i64)
  (if (call $room (i32.const 9)) (then
    (i32.store8 (global.get $o) (local.get $kind))
    (i64.store (i32.add (global.get $o) (i32.const 1)) (call $swap8 (local.get $x)))
    (global.set $o (i32.add (global.get $o) (i32.const 9))))))
(func $text (param $from i32) (param $n i32)
  (if (i32.lt_u (local.get $n) (i32.const 32))
    (then (call $put (i32.or (local.get $n) (i32.const 0xa0))))
    (else (call $head (i32.const 0xdb) (local.get $n))))
  (call $copy (local.get $from) (local.get $n)))

(func $null (call $put (i32.const 0xc0)))
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
(func $skip_long (loop $more (br_if $more (i32.gt_u (call $byte) (i32.const 127)))))
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
