"""Which end-to-end tests run first, and which never at the same time.

Some tests start a stack of their own and load it for minutes. Two of them at once make two cores
so slow that both take several times as long: one process takes all of them, one after the other,
and begins with them, so that none is left to run alone at the end.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from xdist.scheduler import LoadFileScheduling

if TYPE_CHECKING:
    from pathlib import Path

HEAVY = ("test_all_stages.py", "test_chaos.py", "test_demo_story.py")


def turn(path: Path) -> int:
    """What to sort tests by: the heavy ones, longest first, then all others as they are."""
    return HEAVY.index(path.name) if path.name in HEAVY else len(HEAVY)


class HeavyOneByOne(LoadFileScheduling):
    """All tests of a file go to one process, and all of the heavy files to one."""

    def _split_scope(self, nodeid: str) -> str:
        file = super()._split_scope(nodeid)
        return "heavy" if file.endswith(HEAVY) else file
