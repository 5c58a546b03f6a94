"""How one column is mapped, as written in the configuration (owned by the mapping's author)."""

from pydantic import BaseModel, ConfigDict


class ColumnConfig(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    to: str | None = None
    type: str | None = None
    source_encoding: str | None = None
    target_encoding: str | None = None
