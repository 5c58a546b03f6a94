"""How many requests were answered in time and without error, out of Prometheus.

Access logs are read by `figwatch.connectors.stage_evidence.access_log`. Rounded against the
service: good ones down, all up.
"""

import math
from dataclasses import dataclass, replace

from figwatch.connectors.stage_evidence.facades import (
    FACADES,
    Facade,
    boundary,
    grown,
    labelled,
    looks,
    newest,
    scrapes,
    step_seconds,
)
from figwatch.connectors.stage_evidence.problems import Trouble
from figwatch.connectors.stage_evidence.prometheus import Prometheus
from figwatch.validators.stages.facts import Origin, Share
from figwatch.validators.stages.forecast import duration

SOURCE = "prometheus"
SCRAPES_MIN = 10
"""With fewer samples of a counter `increase` extrapolates too much of the window."""
COVERED_SHARE_MIN = 0.9
"""Share of the window for which there must be samples."""
BOUNDARIES_LISTED_MAX = 12
SLACK_SHARE = 0.001
"""By how much two counters of one histogram may disagree: they are not scraped as one."""
FRACTION_MIN = 0.01
SECONDS_MAX = 1e11
"""No time is later than the year 5000."""


@dataclass(frozen=True, slots=True)
class Window:
    """Which requests count, and when."""

    selector: str
    from_us: int
    to_us: int

    @property
    def seconds(self) -> int:
        """Its length, at least one second."""
        return max(1, (self.to_us - self.from_us) // 1_000_000)


def not_begun(window: Window) -> Trouble | None:
    """Nothing has happened yet in a window that begins later than now."""
    if window.from_us < window.to_us:
        return None
    ahead = duration(window.from_us - window.to_us)
    return Trouble(f"the window begins in the future, in {ahead}", "correct `since`, or the clock")


def in_time(server: Prometheus, name: str, window: Window, latency_seconds: float) -> Share:
    """The requests that were answered within a time, by the buckets of the façade's histogram."""
    facade = FACADES[name]
    counted = labelled(f"{facade.histogram}_count", window.selector)
    bucket = labelled(
        f"{facade.histogram}_bucket", window.selector, boundary(facade, latency_seconds)
    )
    queries = (grown(bucket, window.seconds), grown(counted, window.seconds))
    measured = not_begun(window) or _measured(server, counted, window)
    if isinstance(measured, Trouble):
        return _unknown("in_time", measured, queries[0], window)
    good, total = (server.number(query, window.to_us) for query in queries)
    if good is None:
        good = _no_boundary(server, facade, window, latency_seconds)
    for answer in (good, total):
        if isinstance(answer, Trouble):
            return _unknown("in_time", answer, queries[0], window)
    late = total - good if isinstance(total, float) and isinstance(good, float) else 0.0
    return timed(_share("in_time", late, total, queries[0], window, measured), latency_seconds)


def timed(share: Share, latency_seconds: float) -> Share:
    """With the time that was asked for, for whoever reads the report."""
    notes = (*share.origin.notes, f"in time: within {latency_seconds:g} s")
    return replace(share, origin=replace(share.origin, notes=notes))


def without_error(server: Prometheus, name: str, window: Window) -> Share:
    """The requests that the façade did not answer with a server's error."""
    facade = FACADES[name]
    counted = labelled(facade.requests, window.selector)
    coded = labelled(facade.requests, window.selector, f'{facade.code_label}=~".+"')
    failing = labelled(
        facade.requests, window.selector, f'{facade.code_label}=~"{facade.error_codes}"'
    )
    query = grown(failing, window.seconds)
    measured = not_begun(window) or _measured(server, counted, window)
    if isinstance(measured, Trouble):
        return _unknown("without_error", measured, query, window)
    # No series of errors is no error only where errors would be seen: every series has its code.
    known = server.number(f"count({counted})", window.to_us)
    with_code = server.number(f"count({coded})", window.to_us)
    for answer in (known, with_code):
        if isinstance(answer, Trouble):
            return _unknown("without_error", answer, query, window)
    if known is None or known != with_code:
        cause = f"not every series of {facade.requests} has the label {facade.code_label}"
        trouble = Trouble(cause, "correct the façade's metrics, or the selector")
        return _unknown("without_error", trouble, query, window)
    errors = server.number(query, window.to_us)
    total = server.number(grown(counted, window.seconds), window.to_us)
    for answer in (errors, total):
        if isinstance(answer, Trouble):
            return _unknown("without_error", answer, query, window)
    bad = errors if isinstance(errors, float) else 0.0
    return _share("without_error", bad, total, query, window, measured)


def _measured(server: Prometheus, counted: str, window: Window) -> int | Trouble:
    """Time of the newest sample in microseconds, if the window is covered well enough."""
    last = server.number(newest(counted), window.to_us)
    if isinstance(last, Trouble):
        return last
    if last is None or abs(last) > SECONDS_MAX:
        return Trouble(f"Prometheus has nothing for {counted}", "correct façade or selector")
    samples = server.number(scrapes(counted, window.seconds), window.to_us)
    seen = server.number(looks(counted, window.seconds), window.to_us)
    for answer in (samples, seen):
        if isinstance(answer, Trouble):
            return answer
    if not isinstance(samples, float) or samples < SCRAPES_MIN:
        cause = f"{samples or 0:g} samples of the counters in {window.seconds} s"
        return Trouble(cause, f"a window with {SCRAPES_MIN} scrapes or more")
    wanted = window.seconds // step_seconds(window.seconds)
    found = seen if isinstance(seen, float) else 0.0
    # One less: steps are aligned to the clock, and the first may lie before the first request.
    if found < COVERED_SHARE_MIN * wanted - 1:
        cause = f"Prometheus covers {found:g} of {wanted} steps of the window"
        return Trouble(cause, "let it run without gaps, or begin the window (`since`) later")
    return round(last * 1e6)


def _no_boundary(
    server: Prometheus, facade: Facade, window: Window, seconds: float
) -> float | Trouble:
    """Why there is no bucket: the histogram cannot answer the question."""
    buckets = labelled(f"{facade.histogram}_bucket", window.selector)
    found = server.vector(f"count by (le) ({buckets})", window.to_us)
    if isinstance(found, Trouble):
        return found
    bounds = sorted(_bound(sample.labels.get("le", "")) for sample in found)
    listed = ", ".join(f"{bound:g}" for bound in bounds[:BOUNDARIES_LISTED_MAX])
    cause = f"{facade.histogram} has no boundary at {seconds * facade.per_second:g} (but {listed})"
    return Trouble(cause, facade.remedy)


def _bound(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        return math.nan


def _share(
    name: str, failing: float, total: object, query: str, window: Window, newest_us: int
) -> Share:
    """Whole requests. `increase` extrapolates, so that counts have fractions: a fraction of a
    failure is one, other counts are rounded.
    """
    if not isinstance(total, float):
        trouble = Trouble("Prometheus has no requests in the window", "correct the selector")
        return _unknown(name, trouble, query, window)
    slack = max(1.0, SLACK_SHARE * total)
    if failing < -slack or failing > total + slack:
        cause = f"contradictory: {failing:g} of {total:g} requests were bad"
        return _unknown(name, Trouble(cause, "correct the selector"), query, window)
    count = round(total)
    bad = max(round(failing), 1 if failing > FRACTION_MIN else 0)
    notes = ("counts are extrapolated by Prometheus' increase()",)
    origin = Origin(SOURCE, query, newest_us, window.from_us, count, notes=notes)
    return Share(name, origin, max(0, count - bad), count)


def _unknown(name: str, trouble: Trouble, query: str, window: Window) -> Share:
    return Share(name, trouble.origin(SOURCE, query, window.from_us))
