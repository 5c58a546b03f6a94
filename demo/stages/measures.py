"""Where the walk asks for less than the defaults do, and why: a small machine does all of the work,
and the story is short. Said before each stage's first look, and part of the record.

Everything that is not here keeps its default. Used by `scene` and by the acts.
"""

from __future__ import annotations

import msgspec

from figwatch.connectors.config.limits import GatesConfig

BUSY = "servers, clients and figwatch share one machine, which others may use"
SHORT = "the default takes {} good samples"


class Softened(msgspec.Struct, frozen=True):
    """One setting of `gates.STAGE`."""

    stage: str
    setting: str
    value: float
    default: float
    why: str

    def __str__(self) -> str:
        return f"{self.setting} {self.value:.6g}, by default {self.default:.6g}: {self.why}"


def _softened(stage: str, **settings: tuple[float, str]) -> tuple[Softened, ...]:
    defaults = getattr(GatesConfig(), stage)
    return tuple(
        Softened(stage, name, value, getattr(defaults, name), why)
        for name, (value, why) in settings.items()
    )


TRAFFIC = {
    "latency_seconds": (0.5, BUSY),
    "latency_share": (0.95, BUSY),
    "latency_margin": (0.05, BUSY),
    "error_share_max": (0.005, SHORT.format("45,137")),
    "error_margin": (0.01, SHORT.format("45,000 and more")),
}
SOFTENED = (
    *_softened(
        "sync",
        convergence_share=(0.5, BUSY),
        overdue_share_max=(0.02, BUSY),
        changes_min=(200, "it needs half a minute of load, and half can be shown by fewer"),
    ),
    *_softened("reads", **TRAFFIC, mismatch_share_max=(0.02, SHORT.format("4,512"))),
    *_softened(
        "writes",
        **TRAFFIC,
        saga_success_min=(0.98, SHORT.format("45,137")),
        adjustment_share=(0.25, f"{BUSY}, and the sink is sent a thousand at once"),
    ),
    *_softened("decommission", quiet_hours=(30 / 3600, "nobody waits for a day here")),
)


def of_stage(stage: str) -> tuple[Softened, ...]:
    """What is softened in one stage."""
    return tuple(each for each in SOFTENED if each.stage == stage)


def section(stage: str) -> dict[str, float]:
    """The same as settings of `gates.STAGE`."""
    return {each.setting: each.value for each in of_stage(stage)}
