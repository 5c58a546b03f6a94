"""One table with a column of every type, and what happens to it while captures are recorded.

`record.py` runs this against a real PostgreSQL; `test_captures.py` knows from here what a column
is and which rows exist in the end.
"""

TABLE = "everything"
COLUMNS = {
    "c_bool": "boolean",
    "c_int2": "smallint",
    "c_int4": "integer",
    "c_int8": "bigint",
    "c_numeric": "numeric(12,4)",
    "c_whole": "numeric(10,0)",
    "c_free": "numeric",
    "c_money": "money",
    "c_real": "real",
    "c_double": "double precision",
    "c_text": "text",
    "c_varchar": "varchar(40)",
    "c_char": "char(8)",
    "c_citext": "citext",
    "c_bytea": "bytea",
    "c_uuid": "uuid",
    "c_json": "json",
    "c_jsonb": "jsonb",
    "c_xml": "xml",
    "c_hstore": "hstore",
    "c_ltree": "ltree",
    "c_mood": "mood",
    "c_inet": "inet",
    "c_cidr": "cidr",
    "c_macaddr": "macaddr",
    "c_date": "date",
    "c_time3": "time(3)",
    "c_time": "time",
    "c_timetz": "timetz",
    "c_stamp3": "timestamp(3)",
    "c_stamp": "timestamp",
    "c_stamptz": "timestamptz",
    "c_interval": "interval",
    "c_bit": "bit(1)",
    "c_bits": "bit(10)",
    "c_varbit": "bit varying(20)",
    "c_ints": "integer[]",
    "c_texts": "text[]",
    "c_numerics": "numeric(6,2)[]",
    "c_dates": "date[]",
    "c_uuids": "uuid[]",
    "c_bools": "boolean[]",
    "c_doubles": "double precision[]",
    "c_stamptzs": "timestamptz[]",
    "c_int4range": "int4range",
    "c_numrange": "numrange",
    "c_tsrange": "tsrange",
    "c_point": "point",
    "c_default": "integer DEFAULT 42",
    "c_default_text": "text DEFAULT 'unset'",
    "c_long": "text",
    "c_long_bytes": "bytea",
}
SIGNALS, BEATS = "debezium_signal", "beats"
DDL = f"""
CREATE EXTENSION hstore; CREATE EXTENSION citext; CREATE EXTENSION ltree;
CREATE TYPE mood AS ENUM ('sad', 'ok', 'happy');
CREATE TABLE {TABLE} (id bigint PRIMARY KEY,
  {", ".join(f"{name} {kind}" for name, kind in COLUMNS.items())});
CREATE TABLE {SIGNALS} (id text PRIMARY KEY, type text NOT NULL, data text);
CREATE TABLE {BEATS} (topic_prefix text PRIMARY KEY, beaten_at timestamptz NOT NULL)
"""

