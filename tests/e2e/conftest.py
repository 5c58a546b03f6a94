"""The servers of the end-to-end tests, started once a run (`servers.py` decides which)."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from tests.e2e import order, servers

if TYPE_CHECKING:
    from collections.abc import Iterator

    from xdist.remote import Producer

    from figwatch.demo.sandbox import Endpoints, Sandbox


def pytest_report_header() -> str:
    try:
        chosen = servers.choose(os.environ, servers.engine_answers)
    except servers.CannotChooseError as error:
        return f"end-to-end servers: none, {error}"
    return f"end-to-end servers: {chosen}"


def pytest_xdist_make_scheduler(config: pytest.Config, log: Producer) -> order.HeavyOneByOne:
    config.option.loadscopereorder = False  # files in the order of their tests, not by number
    return order.HeavyOneByOne(config, log)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    items.sort(key=lambda item: order.turn(item.path))


@pytest.fixture(scope="session")
def provided(tmp_path_factory: pytest.TempPathFactory) -> Iterator[servers.Provided]:
    chosen = servers.choose(os.environ, servers.engine_answers)
    folder = tmp_path_factory.mktemp("sandbox")
    with servers.provide(chosen, os.environ, folder) as ready:
        yield ready


@pytest.fixture(scope="session")
def sandbox(provided: servers.Provided) -> Endpoints:
    """Where Kafka, Connect and the two databases answer. Shared: use names of your own."""
    return provided.endpoints


@pytest.fixture(scope="session")
def stack(provided: servers.Provided) -> Sandbox:
    """The running sandbox itself, for tests that stop and kill parts of it."""
    if provided.stack is None:
        pytest.skip("these servers are not ours to break")
    return provided.stack
