"""What a dashboard is. Each has a file of its own; `figwatch.dashboards.boards` lists them."""

from dataclasses import dataclass

from figwatch.dashboards.panels import Panel


@dataclass(frozen=True, slots=True)
class Board:
    """One dashboard. `job_of` is the metric (or several: `a|b`) whose jobs it offers."""

    uid: str
    title: str
    description: str
    job_of: str
    rows: tuple[tuple[str, tuple[Panel, ...]], ...]
    pairs: bool = False
    """Whether it has the variable `$pair`."""

    @property
    def panels(self) -> tuple[Panel, ...]:
        """All of them."""
        return tuple(panel for _, panels in self.rows for panel in panels)
