"""`needs`: a history that goes right, and goes wrong without the condition it is there for."""

import pytest

from tests.simulation.mutations import plant


@pytest.fixture
def needs(monkeypatch):
    def check(condition, story, expected, wrong):
        assert expected == story()
        plant(condition, monkeypatch)
        assert wrong == story(), f"the history does not need {condition}"

    return check
