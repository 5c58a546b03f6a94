"""What the sample service's build and the monolith's repository leave behind."""

import ast
import subprocess

from figwatch.connectors.stage_evidence.leftovers import lines_of_code
from figwatch.connectors.stage_evidence.test_results import read_sarif
from figwatch.demo.stages import workshop


def names(path):
    return {getattr(node, "name", "") for node in ast.parse(path.read_text()).body}


def test_the_inventory_leaves_the_monoliths_code_by_a_commit(tmp_path):
    folder = tmp_path / "monolith"
    workshop.make_repository(folder)
    before = lines_of_code(str(folder), ["."])
    assert set(workshop.INVENTORY) <= names(folder / workshop.MODULE)
    workshop.remove_inventory(folder)
    left = names(folder / workshop.MODULE)
    assert not set(workshop.INVENTORY) & left
    assert {"Orders", "create_app"} <= left
    assert 50 < lines_of_code(str(folder), ["."]) < before
    log = subprocess.run(["git", "log", "--oneline"], cwd=folder, capture_output=True, check=True)
    assert 2 == len(log.stdout.splitlines())


def test_the_services_code_is_clean_and_its_sarif_is_read_as_such(tmp_path):
    workshop.analyse_service(tmp_path)
    found = read_sarif(str(tmp_path / "lint.sarif"))
    assert ("", 0) == (found.origin.problem, found.errors)
