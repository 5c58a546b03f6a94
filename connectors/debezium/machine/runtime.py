"""The part of the WebAssembly that every machine has: the loop over the records of a batch, and
what writes msgpack. `connectors.debezium.machine.avro` and `connectors.debezium.machine.json` add
what reads a record.

Globals: `$p` and `$e`, where the record is read and where it ends; `$o` and `$l`, where the output
is written and where it must end; `$bad`, set once the bytes do not fit. Nothing is written beyond
the bound. A few bytes may be read beyond `$e`, but no length and no loop goes there; in the end
`$p` must be `$e`.
"""

from collections.abc import Sequence

LINES_MAX = 20_000
TABLE = 1 << 16
"""Here stand the lengths of the records (4 bytes each); before it the constants."""
RECORDS_MAX = 8_192
INPUT = TABLE + 4 * RECORDS_MAX
INPUT_BYTES_MAX = 1 << 20
OUTPUT = INPUT + INPUT_BYTES_MAX
OUTPUT_BYTES_MAX = 8 << 20
_PAGES = (OUTPUT + OUTPUT_BYTES_MAX) // 65_536 + 1


class UnsupportedError(ValueError):
    """Records that only the plain reader knows."""


class Code:
    """The lines of a function that reads one record, and its variables.

    Raises:
        UnsupportedError: from `put`, too many lines.
    """

    def __init__(self) -> None:
        self.lines: list[str] = []
        self.variables: list[tuple[str, str]] = []

    def put(self, line: str) -> None:
        """Add a line."""
        if len(self.lines) >= LINES_MAX:
            raise UnsupportedError("a schema is too large")
        self.lines.append(line)

    def variable(self, prefix: str, kind: str) -> str:
        """A new variable's name."""
        name = f"{prefix}{len(self.variables)}"
        self.variables.append((name, kind))
        return name

    def module(self, functions: Sequence[str], prefix: bytes = b"") -> str:
        """The whole module, in which the lines may call these functions; a record does not fit
        without the prefix.
        """
        loop = _RUN.format(
            prefix="".join(f"(call $expect (i32.const {byte}))" for byte in prefix),
            table=TABLE,
            input=INPUT,
            output=OUTPUT,
            end=OUTPUT + OUTPUT_BYTES_MAX,
        )
        variables = "".join(f"(local ${name} {kind})" for name, kind in self.variables)
        record = "\n".join(["(func $record", variables, *self.lines, ")"])
        return "\n".join(["(module", _RUNTIME, *functions, record, loop, ")"])


def data(at: int, constants: bytes) -> str:
    """Bytes that stand in the memory from the start."""
    text = "".join(f"\\{byte:02x}" for byte in constants)
    return f'(data (i32.const {at}) "{text}")'


_RUN = """
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

_RUNTIME = f"""
(memory (export "memory") {_PAGES})
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
"""
