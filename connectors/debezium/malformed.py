"""Why a record could not be decoded: the words that metrics and the dead-letter topic use."""

import enum


class Reason(enum.StrEnum):
    """Few and stable."""

    BAD_JSON = "bad_json"
    """No JSON, or nested too deeply."""
    BAD_AVRO = "bad_avro"
    """The bytes do not fit the schema they name."""
    BAD_SCHEMA = "bad_schema"
    """A schema that cannot be understood, or that the registry does not know."""
    UNKNOWN_SHAPE = "unknown_shape"
    """Neither an envelope nor a row, an outbox event or a CloudEvent."""
    UNKNOWN_FRAMING = "unknown_framing"
    """Neither JSON nor Avro in a framing that is known, or Avro without a registry."""
    NO_KEY = "no_key"
    """The pair's key columns are neither in the key nor in the row."""
    KEY_MISMATCH = "key_mismatch"
    """Key and row name different rows, or the key is made up (REPLICA IDENTITY USING INDEX)."""
    NO_TABLE = "no_table"
    """It does not say which of its topic's tables it is of."""
    MISSING_COLUMN = "missing_column"
    """A mapped column is not in the record."""
    BAD_VALUE = "bad_value"
    """A value that the column's type cannot have."""
    NO_TIME = "no_time"
    """An envelope without a commit time."""
    TOO_LARGE = "too_large"
    """Longer than RECORD_BYTES_MAX."""


class MalformedError(ValueError):
    """Leads out of the decoding of one record; never leaves the route."""

    def __init__(self, reason: Reason, detail: str) -> None:
        super().__init__(detail)
        self.reason = reason
