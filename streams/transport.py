"""Faust's aiokafka transport, delivering one Event for each fetched record batch of a partition.

Stock Faust makes an Event, four tasks and an acknowledgement of every record (54 us); here a batch
is one. Changelog batches go straight to their table. Assignor, recovery service, commits and
rebalance handling stay Faust's; what is overridden of its private methods is pinned, one by one,
in tests/component/test_transport.py, and the versions in pyproject.toml.

Next on the path: `figwatch.streams.consumer`.
"""

import functools
from collections.abc import Mapping
from typing import Any

import aiokafka.client
from aiokafka.protocol.metadata import MetadataRequest
from faust.transport.drivers import TRANSPORTS
from faust.transport.drivers import aiokafka as stock

from figwatch.streams import consumer

SCHEME = "figwatch"
"""Scheme of broker URLs that choose this transport: `figwatch://host:port`."""


class Producer(stock.Producer):
    """Writes idempotently: a retried batch is neither repeated nor out of order."""

    def _settings_extra(self) -> Mapping[str, Any]:
        return {"acks": "all", "enable_idempotence": True}


class Transport(stock.Transport):
    """The transport of scheme `figwatch`."""

    Consumer = consumer.Consumer
    Producer = Producer


def register() -> None:
    """Make `figwatch://` known to Faust, and keep clients from creating topics by asking."""
    TRANSPORTS.aliases[SCHEME] = f"{__name__}:Transport"
    aiokafka.client.MetadataRequest = functools.partial(
        MetadataRequest, allow_auto_topic_creation=False
    )
