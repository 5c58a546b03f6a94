"""The Kubernetes manifests: valid, probed where the worker answers, confined, and they fit."""

import copy
import re

import kubernetes_validate
import pytest
from ruamel.yaml import YAML

from tests.unit.compose.conftest import ROOT

VERSION = "1.30"
OPERATOR = "monitoring.coreos.com/v1"


def of_kind(manifests, kind):
    return [doc for doc in manifests if doc["kind"] == kind]


def pods(manifests):
    for doc in manifests:
        if doc["kind"] == "Deployment":
            yield doc["spec"]["template"]["spec"]
        elif doc["kind"] == "CronJob":
            yield doc["spec"]["jobTemplate"]["spec"]["template"]["spec"]


def valid(document):
    kubernetes_validate.validate(document, VERSION, strict=True)


def test_kubernetes_accepts_every_manifest(manifests):
    checked = [doc for doc in manifests if doc["apiVersion"] != OPERATOR]
    assert {"ServiceAccount", "Deployment", "Service", "PodDisruptionBudget", "CronJob"} == {
        doc["kind"] for doc in checked
    }
    for doc in checked:
        valid(doc)


def test_kubernetes_refuses_a_planted_mistake(manifests):
    (deployment,) = of_kind(manifests, "Deployment")
    broken = copy.deepcopy(deployment)
    broken["spec"]["template"]["spec"]["containers"][0]["readynessProbe"] = {}
    with pytest.raises(kubernetes_validate.ValidationError):
        valid(broken)


def test_probes_ask_what_the_worker_answers(manifests):
    (deployment,) = of_kind(manifests, "Deployment")
    (worker,) = deployment["spec"]["template"]["spec"]["containers"]
    paths = {probe: worker[probe]["httpGet"]["path"] for probe in worker if "Probe" in probe}
    assert "/livez" == paths["livenessProbe"] == paths["startupProbe"]
    assert "/readyz" == paths["readinessProbe"]
    served = (ROOT / "streams" / "http.py").read_text()
    assert all(f'"{path}"' in served for path in paths.values())


def test_everything_runs_confined(manifests):
    found = list(pods(manifests))
    assert 2 == len(found)
    for pod in found:
        assert pod["securityContext"]["runAsNonRoot"]
        assert pod["automountServiceAccountToken"] is False
        for container in pod["containers"]:
            inner = container["securityContext"]
            assert inner["readOnlyRootFilesystem"]
            assert ["ALL"] == inner["capabilities"]["drop"]
            assert inner["allowPrivilegeEscalation"] is False
            assert container["resources"]["limits"]["memory"]
            assert not container["image"].endswith(":latest")


def test_selectors_find_the_workers(manifests):
    (deployment,) = of_kind(manifests, "Deployment")
    labels = deployment["spec"]["template"]["metadata"]["labels"]
    (budget,) = of_kind(manifests, "PodDisruptionBudget")
    assert budget["spec"]["selector"]["matchLabels"].items() <= labels.items()
    assert budget["spec"]["maxUnavailable"] == 1
    for service in of_kind(manifests, "Service"):
        assert service["spec"]["selector"].items() <= labels.items()
    (cron,) = of_kind(manifests, "CronJob")
    sweeping = cron["spec"]["jobTemplate"]["spec"]["template"]["metadata"]["labels"]
    assert not budget["spec"]["selector"]["matchLabels"].items() <= sweeping.items()


def test_the_monitor_finds_the_metrics_and_its_job_begins_with_figwatch(manifests):
    (monitor,) = of_kind(manifests, "ServiceMonitor")
    wanted = monitor["spec"]["selector"]["matchLabels"]
    (found,) = [
        service
        for service in of_kind(manifests, "Service")
        if wanted.items() <= service["metadata"]["labels"].items()
    ]
    assert found["metadata"]["name"].startswith("figwatch")
    names = {port["name"] for port in found["spec"]["ports"]}
    assert {endpoint["port"] for endpoint in monitor["spec"]["endpoints"]} <= names


def test_the_rules_are_those_of_prometheus(manifests):
    (rule,) = of_kind(manifests, "PrometheusRule")
    files = [ROOT / "dashboards" / "prometheus" / f"{n}.yaml" for n in ("recording", "alerts")]
    groups = [g for file in files for g in YAML(typ="safe").load(file.read_text())["groups"]]
    assert groups == rule["spec"]["groups"]


def test_every_variable_that_the_comment_names_is_one_that_the_configuration_asks_for():
    text = (ROOT / "compose" / "kubernetes" / "figwatch.yaml").read_text()
    named = set(re.findall(r"from-literal=(\w+)=", text))
    asked = set(re.findall(r"env:(\w+)", (ROOT / "compose" / "figwatch.yaml").read_text()))
    assert asked == named
