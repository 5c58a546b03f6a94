"""`figwatch explain PAIR --mapping`: what each column becomes on both sides, with an example row.

`figwatch.connectors.mapping_example` fetches the example, `validators.mapping.view` says the rest.
"""

import dataclasses
import json
from typing import TYPE_CHECKING, Any

from figwatch.cli.console import print_table, print_text

if TYPE_CHECKING:
    from figwatch.connectors.config.root import Config
    from figwatch.validators.mapping.view import ColumnView, SideView

MAPPING_VERSION = 1


def mapping_document(
    settings: "Config", pair: str, views: "tuple[ColumnView, ...]", *, values: bool
) -> dict[str, Any]:
    """The mapping as data; the values of the example only when asked for."""
    return {
        "schema_version": MAPPING_VERSION,
        "pair": pair,
        "sides": {"source": settings.source_side, "target": settings.target_side},
        "columns": [_column(view, values=values) for view in views],
    }


def _column(view: "ColumnView", *, values: bool) -> dict[str, Any]:
    column = dataclasses.asdict(view)
    for side in ("source", "target"):
        column[side]["columns"] = list(column[side]["columns"])
        if not values:
            del column[side]["example"]
    return column | {
        "transforms": dict(view.transforms),
        "notices": list(view.notices),
    }


def print_mapping(document: dict[str, Any]) -> None:
    """The mapping for people."""
    sides = document["sides"]
    rows = [
        [
            column["name"] + (" (key)" if column["is_key"] else ""),
            _side(column["source"]),
            _side(column["target"]),
            column["compared_as"],
            ", ".join(f"{name}={value}" for name, value in column["transforms"].items()),
            {True: "equal", False: "DIFFERENT", None: ""}[column["equal"]],
        ]
        for column in document["columns"]
    ]
    print_table(
        f"mapping of {document['pair']}",
        ["column", sides["source"], sides["target"], "compared as", "transforms", "example"],
        rows,
    )
    for notice in dict.fromkeys(n for column in document["columns"] for n in column["notices"]):
        print_text(f"note: {notice}")


def _side(side: "dict[str, Any] | SideView") -> str:
    assert isinstance(side, dict)
    names = "+".join(side["columns"]) or "(constant)"
    said = f"{names}: {side['read_as']}" + (f" as {side['encoding']}" if side["encoding"] else "")
    if side["problem"]:
        return f"{said} ({side['problem']})"
    if side.get("example") is not None:
        return f"{said} = {json.dumps(side['example'], ensure_ascii=False, default=str)}"
    return said
