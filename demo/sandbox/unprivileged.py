"""Who runs PostgreSQL: it refuses to run as root, so under root it runs as `nobody`.

`nobody` owns the data directories but may not be able to walk to them, or to the binaries, when
a folder above is closed (root's home is). Permissions of other people's folders are not ours to
change; instead the server then gets one capability, to read and search past closed folders.
"""

from __future__ import annotations

import os
import shutil
import stat
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from figwatch.demo.sandbox.model import ErrorCode, SandboxError

if TYPE_CHECKING:
    from collections.abc import Iterable

USER = "nobody"
# linux/capability.h. Containers often lack the first and have the second, which is stronger.
CAPABILITIES = {"dac_read_search": 2, "dac_override": 1}


@dataclass(frozen=True, slots=True)
class RunAs:
    """How to start a program: as `owner` (None: as ourselves).

    `prefix` is a program that changes the user itself; without it the keeper does.
    """

    owner: int | None
    prefix: tuple[str, ...] = ()

    @property
    def user_id(self) -> int | None:
        """The user that the keeper is to change to."""
        return None if self.prefix else self.owner

    def own(self, path: Path) -> None:
        """Give the path to the program's user; nothing to do when we are it."""
        if self.owner is not None:
            os.chown(path, self.owner, self.owner)


def run_as(paths: Iterable[Path], death_signal: str) -> RunAs:
    """How PostgreSQL is to be started, given all that it must reach.

    Raises:
        SandboxError: PRIVILEGES when we are root and no way is open.
    """
    if os.geteuid() != 0:
        return RunAs(None)
    user_id = _user_id()
    closed = next((path for path in paths if not reachable(path)), None)
    if closed is None:
        return RunAs(user_id)
    setpriv = shutil.which("setpriv")
    capability = next((name for name, bit in CAPABILITIES.items() if _have(bit)), None)
    if setpriv is None or capability is None:
        raise SandboxError(
            ErrorCode.PRIVILEGES,
            f"PostgreSQL does not run as root, and the user {USER} cannot reach {closed}.",
            "Run as another user, or keep the sandbox and the virtual environment in folders "
            "that everybody may enter.",
        )
    # setpriv sets the death signal itself: changing the user clears an earlier one.
    return RunAs(
        user_id,
        (
            setpriv,
            f"--reuid={user_id}",
            f"--regid={user_id}",
            "--clear-groups",
            f"--inh-caps=-all,+{capability}",
            f"--ambient-caps=+{capability}",
            f"--bounding-set=-all,+{capability}",
            f"--pdeathsig={death_signal}",
        ),
    )


def reachable(path: Path) -> bool:
    """Whether a stranger may enter every folder on the way, by the modes alone."""
    resolved = path.resolve()
    return all(
        folder.stat().st_mode & stat.S_IXOTH
        for folder in (resolved, *resolved.parents)
        if folder.is_dir()
    )


def _user_id() -> int:
    import pwd

    try:
        return pwd.getpwnam(USER).pw_uid
    except KeyError:
        raise SandboxError(
            ErrorCode.PRIVILEGES,
            f"PostgreSQL does not run as root, and there is no user {USER} to run it.",
            "Run as another user.",
        ) from None


def _have(bit: int) -> bool:
    try:
        lines = Path("/proc/self/status").read_text("ascii").splitlines()
    except OSError:
        return False
    return all(
        int(next(line for line in lines if line.startswith(name)).split()[1], 16) >> bit & 1
        for name in ("CapPrm", "CapBnd")
    )
