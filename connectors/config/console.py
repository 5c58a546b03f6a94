"""The settings of the live console (`figwatch run --console`). Part of
`figwatch.connectors.config.root`; `figwatch.streams.console` uses them.
"""

from pydantic import Field

from figwatch.connectors.config.base import Section
from figwatch.connectors.config.secret import Secret

LOOPBACK = frozenset({"127.0.0.1", "::1", "localhost"})


class ConsoleConfig(Section):
    """The live console: one read-only page for people."""

    host: str = "127.0.0.1"
    """Address to listen on. Any other than loopback needs a `token`."""

    port: int = Field(default=6068, ge=0, le=65535)
    """Port of the page; 0 takes a free one and logs it."""

    token: Secret | None = None
    """What a visitor must know: opened once as `/?token=...`, it is kept in a cookie. `env:NAME`
    or `file:PATH`."""

    hosts: list[str] = Field(default=[])
    """Names under which visitors may reach it, beside the address itself: a request for another
    name is refused (it may be another site's trick)."""

    values: bool = False
    """Whether the key explorer shows row values. They may be personal data."""

    history_minutes: float = Field(default=30.0, ge=1, le=1440)
    """How far back the graphs go."""