ORDINARY = {
    "c_bool": "true", "c_int2": "-7", "c_int4": "70000", "c_int8": "9007199254740993",
    "c_numeric": "1234.5600", "c_whole": "1234", "c_free": "123.4500", "c_money": "19.99",
    "c_real": "0.1", "c_double": "0.30000000000000004", "c_text": 'Grüße, 世界 "q" \\',
    "c_varchar": "ends in space ", "c_char": "ab", "c_citext": "MiXed", "c_bytea": "\\x00ff10",
    "c_uuid": "9F86D081-884C-4D65-9A2F-EAA0C55AD015", "c_json": '{"b": 1.50, "a": [1, null]}',
    "c_jsonb": '{"z": {"y": 1e2}, "a": "ü"}', "c_xml": '<a b="1">x</a>',
    "c_hstore": '"k"=>"v", "n"=>NULL', "c_ltree": "top.sub.leaf", "c_mood": "happy",
    "c_inet": "192.168.0.1/24", "c_cidr": "10.0.0.0/8", "c_macaddr": "08:00:2b:01:02:03",
    "c_date": "2024-02-29", "c_time3": "04:05:06.789", "c_time": "04:05:06.789012",
    "c_timetz": "04:05:06.789+02", "c_stamp3": "2024-02-29 12:00:00.123",
    "c_stamp": "2024-02-29 12:00:00.123456", "c_stamptz": "2024-02-29 12:00:00.5+02",
    "c_interval": "1 year 2 months 3 days 04:05:06.78", "c_bit": "1", "c_bits": "1100000001",
    "c_varbit": "10101", "c_ints": "{1,NULL,3}", "c_texts": '{a,"b c",NULL}',
    "c_numerics": "{1.50,-0.01}", "c_dates": "{2024-02-29,1969-12-31}",
    "c_uuids": "{9f86d081-884c-4d65-9a2f-eaa0c55ad015}", "c_bools": "{t,f}",
    "c_doubles": "{0.5,1e10}", "c_stamptzs": "{2024-02-29 12:00:00+00}", "c_int4range": "[1,5)",
    "c_numrange": "[1.5,2.5)", "c_tsrange": "[2024-01-01,2024-02-01)", "c_point": "(1,2.5)",
    "c_default": "7", "c_default_text": "set", "c_long": "L" * 5_000,
    "c_long_bytes": "\\x" + "ab" * 5_000,
}  # fmt: skip
EXTREME = ORDINARY | {
    "c_bool": "false", "c_int2": "-32768", "c_int4": "-2147483648",
    "c_int8": "-9223372036854775808",
    "c_numeric": "-99999999.9999", "c_whole": "-1", "c_free": "NaN", "c_money": "-0.01",
    "c_real": "NaN", "c_double": "-Infinity", "c_text": "", "c_varchar": "", "c_char": "",
    "c_bytea": "\\x", "c_json": '{"a": 1, "a": 2}', "c_jsonb": "[]", "c_hstore": "",
    "c_date": "infinity", "c_time3": "00:00", "c_time": "24:00", "c_timetz": "24:00+00",
    "c_stamp3": "1969-12-31 23:59:59.999", "c_stamp": "1969-12-31 23:59:59.999999",
    "c_stamptz": "0044-03-15 00:00:00+00 BC", "c_interval": "-1 month 2 days -00:00:01",
    "c_bit": "0", "c_bits": "0000000000", "c_varbit": "", "c_ints": "{}", "c_texts": "{}",
    "c_numerics": "{}", "c_dates": "{}", "c_uuids": "{}", "c_bools": "{}", "c_doubles": "{}",
    "c_stamptzs": "{}", "c_int4range": "empty", "c_default": "42", "c_default_text": "unset",
    "c_long": "short", "c_long_bytes": "\\x01",
}  # fmt: skip
FAR = ORDINARY | {
    "c_free": "1" + "0" * 60 + ".000000001", "c_real": "3.4028235e38", "c_double": "5e-324",
    "c_date": "2999-12-31", "c_stamp": "2261-01-01 00:00:00.000001",
    "c_stamptz": "12024-01-01 00:00:00+00", "c_interval": "-100 years", "c_time": "23:59:59.999999",
    "c_jsonb": '{"big": 123456789012345678901234567890.5}',
}  # fmt: skip
INFINITE = ORDINARY | {
    "c_date": "-infinity", "c_stamp3": "infinity", "c_stamp": "-infinity", "c_stamptz": "infinity",
    "c_double": "Infinity", "c_dates": "{infinity}",
}  # fmt: skip
OLD = ORDINARY | {
    "c_date": "1500-03-01", "c_stamp": "1500-03-01 00:00:00", "c_stamptz": "1500-03-01 00:00:00+00",
    "c_free": "-0.000", "c_int4range": "(,5)", "c_jsonb": '"text"', "c_json": "null",
}  # fmt: skip
NOTHING = dict.fromkeys(COLUMNS)
SNAPSHOT_ROWS = {1: ORDINARY, 2: NOTHING, 3: EXTREME, 4: ORDINARY, 5: FAR, 6: INFINITE, 7: OLD}
"""What is there when the connectors start. The rest of the ids come in `STEPS`."""


def insert(key: int, row: dict[str, str | None]) -> str:
    values = ", ".join("NULL" if v is None else "'" + v.replace("'", "''") + "'"
                       for v in row.values())  # fmt: skip
    return f"INSERT INTO {TABLE} (id, {', '.join(row)}) VALUES ({key}, {values})"


MARK = "marked"
"""A text that only the last versions of one row hold, a row whose whole history is known."""
MARKED_ID = 21
AGAIN = (
    f"INSERT INTO {SIGNALS} VALUES ('again', 'execute-snapshot',"
    f' \'{{"data-collections": ["public.{TABLE}"], "type": "incremental"}}\')'
)
STEPS = (
    (insert(11, ORDINARY),),
    (insert(12, NOTHING),),
    (insert(13, EXTREME),),
    (insert(14, FAR),),
    (insert(16, INFINITE),),
    (insert(17, OLD),),
    (f"UPDATE {TABLE} SET c_int4 = 1 WHERE id = 11",),  # c_long stays out of line
    (f"UPDATE {TABLE} SET c_numeric = -0.01, c_stamp = c_stamp + '1 us' WHERE id = 1",),
    (f"UPDATE {TABLE} SET c_default = NULL, c_default_text = NULL WHERE id = 13",),
    (f"UPDATE {TABLE} SET c_text = 'was null' WHERE id IN (2, 12)",),
    (f"UPDATE {TABLE} SET c_long = repeat('M', 6000) WHERE id = 4",),
    (f"DELETE FROM {TABLE} WHERE id = 3",),
    (f"UPDATE {TABLE} SET id = 114 WHERE id = 14",),
    (  # one transaction: three rows and one of them twice
        insert(21, ORDINARY),
        insert(22, EXTREME),
        f"UPDATE {TABLE} SET c_int2 = 2 WHERE id = 21",
        f"DELETE FROM {TABLE} WHERE id = 22",
    ),
    (f"DELETE FROM {TABLE} WHERE id = 12", insert(12, ORDINARY)),
    (f"UPDATE {TABLE} SET c_text = '{MARK}' WHERE id = 21",),
    (AGAIN,),
    ("SELECT pg_logical_emit_message(true, 'prefix', 'a logical message')",),
    (f"UPDATE {TABLE} SET c_text = 'after' WHERE id = 5",),
)  # fmt: skip
"""Transactions, in order."""
FINAL_IDS = (1, 2, 4, 5, 6, 7, 11, 12, 13, 16, 17, 21, 114)
