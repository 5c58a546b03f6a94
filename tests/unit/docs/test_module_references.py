"""A module's docstring names the next one on the path: it must be there."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
FOLDERS = ("cli", "connectors", "dashboards", "demo", "streams", "validators")
NAMED = re.compile(rf"`(?:figwatch\.)?((?:{'|'.join(FOLDERS)})(?:\.\w+)+)`")


def leads_nowhere(name: str) -> bool:
    """Whether a dotted name is neither a package, nor a module, nor what stands in a module."""
    path, parts = ROOT, name.split(".")
    while parts:
        path /= parts.pop(0)
        if (module := path.with_suffix(".py")).is_file():
            return bool(parts) and re.search(rf"\b{parts[0]}\b", module.read_text()) is None
        if not path.is_dir():
            return True
    return False


def test_every_module_that_a_text_names_is_there():
    files = [*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")]
    files += [file for folder in FOLDERS for file in (ROOT / folder).rglob("*.py")]
    named = {(found, file.name) for file in files for found in NAMED.findall(file.read_text())}
    assert len(named) > 100, "too few: this would verify nothing"
    assert [] == sorted(each for each in named if leads_nowhere(each[0]))


@pytest.mark.parametrize(
    "name", ["validators.canonical_rows", "validators.judge.Nobody", "streams.nothing.at.all"]
)
def test_a_name_that_leads_nowhere_is_noticed(name):
    assert leads_nowhere(name)
