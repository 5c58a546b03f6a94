"""Avro's repeated values (arrays, maps): blocks of items, read by the generated code's functions.

`connectors.debezium.avro_compile` makes the function of an item.
"""

from collections.abc import Callable
from typing import Any

Item = Callable[[bytes, int], tuple[Any, int]]
"""(data, start) → (value, end)."""


class BadAvroError(ValueError):
    """The bytes do not fit the schema."""


def bad() -> None:
    """Say that the bytes do not fit.

    Raises:
        BadAvroError: always.
    """
    raise BadAvroError("the bytes do not fit their Avro schema")


def read_long(data: bytes, start: int) -> tuple[int, int]:
    """A zigzag variable-length integer."""
    value = shift = 0
    while True:
        byte = data[start]
        start += 1
        value |= (byte & 127) << shift
        if byte < 128:  # noqa: PLR2004
            return (value >> 1) ^ -(value & 1), start
        shift += 7
        if shift > 63:  # noqa: PLR2004
            bad()


def _count(data: bytes, start: int) -> tuple[int, int]:
    count, start = read_long(data, start)
    if count < 0:
        count = -count
        _, start = read_long(data, start)
    if count > len(data):
        bad()
    return count, start


def list_reader(item: Item) -> Item:
    """The reader of an array of items."""

    def read(data: bytes, start: int) -> tuple[list[Any], int]:
        found: list[Any] = []
        while True:
            count, start = _count(data, start)
            if not count:
                return found, start
            for _ in range(count):
                value, end = item(data, start)
                if end == start:  # an item of no bytes would make a small record a huge list
                    bad()
                found.append(value)
                start = end

    return read


def map_reader(item: Item, *, wanted: bool) -> Item:
    """The reader of a map of items; one that is not wanted may have any bytes for names."""

    def read(data: bytes, start: int) -> tuple[dict[str, Any], int]:
        found: dict[str, Any] = {}
        while True:
            count, start = _count(data, start)
            if not count:
                return found, start
            for _ in range(count):
                size, start = read_long(data, start)
                if size < 0:
                    bad()
                name = data[start : start + size].decode() if wanted else ""
                found[name], start = item(data, start + size)

    return read
