"""Faust's app with the settings that make it quick and safe. `figwatch.streams.app` uses it."""

from typing import Any

import faust

from figwatch.connectors.config.root import Config
from figwatch.connectors.kafka.settings import ssl_context
from figwatch.streams import transport
from figwatch.streams.consumer import SETTLE_SECONDS


class App(faust.App):
    """Faust's app without its web server and without files of its own."""

    class BootStrategy(faust.App.BootStrategy):  # noqa: D106
        enable_web = False

    def _create_directories(self) -> None:
        """Nothing is kept on this machine."""


def new_app(config: Config) -> App:
    """Return a Faust app with the settings that make it quick and safe."""
    transport.register()
    kafka, worker = config.kafka, config.worker
    session = worker.session_timeout_seconds
    servers = kafka.bootstrap_servers.split(",")
    return App(
        config.app,
        broker=";".join(f"{transport.SCHEME}://{server.strip()}" for server in servers),
        broker_credentials=_credentials(config),
        store="memory://",
        origin="figwatch.streams",
        autodiscover=False,
        topic_partitions=worker.internal_partitions,
        topic_allow_declare=False,
        topic_disable_leader=True,
        table_standby_replicas=0,
        stream_wait_empty=False,
        stream_recovery_delay=0.0,
        stream_buffer_maxsize=16,  # batches, not records
        broker_max_poll_records=worker.batch_records_max,
        broker_commit_interval=1.0,
        broker_session_timeout=session,
        broker_heartbeat_interval=min(1.0, session / 5),
        broker_rebalance_timeout=session + 2 * SETTLE_SECONDS,
        broker_request_timeout=session + 5.0,
        consumer_auto_offset_reset="earliest",
        consumer_max_fetch_size=4 * 1024 * 1024,
        consumer_metadata_max_age_ms=15_000,
        producer_acks=-1,
        producer_compression_type="zstd",  # 0.2 us a record; aiokafka's lz4 is level 9: 1 to 5 us
        producer_linger=0.0,
        producer_max_batch_size=512 * 1024,
        producer_max_request_size=1024 * 1024,
        producer_request_timeout=30.0,
        worker_redirect_stdouts=False,
    )


def _credentials(config: Config) -> Any:
    kafka, context = config.kafka, ssl_context(config.kafka)
    if kafka.security_protocol.startswith("SASL"):
        password = kafka.sasl_password.reveal() if kafka.sasl_password else ""
        return faust.SASLCredentials(
            username=kafka.sasl_username or "",
            password=password,
            mechanism=kafka.sasl_mechanism,
            ssl_context=context,
        )
    return faust.SSLCredentials(context) if context is not None else None
