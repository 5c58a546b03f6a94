"""A capture is read in whatever form a person has it."""

import gzip
import io
import json
import pathlib
import sys

import cramjam
import pytest

from figwatch.connectors.capture import Capture, RawReading, RawRecord
from figwatch.validators.errors import FigwatchError

RECORD = {
    "topic": "t", "partition": 0, "offset": 7, "tstype": "create", "ts": 1_700_000_000_123,
    "broker": 0, "key": '{"id":1}', "payload": '{"v":"ü"}',
}  # fmt: skip
READING = {
    "group": "g", "topic": "t", "partition": 0, "committed": 8, "end_offset": 8, "ts": 1.5,
}  # fmt: skip


def file(folder, data, name="capture"):
    path = folder / name
    path.write_bytes(data)
    return path


def text(*lines):
    return "".join(json.dumps(line, ensure_ascii=False) + "\n" for line in lines).encode()


def read(path):
    capture = Capture([path])
    first = list(capture)
    assert first == list(capture), "a capture is read more than once"
    return first


def one(folder, **changes):
    (found,) = read(file(folder, text(RECORD | changes)))
    return found


@pytest.mark.parametrize(
    "pack", [bytes, gzip.compress, lambda data: bytes(cramjam.zstd.compress(data))]
)
def test_plain_gzip_and_zstandard_are_told_by_their_bytes(tmp_path, pack):
    record, reading = read(file(tmp_path, pack(text(RECORD, READING))))
    assert isinstance(record, RawRecord)
    assert isinstance(reading, RawReading)
    assert (b'{"id":1}', '{"v":"ü"}'.encode()) == (record.key, record.value)
    assert (1_700_000_000_123_000, 1_500) == (record.append_us, reading.answered_us)


@pytest.mark.parametrize("pack", [bytes, gzip.compress])
def test_a_dash_is_stdin_which_is_kept_for_the_second_reading(monkeypatch, pack):
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(pack(text(RECORD)))))
    (found,) = read(pathlib.Path("-"))
    assert 7 == found.offset


@pytest.mark.parametrize(
    "pack", [gzip.compress, lambda data: bytes(cramjam.zstd.compress(data))]
)  # fmt: skip
def test_a_compressed_file_that_was_cut_short_is_an_error_with_its_name(tmp_path, pack):
    whole = pack(text(*[RECORD | {"offset": n, "payload": str(n) * 99} for n in range(999)]))
    with pytest.raises(FigwatchError, match="capture: the compressed file is damaged"):
        read(file(tmp_path, whole[: len(whole) // 2]))


def test_lines_may_end_as_on_windows_begin_with_a_mark_and_be_empty(tmp_path):
    data = b"\xef\xbb\xbf" + text(RECORD).replace(b"\n", b"\r\n") + b"\r\n\n" + text(READING)
    assert 2 == len(read(file(tmp_path, data)))


def test_bytes_that_are_no_utf8_come_back_as_they_were(tmp_path):
    value = b"\0\0\0\0\x05\x02\xff\xfeA\xc3\xbc\x80"
    shown = (
        value.replace(b"\0", b"\\u0000").replace(b"\x05", b"\\u0005").replace(b"\x02", b"\\u0002")
    )
    line = text(RECORD | {"headers": ["h", "HEADER"], "payload": "PAYLOAD"})
    line = line.replace(b"PAYLOAD", shown).replace(b"HEADER", b"\\u0001\xff")
    (found,) = read(file(tmp_path, line))
    assert value == found.value
    assert (("h", b"\x01\xff"),) == found.headers


def test_half_a_surrogate_is_no_reason_to_stop(tmp_path):
    (found,) = read(file(tmp_path, text(RECORD).replace("ü".encode(), b"\\ud800")))
    assert b'{"v":"\xed\xa0\x80"}' == found.value


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        (["a", "1", "b", None], (("a", b"1"), ("b", None))),
        ([["a", "1"], ["b", None]], (("a", b"1"), ("b", None))),
        ({"a": "1", "b": None}, (("a", b"1"), ("b", None))),
        ([], ()),
        (None, ()),
        (["a", "1", "a", "2"], (("a", b"1"), ("a", b"2"))),
    ],
)
def test_headers_come_flat_in_pairs_or_as_an_object(tmp_path, given, expected):
    assert expected == one(tmp_path, headers=given).headers


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ("", b""),
        (None, None),
        (7, b"7"),
        ({"id": 1}, b'{"id":1}'),
        ("0", b"0"),
    ],
)
def test_keys_and_payloads_are_text_documents_or_nothing(tmp_path, given, expected):
    found = one(tmp_path, key=given, payload=given)
    assert (expected, expected) == (found.key, found.value)


def test_a_record_without_key_payload_and_time_is_a_record(tmp_path):
    (found,) = read(file(tmp_path, text({"topic": "t", "partition": 0, "offset": 0})))
    assert (None, None, 0, ()) == (found.key, found.value, found.append_us, found.headers)


@pytest.mark.parametrize("more", [{}, {"tstype": "create"}, {"payload": None, "size": 0}])
def test_a_record_without_a_value_is_a_tombstone(tmp_path, more):
    place = {"topic": "t", "partition": 0, "offset": 1, "ts": 1}
    (found,) = read(file(tmp_path, text(place | more)))
    assert found.value is None


def test_a_value_under_another_name_is_no_tombstone(tmp_path):
    line = {"topic": "t", "partition": 0, "offset": 1, "ts": 1, "value": "{}"}
    with pytest.raises(FigwatchError, match=r"no `payload`.*`value`"):
        read(file(tmp_path, text(line)))


def test_base64_stands_beside_what_json_cannot_show(tmp_path):
    changes = {"key": None, "payload": None, "key_base64": "AP8=", "payload_base64": "AAE="}
    found = one(tmp_path, **changes)
    assert (b"\x00\xff", b"\x00\x01") == (found.key, found.value)


@pytest.mark.parametrize(
    "line", [b"{", b"7", b'{"topic":"t"}', b"% Reached end of topic t", b"\xff\xff",
             b'{"topic":"t","partition":0,"offset":1,"payload_base64":"*"}']
)  # fmt: skip
def test_a_line_that_is_no_record_stops_the_replay_and_names_its_place(tmp_path, line):
    with pytest.raises(FigwatchError) as raised:
        read(file(tmp_path, text(RECORD) + line + b"\n"))
    assert raised.value.problems[0].where.endswith("capture:2")


def test_a_file_that_is_not_there_is_an_error_with_its_name(tmp_path):
    with pytest.raises(FigwatchError, match="absent"):
        read(tmp_path / "absent")
