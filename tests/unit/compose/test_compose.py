"""compose/: as far as it can be known without an engine, it would come up, safely and in order."""

import graphlib
import pathlib
import re
import tomllib

import pytest
from ruamel.yaml import YAML

from figwatch.connectors.config.file import parse_config
from figwatch.demo.configuration import configuration
from figwatch.demo.sandbox import Endpoints
from figwatch.demo.sandbox.jars import read_lock
from tests.unit.compose.conftest import COMPOSE, ROOT, resolve

ENDPOINTS = Endpoints("kafka:9092", "http://connect:8083", {"monolith": "a", "service": "b"})
OURS = {"figwatch", "figwatch-second", "sample"}


def config():
    return parse_config((COMPOSE / "figwatch.yaml").read_text()).config


def load(path):
    return YAML(typ="safe").load((COMPOSE / path).read_text())


def mounts(service):
    return [v for v in service.get("volumes", []) if v["type"] == "bind"]


def test_compose_itself_accepts_the_file(compose):
    wanted = OURS | {"kafka", "connect", "registry", "monolith-db", "service-db", "prometheus"}
    assert wanted | {"alertmanager", "grafana", "jaeger"} == set(compose["services"])


def test_compose_refuses_a_planted_mistake(tmp_path):
    broken = tmp_path / "compose.yaml"
    broken.write_text("services: {a: {image: x, depnds_on: [b]}}\n")
    code, _, complaints = resolve(broken)
    assert code != 0
    assert "depnds_on" in complaints


def test_every_file_that_is_mounted_exists_and_nothing_can_write_to_it(compose):
    found = [mount for service in compose["services"].values() for mount in mounts(service)]
    assert len(found) >= 8
    for mount in found:
        assert pathlib.Path(mount["source"]).exists(), mount["source"]
        assert mount["read_only"], mount["source"]


def test_every_service_says_whether_it_is_well_and_waits_for_what_it_needs(compose):
    services = compose["services"]
    waits = {name: service.get("depends_on") or {} for name, service in services.items()}
    for name, service in services.items():
        assert service["healthcheck"]["test"], name
        assert {"service_healthy"} >= {w["condition"] for w in waits[name].values()}, name
    order = list(graphlib.TopologicalSorter({n: set(w) for n, w in waits.items()}).static_order())
    for first, later in [("kafka", "connect"), ("connect", "sample"), ("sample", "figwatch"),
                         ("figwatch", "prometheus"), ("prometheus", "grafana")]:  # fmt: skip
        assert order.index(first) < order.index(later)


def test_nothing_is_reachable_beyond_loopback(compose):
    ports = [p for service in compose["services"].values() for p in service.get("ports", [])]
    assert ports
    assert {"127.0.0.1"} == {port.get("host_ip") for port in ports}
    for name in ("monolith-db", "service-db", "kafka", "connect"):
        assert "ports" not in compose["services"][name], name


def test_a_password_of_ones_own_reaches_every_place():
    _, document, _ = resolve(COMPOSE / "compose.yaml", POSTGRES_PASSWORD="o7n", PATH="/usr/bin")
    services = document["services"]
    assert "o7n" == services["monolith-db"]["environment"]["POSTGRES_PASSWORD"]
    for name in OURS:
        for variable in ("MONOLITH_DSN", "SERVICE_DSN"):
            assert ":o7n@" in services[name]["environment"][variable]


def test_kafka_keeps_its_records_where_the_volume_is(compose):
    """Elsewhere they would be gone with the container, while connectors and slots go on."""
    kafka = compose["services"]["kafka"]
    (volume,) = kafka["volumes"]
    assert kafka["environment"]["KAFKA_LOG_DIRS"] == volume["target"]


def test_images_are_pinned(compose):
    for name, service in compose["services"].items():
        if name not in OURS:
            assert re.search(r":v?\d+\.\d+(\.\d+)?", service["image"]), service["image"]


