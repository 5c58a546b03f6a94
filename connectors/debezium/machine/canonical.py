"""Simple columns (`validators.mapping.simple`) brought into canonical form by the machine that
reads them: their sketches and their encoded atoms leave it as bytes, ready to be hashed.

The encoding is that of `encode` in `validators.canonical.rows`, the sketch that of `sketch_of`. How
a value is read is for `connectors.debezium.machine.avro_canonical` and
`connectors.debezium.machine.json` to say. Global `$s` is where the next sketch is written.
"""

import itertools
from collections.abc import Callable, Sequence
from typing import Any

from figwatch.connectors.debezium.machine.runtime import Code
from figwatch.validators.canonical.rows import NULL_SKETCH, SKETCH_PRIME
from figwatch.validators.mapping.simple import Simple

Run = tuple[Simple, ...]
"""Columns that stand beside each other in the canonical row, and are all simple."""


def runs_of(columns: Sequence[Simple | None]) -> tuple[range, ...]:
    """The runs among the columns of a canonical row, by their numbers; None is not simple."""
    places = itertools.groupby(range(len(columns)), key=lambda i: columns[i] is not None)
    found = [list(group) for ready, group in places if ready]
    return tuple(range(run[0], run[-1] + 1) for run in found)


def cut(columns: Sequence[Simple | None], runs: Sequence[range]) -> tuple[Run, ...]:
    """The columns of the runs."""
    return tuple(tuple(one for i in run if (one := columns[i]) is not None) for run in runs)


def attributes(runs: Sequence[Run]) -> list[tuple[str, type]]:
    """What a row has of each run: `x<n>` its sketches, `e<n>` its encoded atoms."""
    return [(f"{letter}{n}", bytes) for n in range(len(runs)) for letter in "xe"]


def write_run(code: Code, run: Run, write: Callable[[Simple], Any]) -> None:
    """Code that writes the two attributes of a run; `write` writes that of a column."""
    at = code.variable("at", "i32")
    size = 2 * len(run)
    code.put(f"(call $bin16 (i32.const {size})) (global.set $s (global.get $o))")
    code.put(f"(if (call $room (i32.const {size})) (then")
    code.put(f"(global.set $o (i32.add (global.get $o) (i32.const {size})))))")
    code.put(f"(local.set ${at} (global.get $o)) (call $bin16 (i32.const 0))")
    for simple in run:
        write(simple)
    code.put(f"(call $sized (local.get ${at}))")


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
        (call $c_two (i32.const 0xcd) (local.get $n)) (return)))
      (if (i64.lt_u (local.get $n) (i64.const 0x100000000)) (then
        (call $head (i32.const 0xce) (i32.wrap_i64 (local.get $n))) (return)))
      (call $eight (i32.const 0xcf) (local.get $n)))
    (else
      (if (i64.ge_s (local.get $n) (i64.const -32)) (then
        (call $put (i32.wrap_i64 (local.get $n))) (return)))
      (if (i64.ge_s (local.get $n) (i64.const -128)) (then
        (call $put (i32.const 0xd0)) (call $put (i32.wrap_i64 (local.get $n))) (return)))
      (if (i64.ge_s (local.get $n) (i64.const -32768)) (then
        (call $c_two (i32.const 0xd1) (local.get $n)) (return)))
      (if (i64.ge_s (local.get $n) (i64.const -2147483648)) (then
        (call $head (i32.const 0xd2) (i32.wrap_i64 (local.get $n))) (return)))
      (call $eight (i32.const 0xd3) (local.get $n)))))
(func $c_two (param $kind i32) (param $n i64)
  (if (call $room (i32.const 3)) (then
    (i32.store8 (global.get $o) (local.get $kind))
    (i64.store8 offset=1 (global.get $o) (i64.shr_u (local.get $n) (i64.const 8)))
    (i64.store8 offset=2 (global.get $o) (local.get $n))
    (global.set $o (i32.add (global.get $o) (i32.const 3))))))
(func $c_atom (param $n i64) (local $r i64)
  (call $c_integer (local.get $n))
  (local.set $r (i64.rem_s (local.get $n) (i64.const {SKETCH_PRIME})))
  (if (i64.le_s (local.get $r) (i64.const 0)) (then
    (local.set $r (i64.add (local.get $r) (i64.const {SKETCH_PRIME})))))
  (call $sketch (i32.wrap_i64 (local.get $r))))
(func $c_bounded
  (param $n i64) (param $low i64) (param $high i64) (param $factor i64)
  (if (i64.lt_s (local.get $n) (local.get $low)) (then (call $fail) (return)))
  (if (i64.gt_s (local.get $n) (local.get $high)) (then (call $fail) (return)))
  (call $c_atom (i64.mul (local.get $n) (local.get $factor))))

;; two's complement of 1 to 8 bytes
(func $signed (param $x i64) (param $n i32) (result i64) (local $left i64)
  (local.set $left (i64.extend_i32_u
    (i32.sub (i32.const 64) (i32.shl (local.get $n) (i32.const 3)))))
  (i64.shr_s (i64.shl (local.get $x) (local.get $left)) (local.get $left)))
;; a decimal without its trailing zeros: a number, or (coefficient, scale)
(func $c_scaled (param $x i64) (param $scale i32) (local $at i32)
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

;; an ASCII text of fewer than 32 bytes, which is stepped over
(func $c_ascii (param $n i32)
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
