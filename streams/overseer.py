"""What one worker does for all: follows the fleet's state, asks the gates, shows their metrics.

Made by `figwatch.streams.app`; its parts are `fleet`, `gate_watch`, `fleet_metrics` and `console`.
"""

import asyncio
from collections.abc import Callable, Container

from prometheus_client import CollectorRegistry

from figwatch.connectors.config.root import Config
from figwatch.connectors.kafka.settings import aiokafka_settings
from figwatch.streams.console import Console
from figwatch.streams.fleet import Fleet
from figwatch.streams.fleet_metrics import FleetMetrics
from figwatch.streams.gate_watch import GateWatch
from figwatch.streams.plan import Plan


class Overseer:
    """`held` are the internal partitions of this worker, as they come and go. With `explain`, the
    command that explains a key, it serves the console.
    """

    def __init__(
        self,
        config: Config,
        plan: Plan,
        held: Callable[[], Container[int]],
        explain: tuple[str, ...] | None = None,
    ) -> None:
        self._held = held
        self._two_way = frozenset(pair.name for pair in config.pairs if pair.two_way)
        self.fleet = Fleet(
            aiokafka_settings(config.kafka),
            plan,
            config.worker.internal_partitions,
            round(config.worker.summary_fresh_seconds * 1e6),
            self._wanted,
        )
        self.gates = GateWatch(config, self.fleet, self._wanted)
        self.console = (
            Console(config, self.fleet, self.gates, explain) if explain is not None else None
        )

    def _wanted(self) -> bool:
        return self.console is not None or self._chosen()

    def _chosen(self) -> bool:
        """Some partition is held by exactly one worker: let it be the first."""
        return 0 in self._held()

    def show(self, registry: CollectorRegistry) -> None:
        """Add the fleet's metrics to a worker's own."""
        registry.register(FleetMetrics(self.fleet, self.gates, self._chosen, self._two_way))

    async def start(self) -> list[asyncio.Task[None]]:
        """Begin; the tasks never end by themselves.

        Raises:
            FigwatchError: the console's port is taken.
        """
        tasks = {"fleet": self.fleet.run, "gates": self.gates.run}
        if self.console is not None:
            await self.console.start()
            tasks["console"] = self.console.run
        return [asyncio.create_task(run(), name=name) for name, run in tasks.items()]

    async def stop(self) -> None:
        """Let visitors go."""
        if self.console is not None:
            await self.console.stop()