def test_versions_are_the_sandboxs(compose):
    roots = " ".join(root for bundle in read_lock() for root in bundle.roots)
    kafka = re.search(r"kafka_2\.13:([\d.]+)", roots).group(1)
    debezium = re.search(r"debezium-connector-postgres:([\w.]+)", roots).group(1)
    images = {name: service["image"] for name, service in compose["services"].items()}
    assert f"apache/kafka:{kafka}" == images["kafka"]
    assert f"quay.io/debezium/connect:{debezium}" == images["connect"]
    assert images["monolith-db"] == images["service-db"]
    assert images["monolith-db"].startswith("postgres:18.")


def test_figwatch_runs_as_nobody_in_particular_and_can_write_nothing_but_its_data(compose):
    text = (COMPOSE / "Dockerfile").read_text()
    assert re.search(r"^USER 10001:10001$", text, re.MULTILINE)
    for name in OURS:
        service = compose["services"][name]
        assert service["read_only"]
        assert ["ALL"] == service["cap_drop"]
        assert "privileged" not in service


def test_the_image_is_built_of_what_exists_and_of_every_package():
    text = (COMPOSE / "Dockerfile").read_text()
    copied = re.findall(r"^COPY (?!--from)(.+) \S+$", text, re.MULTILINE)
    names = [name for line in copied for name in line.split()]
    assert all((ROOT / name).exists() for name in names)
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    folders = {f.split("/")[0] for f in project["tool"]["setuptools"]["package-dir"].values()}
    assert folders <= set(names)
    stages = re.findall(r"^FROM (\S+)", text, re.MULTILINE)
    assert 1 == len(set(stages))
    assert re.fullmatch(r"python:3\.\d+\.\d+-slim-\w+", stages[0])


def test_its_configuration_means_what_the_demos_means():
    mine, demo = config(), parse_config(configuration(ENDPOINTS)).config
    for part in ("pairs", "authority", "objective", "migration", "ring_size"):
        assert getattr(demo, part) == getattr(mine, part), part
    for name, side in demo.sides.items():
        same = side.model_dump(exclude={"database"})
        assert same == mine.sides[name].model_dump(exclude={"database"})


def test_its_variables_are_given(compose):
    text = (COMPOSE / "figwatch.yaml").read_text()
    wanted = set(re.findall(r"env:(\w+)", text))
    assert wanted <= set(compose["services"]["figwatch"]["environment"])


def test_prometheus_scrapes_the_workers_and_the_facade(compose):
    scraped = {
        job["job_name"]: job["static_configs"][0]["targets"]
        for job in load("prometheus.yaml")["scrape_configs"]
    }
    port = config().worker.http_port
    assert [f"figwatch:{port}", f"figwatch-second:{port}"] == scraped["figwatch-inventory"]
    assert ["sample:8100"] == scraped["facade"]
    assert "8100" in compose["services"]["sample"]["entrypoint"]


def test_grafana_finds_its_data_and_its_dashboards(compose):
    grafana = compose["services"]["grafana"]
    (source,) = load("grafana/provisioning/datasources/prometheus.yaml")["datasources"]
    assert "prometheus" == source["type"]
    assert "http://prometheus:9090" == source["url"]
    (provider,) = load("grafana/provisioning/dashboards/figwatch.yaml")["providers"]
    targets = {mount["target"]: mount["source"] for mount in mounts(grafana)}
    assert str(ROOT / "dashboards" / "grafana") == targets[provider["options"]["path"]]
    assert "/etc/grafana/provisioning" in targets


@pytest.mark.parametrize("page", ["figwatch-overview.json"])
def test_grafanas_first_page_exists(compose, page):
    environment = compose["services"]["grafana"]["environment"]
    assert environment["GF_DASHBOARDS_DEFAULT_HOME_DASHBOARD_PATH"].endswith(page)
    assert (ROOT / "dashboards" / "grafana" / page).exists()
