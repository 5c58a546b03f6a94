"""PromQL of the panels: every selector with `$job` and `$instance`, rates over Grafana's interval.

Used by the boards; `figwatch.dashboards.panels` puts them into panels.
"""

from figwatch.validators.canary import CANARY_PAIR

MATCHERS = 'job=~"$job", instance=~"$instance"'
REAL = f'pair!="{CANARY_PAIR}"'
"""Leaves out the self-test, which differs on purpose."""
PAIR_IS = 'pair=~"$pair"'


def series(metric: str, which: str = "") -> str:
    """A selector."""
    return f"{metric}{{{MATCHERS}{', ' + which if which else ''}}}"


def aggregate(how: str, by: str, metric: str, which: str = "") -> str:
    """`sum`, `min` or `max` of a gauge by labels; by none for one value."""
    return f"{how}{_by(by)}({series(metric, which)})"


def rate(by: str, metric: str, which: str = "") -> str:
    """A counter's rate in 1/s."""
    return f"sum{_by(by)}(rate({series(metric, which)}[$__rate_interval]))"


def increase(by: str, metric: str, which: str = "") -> str:
    """How much a counter grew in one step of the graph."""
    return f"sum{_by(by)}(increase({series(metric, which)}[$__rate_interval]))"


def quantile(q: str, by: str, metric: str, which: str = "") -> str:
    """A quantile of a histogram."""
    return f"histogram_quantile({q}, {rate(f'{by}, le', metric + '_bucket', which)})"


def age(how: str, by: str, metric: str, which: str = "") -> str:
    """Seconds since a timestamp; `how` picks the one of several."""
    return f"time() - {aggregate(how, by, metric, which)}"


def _by(labels: str) -> str:
    return f" by ({labels}) " if labels else " "
