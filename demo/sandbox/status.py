"""Looking at a sandbox without touching it: what `figwatch sandbox status` shows."""

from __future__ import annotations

from typing import TYPE_CHECKING

import psutil

from figwatch.demo.sandbox.folder import Folder
from figwatch.demo.sandbox.keeper_client import KeeperClient
from figwatch.demo.sandbox.model import SandboxStatus, Service, ServiceState, ServiceStatus
from figwatch.demo.sandbox.programs import Programs

if TYPE_CHECKING:
    from pathlib import Path


def status(folder: Path) -> SandboxStatus:
    """The folder's sandbox, running or not; a folder without one counts as not running.

    Raises:
        SandboxError: FOLDER_UNUSABLE when the folder's state cannot be read.
    """
    place = Folder(folder.absolute())
    remembered = place.recall()
    keeper = KeeperClient.find(place.root)
    if remembered is None or keeper is None:
        return SandboxStatus(place.root, running=False, endpoints=None, services=())
    programs = keeper.programs()
    services = []
    for service in Service:
        known = programs.get(service)
        alive = known is not None and known.exit_code is None
        services.append(
            ServiceStatus(
                service=service,
                state=known.state if known is not None else ServiceState.STOPPED,
                port=remembered.ports[service],
                pid=known.pid if known is not None and alive else None,
                resident_bytes=_resident_bytes(known.pid) if known is not None and alive else 0,
                log=place.log(service),
            )
        )
    return SandboxStatus(
        place.root,
        running=True,
        endpoints=Programs(place, remembered).endpoints,
        services=tuple(services),
    )


def _resident_bytes(pid: int) -> int:
    """RSS of the process and its children. PostgreSQL's shared buffers count once a process."""
    try:
        parent = psutil.Process(pid)
        family = [parent, *parent.children(recursive=True)]
    except psutil.Error:
        return 0
    total = 0
    for process in family:
        try:
            total += process.memory_info().rss
        except psutil.Error:
            continue
    return total
