"""The part of the WebAssembly of `connectors.debezium.machine.json` that reads JSON (RFC 8259, as
compact as a JsonConverter writes it), the same for every form of records. It stands behind
`connectors.debezium.machine.runtime` and `connectors.debezium.machine.canonical`.

Whatever is stepped over is checked as msgspec checks it, or more strictly.
"""

from figwatch.connectors.debezium.machine.runtime import TABLE, data

DEPTH_MAX = 32
DIGITS_MAX = 18
"""Of a whole number that is read as one: it fits 64 bits."""
RAW = 1
"""msgpack's extension that holds a JSON text."""
_BASE64 = TABLE - 256
"""Here stand the values of the base64 letters; 64 for none."""
_LETTERS = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"

READING = f"""
{data(_BASE64, bytes(_LETTERS.find(letter) % 65 for letter in range(256)))}
;; of the text last looked at: 1 it has letters beyond ASCII, 2 escapes
(global $odd (mut i32) (i32.const 0))

;; which of the 16 letters are digits
(func $digits16 (param $p i32) (result i32)
  (i8x16.bitmask (i8x16.lt_u (i8x16.sub (v128.load (local.get $p)) (i8x16.splat (i32.const 48)))
    (i8x16.splat (i32.const 10)))))
;; steps over digits and returns their number
(func $digits (result i32) (local $n i32) (local $i i32)
  (loop $more
    (local.set $i (i32.ctz (i32.xor (call $digits16 (global.get $p)) (i32.const -1))))
    (global.set $p (i32.add (global.get $p) (local.get $i)))
    (local.set $n (i32.add (local.get $n) (local.get $i)))
    (br_if $more (i32.and (i32.eq (local.get $i) (i32.const 16))
      (i32.lt_u (global.get $p) (global.get $e)))))
  (if (i32.eqz (local.get $n)) (then (call $fail)))
  (local.get $n))
(func $next (result i32) (i32.load8_u (global.get $p)))
(func $skip1 (global.set $p (i32.add (global.get $p) (i32.const 1))))
;; an integer's digits; a sign stands before them
(func $whole (local $zero i32)
  (local.set $zero (i32.eq (call $next) (i32.const 48)))
  (if (i32.and (i32.gt_u (call $digits) (i32.const 1)) (local.get $zero)) (then (call $fail))))
(func $skip_number (local $c i32)
  (if (i32.eq (call $next) (i32.const 45)) (then (call $skip1)))
  (call $whole)
  (if (i32.eq (call $next) (i32.const 46)) (then (call $skip1) (drop (call $digits))))
  (if (i32.eq (i32.or (call $next) (i32.const 32)) (i32.const 101)) (then
    (call $skip1)
    (local.set $c (call $next))
    (if (i32.or (i32.eq (local.get $c) (i32.const 43)) (i32.eq (local.get $c) (i32.const 45)))
      (then (call $skip1)))
    (drop (call $digits)))))

;; steps over a text whose quote is behind us, and returns where its end quote is
(func $string (result i32) (local $v v128) (local $m i32) (local $p i32) (local $c i32)
  (global.set $odd (i32.const 0))
  (local.set $p (global.get $p))
  (loop $more
    (if (i32.ge_u (local.get $p) (global.get $e)) (then (call $fail) (return (local.get $p))))
    (local.set $v (v128.load (local.get $p)))
    (local.set $m (i8x16.bitmask (v128.or
      (i8x16.lt_s (local.get $v) (i8x16.splat (i32.const 32)))
      (v128.or (i8x16.eq (local.get $v) (i8x16.splat (i32.const 34)))
        (i8x16.eq (local.get $v) (i8x16.splat (i32.const 92)))))))
    (if (i32.eqz (local.get $m)) (then
      (local.set $p (i32.add (local.get $p) (i32.const 16))) (br $more)))
    (local.set $p (i32.add (local.get $p) (i32.ctz (local.get $m))))
    (local.set $c (i32.load8_u (local.get $p)))
    (if (i32.ne (local.get $c) (i32.const 34)) (then
      (if (i32.lt_u (local.get $c) (i32.const 32)) (then
        (call $fail) (return (local.get $p))))
      (if (i32.eq (local.get $c) (i32.const 92))
        (then
          (global.set $odd (i32.or (global.get $odd) (i32.const 2)))
          (local.set $p (i32.add (local.get $p) (i32.const 1)))
          (if (i32.eqz (call $escaped (i32.load8_u (local.get $p)))) (then
            (call $fail) (return (local.get $p)))))
        (else (global.set $odd (i32.or (global.get $odd) (i32.const 1)))))
      (local.set $p (i32.add (local.get $p) (i32.const 1)))
      (br $more))))
  (global.set $p (i32.add (local.get $p) (i32.const 1)))
  (local.get $p))
;; bfnrt/\\" but not u: which texts of four letters may stand there is not for the machine to say
(func $escaped (param $c i32) (result i32)
  (i32.or
    (i32.or (i32.eq (local.get $c) (i32.const 34)) (i32.eq (local.get $c) (i32.const 47)))
    (i32.or (i32.eq (local.get $c) (i32.const 92))
      (i32.and (i32.eq (i32.and (local.get $c) (i32.const 0xe0)) (i32.const 0x60))
        (i32.and (i32.shr_u (i32.const 0x144044) (i32.and (local.get $c) (i32.const 31)))
          (i32.const 1))))))
(func $word (param $letters i32)
  (if (i32.ne (i32.load (global.get $p)) (local.get $letters)) (then (call $fail)))
  (global.set $p (i32.add (global.get $p) (i32.const 4))))
(func $false (call $skip1) (call $word (i32.const 0x65736c61)))

(func $skip (param $depth i32) (local $c i32)
  (if (global.get $bad) (then (return)))
  (if (i32.or (i32.ge_u (global.get $p) (global.get $e))
    (i32.gt_u (local.get $depth) (i32.const {DEPTH_MAX}))) (then (call $fail) (return)))
  (local.set $c (call $next))
  (if (i32.eq (local.get $c) (i32.const 34)) (then
    (call $skip1) (drop (call $string)) (return)))
  (if (i32.eq (local.get $c) (i32.const 110)) (then
    (call $word (i32.const 0x6c6c756e)) (return)))
  (if (i32.eq (local.get $c) (i32.const 116)) (then
    (call $word (i32.const 0x65757274)) (return)))
  (if (i32.eq (local.get $c) (i32.const 102)) (then (call $false) (return)))
  (if (i32.or (i32.eq (local.get $c) (i32.const 123)) (i32.eq (local.get $c) (i32.const 91)))
    (then (call $skip_items (local.get $c) (local.get $depth)) (return)))
  (call $skip_number))
;; members or items: each closing bracket is its opening one plus two
(func $skip_items (param $open i32) (param $depth i32) (local $c i32)
  (call $skip1)
  (if (i32.eq (call $next) (i32.add (local.get $open) (i32.const 2))) (then
    (call $skip1) (return)))
  (loop $more
    (if (i32.eq (local.get $open) (i32.const 123)) (then
      (call $expect (i32.const 34)) (drop (call $string)) (call $expect (i32.const 58))))
    (call $skip (i32.add (local.get $depth) (i32.const 1)))
    (if (global.get $bad) (then (return)))
    (local.set $c (call $byte))
    (br_if $more (i32.eq (local.get $c) (i32.const 44)))
    (if (i32.ne (local.get $c) (i32.add (local.get $open) (i32.const 2))) (then (call $fail)))))

(func $integer (result i64) (local $x i64) (local $p i32) (local $minus i32)
  (local.set $minus (i32.eq (call $next) (i32.const 45)))
  (if (local.get $minus) (then (call $skip1)))
  (local.set $p (global.get $p))
  (call $whole)
  (if (i32.gt_u (i32.sub (global.get $p) (local.get $p)) (i32.const {DIGITS_MAX})) (then
    (call $fail) (return (i64.const 0))))
  (block $end (loop $more
    (br_if $end (i32.ge_u (local.get $p) (global.get $p)))
    (local.set $x (i64.add (i64.mul (local.get $x) (i64.const 10))
      (i64.sub (i64.load8_u (local.get $p)) (i64.const 48))))
    (local.set $p (i32.add (local.get $p) (i32.const 1)))
    (br $more)))
  (if (local.get $minus) (then
    ;; -0 is no integer to everybody
    (if (i64.eqz (local.get $x)) (then (call $fail)))
    (local.set $x (i64.sub (i64.const 0) (local.get $x)))))
  (local.get $x))

(func $digit (param $c i32) (result i32)
  (i32.lt_u (i32.sub (local.get $c) (i32.const 48)) (i32.const 10)))
;; a whole number from here to there
(func $is_integer (param $end i32) (result i32) (local $p i32) (local $is i32)
  (local.set $p (global.get $p))
  (if (i32.eq (call $next) (i32.const 45)) (then
    (call $skip1)
    (if (i32.eq (call $next) (i32.const 48)) (then (return (i32.const 0))))))
  (if (i32.eqz (call $digit (call $next))) (then (return (i32.const 0))))
  (local.set $is (i32.le_u (call $digits) (i32.const {DIGITS_MAX})))
  (local.set $is (i32.and (local.get $is) (i32.eq (global.get $p) (local.get $end))))
  (global.set $p (local.get $p))
  (local.get $is))

;; any value: whole numbers and plain texts as such, null and so on, or its JSON
(func $value (local $from i32) (local $end i32) (local $c i32)
  (local.set $from (global.get $p))
  (call $skip (i32.const 0))
  (if (global.get $bad) (then (return)))
  (local.set $end (global.get $p))
  (local.set $c (i32.load8_u (local.get $from)))
  (if (i32.eq (local.get $c) (i32.const 110)) (then (call $null) (return)))
  (if (i32.eq (local.get $c) (i32.const 116)) (then (call $put (i32.const 0xc3)) (return)))
  (if (i32.eq (local.get $c) (i32.const 102)) (then (call $put (i32.const 0xc2)) (return)))
  (if (i32.eq (local.get $c) (i32.const 34))
    (then
      (if (i32.lt_u (global.get $odd) (i32.const 2)) (then
        (call $text (i32.add (local.get $from) (i32.const 1))
          (i32.sub (i32.sub (local.get $end) (local.get $from)) (i32.const 2)))
        (return))))
    (else
      (global.set $p (local.get $from))
      (if (call $is_integer (local.get $end)) (then (call $c_integer (call $integer)) (return)))
      (global.set $p (local.get $end))))
  (call $head (i32.const 0xc9) (i32.sub (local.get $end) (local.get $from)))
  (call $put (i32.const {RAW}))
  (call $copy (local.get $from) (i32.sub (local.get $end) (local.get $from))))
;; a whole number that is not less than this
(func $natural (param $low i64) (local $x i64)
  (local.set $x (call $integer))
  (if (i64.lt_s (local.get $x) (local.get $low)) (then (call $fail)))
  (call $c_integer (local.get $x)))

;; a value that was stepped over before
(func $column
  (param $below i32) (param $scale i32) (param $null i32) (param $boolean i32) (param $whole i32)
  (param $low i64) (param $high i64) (param $factor i64)
  (local $c i32) (local $from i32) (local $n i32) (local $x i64)
  (local.set $c (call $next))
  (if (i32.eq (local.get $c) (i32.const 34)) (then
    (call $skip1)
    (local.set $from (global.get $p))
    (local.set $n (i32.sub (call $string) (local.get $from)))
    (if (global.get $odd) (then (call $fail) (return)))
    (global.set $p (local.get $from))
    (if (i32.ge_s (local.get $scale) (i32.const 0)) (then
      (call $base64 (local.get $n) (local.get $scale)) (return)))
    (if (i32.ge_u (local.get $n) (local.get $below)) (then (call $fail) (return)))
    (call $c_ascii (local.get $n))
    (return)))
  (if (i32.eq (local.get $c) (i32.const 110)) (then
    (if (local.get $null) (then (call $c_null)) (else (call $fail)))
    (return)))
  (if (i32.and (local.get $boolean) (i32.or (i32.eq (local.get $c) (i32.const 116))
      (i32.eq (local.get $c) (i32.const 102)))) (then
    (call $c_atom (i64.extend_i32_u (i32.eq (local.get $c) (i32.const 116))))
    (return)))
  ;; no bracket, and no letter
  (if (i32.or (i32.eqz (local.get $whole)) (i32.gt_u (local.get $c) (i32.const 57))) (then
    (call $fail) (return)))
  (local.set $x (call $integer))
  (local.set $c (call $next))
  (if (i32.and (i32.ne (local.get $c) (i32.const 44)) (i32.ne (local.get $c) (i32.const 125)))
    (then (call $fail) (return)))
  (call $c_bounded (local.get $x) (local.get $low) (local.get $high) (local.get $factor)))

;; a decimal as base64 (RFC 4648) of up to six bytes
(func $base64 (param $n i32) (param $scale i32)
  (local $i i32) (local $letter i32) (local $x i64)
  (if (i32.or (i32.and (local.get $n) (i32.const 3))
    (i32.gt_u (i32.sub (local.get $n) (i32.const 1)) (i32.const 7))) (then
      (call $fail) (return)))
  (block $end (loop $more
    (local.set $letter (i32.load8_u offset={_BASE64}
      (i32.load8_u (i32.add (global.get $p) (local.get $i)))))
    (br_if $end (i32.eq (local.get $letter) (i32.const 64)))
    (local.set $x (i64.or (i64.shl (local.get $x) (i64.const 6))
      (i64.extend_i32_u (local.get $letter))))
    (br_if $more (i32.lt_u
      (local.tee $i (i32.add (local.get $i) (i32.const 1))) (local.get $n)))))
  ;; nothing but one or two = may be left, and no bits of the last byte
  (local.set $letter (i32.sub (local.get $n) (local.get $i)))
  (if (i32.gt_u (local.get $letter) (i32.const 2)) (then (call $fail) (return)))
  (block $end (loop $more
    (br_if $end (i32.ge_u (local.get $i) (local.get $n)))
    (if (i32.ne (i32.load8_u (i32.add (global.get $p) (local.get $i))) (i32.const 61)) (then
      (call $fail) (return)))
    (local.set $i (i32.add (local.get $i) (i32.const 1)))
    (br $more)))
  (if (i64.ne (i64.and (local.get $x) (i64.sub (i64.shl (i64.const 1)
      (i64.extend_i32_u (i32.shl (local.get $letter) (i32.const 1)))) (i64.const 1)))
    (i64.const 0)) (then (call $fail) (return)))
  (local.set $x (i64.shr_u (local.get $x)
    (i64.extend_i32_u (i32.shl (local.get $letter) (i32.const 1)))))
  (local.set $n (i32.sub (i32.mul (i32.shr_u (local.get $n) (i32.const 2)) (i32.const 3))
    (local.get $letter)))
  (call $c_scaled (call $signed (local.get $x) (local.get $n)) (local.get $scale)))
"""
