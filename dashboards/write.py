"""Writes what `dashboards/` holds: rules, alerts and Grafana dashboards. `make dashboards`.

With other addresses than the defaults it makes a set of its own:

    python -m figwatch.dashboards.write --out DIR --docs-url URL --grafana-url URL
"""

import argparse
import pathlib
from collections.abc import Mapping

from figwatch.dashboards.alerts import ALERTS
from figwatch.dashboards.rules import RECORDED, group, prometheus_rule, rules_file

DOCS_URL = "http://localhost:8000"
"""`make docs-site` and compose/ serve the documentation there."""
GRAFANA_URL = "http://localhost:3000"


def rule_files(docs_url: str = DOCS_URL, grafana_url: str = GRAFANA_URL) -> Mapping[str, str]:
    """Prometheus' files by their path below the folder."""
    recorded = [rule.rule() for rule in RECORDED]
    alerts = [alert.rule(docs_url, grafana_url) for alert in ALERTS]
    return {
        "prometheus/recording.yaml": rules_file([group("figwatch-recording", recorded)]),
        "prometheus/alerts.yaml": rules_file([group("figwatch-alerts", alerts)]),
        "kubernetes/prometheus-rule.yaml": prometheus_rule(
            [group("figwatch-recording", recorded), group("figwatch-alerts", alerts)]
        ),
    }


def files(docs_url: str = DOCS_URL, grafana_url: str = GRAFANA_URL) -> Mapping[str, str]:
    """Every file by its path below the folder."""
    from figwatch.dashboards.grafana_json import board_files

    return {**rule_files(docs_url, grafana_url), **board_files(docs_url)}


def main() -> None:
    """Write every file."""
    parser = argparse.ArgumentParser(prog="python -m figwatch.dashboards.write")
    parser.add_argument("--out", type=pathlib.Path, default=pathlib.Path(__file__).parent)
    parser.add_argument("--docs-url", default=DOCS_URL)
    parser.add_argument("--grafana-url", default=GRAFANA_URL)
    asked = parser.parse_args()
    for name, text in files(asked.docs_url, asked.grafana_url).items():
        path = asked.out / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, "utf-8")


if __name__ == "__main__":
    main()
