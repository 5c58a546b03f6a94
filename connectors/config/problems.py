"""What pydantic found wrong with the configuration, as problems with a place and a fix.

`figwatch.connectors.config.file` is the caller.
"""

import types
import typing
from typing import Any, NamedTuple

from pydantic import BaseModel, ValidationError

from figwatch.connectors.config.root import Config
from figwatch.connectors.config.rules import RULE_ERROR, BrokenRule, closest
from figwatch.connectors.config.yaml_source import Path, YamlSource
from figwatch.validators.errors import Problem

FIELDS_LISTED_MAX = 12


class Fault(NamedTuple):
    """What pydantic says of one path; `branch` names the branch of a union that says it."""

    kind: str
    message: str
    branch: str


_EXPECTED = {
    "string_type": "text",
    "int_type": "a whole number",
    "int_from_float": "a whole number",
    "float_type": "a number",
    "bool_type": "true or false",
    "dict_type": "a mapping (name: value lines)",
    "model_type": "a mapping (name: value lines)",
    "list_type": "a list",
}


def problems_of(error: ValidationError, source: YamlSource) -> list[Problem]:
    """Every problem in the order of the file. Values are never quoted: one may be a secret."""
    rules: list[BrokenRule] = []
    faults: dict[Path, list[Fault]] = {}
    for detail in error.errors(include_url=False, include_input=False):
        if detail["type"] == RULE_ERROR:
            rules += detail["ctx"]["broken"]
            continue
        kind = detail["type"]
        path, branch = _path_in_file(detail["loc"], source.data, missing=kind == "missing")
        faults.setdefault(path, []).append(Fault(kind, detail["msg"], branch))
    found = [(rule.path, of_rule(rule, source)) for rule in rules]
    for path, at_path in faults.items():
        meant = _meant(at_path, path, faults)
        if meant:
            found.append((path, _of_field(path, meant, source)))
    return [problem for _, problem in sorted(found, key=lambda item: _place(item[0], source))]


def unknown_fields(error: ValidationError, source: YamlSource) -> list[Path]:
    """Paths of the fields that the model does not know."""
    details = error.errors(include_url=False, include_input=False, include_context=False)
    unknown = [detail["loc"] for detail in details if detail["type"] == "extra_forbidden"]
    return [_path_in_file(loc, source.data, missing=False)[0] for loc in unknown]


def of_rule(rule: BrokenRule, source: YamlSource) -> Problem:
    """A rule across fields that does not hold, with its place."""
    return Problem(rule.code, rule.cause, source.where(rule.path), rule.fix)


def _meant(at_path: list[Fault], path: Path, faults: dict[Path, list[Fault]]) -> list[Fault]:
    """The faults worth telling: a union complains about each of its branches.

    `columns.quantity: {typ: int}` is neither text (a fault at `quantity`) nor a known mapping (a
    fault below it): only the one below is meant.
    """
    if all(fault.branch for fault in at_path):
        below = any(len(other) > len(path) and other[: len(path)] == path for other in faults)
        return [] if below else at_path
    return [fault for fault in at_path if not fault.branch]


def _of_field(path: Path, faults: list[Fault], source: YamlSource) -> Problem:
    name = str(path[-1]) if path else "the file"
    where = source.where(path)
    kind, message = faults[0].kind, faults[0].message
    if kind == "extra_forbidden":
        fields = fields_at(path[:-1])
        listed = ", ".join(fields[:FIELDS_LISTED_MAX])
        fix = closest(name, fields) or f"remove it; known here: {listed}"
        return Problem("config.unknown-field", f"`{name}` is not a setting", where, fix.strip())
    if kind == "missing":
        return Problem(
            "config.missing-field", f"`{name}` is missing", where, f"add `{name}: ...` there"
        )
    expected = " or ".join(
        dict.fromkeys(_EXPECTED[fault.kind] for fault in faults if fault.kind in _EXPECTED)
    )
    if expected:
        given = _named(_at(path, source.data))
        quotes = ", without quotes" if given == "text" else ""
        cause = f"`{name}` should be {expected}, but is {given}"
        return Problem("config.wrong-type", cause, where, f"write {expected}{quotes}")
    if message.startswith("Input should "):
        fix = f"it should {message.removeprefix('Input should ')}"
        return Problem("config.wrong-value", f"`{name}` cannot be used so", where, fix)
    message = message.removeprefix("Value error, ")
    fix = "docs/configuration.md has the values that it can take"
    return Problem("config.wrong-value", f"`{name}`: {message}", where, fix)


def _path_in_file(loc: tuple[str | int, ...], data: Any, *, missing: bool) -> tuple[Path, str]:
    """The path as the file has it, and the branch of a union that complains ("" for none).

    Pydantic puts the name of a union's branch into the location: `columns.quantity.str` and
    `columns.quantity.ColumnConfig.typ`.
    """
    path: list[str | int] = []
    here = data
    branch = ""
    for depth, part in enumerate(loc):
        absent = missing and depth == len(loc) - 1
        if isinstance(part, int) or absent or (isinstance(here, dict) and part in here):
            path.append(part)
            here = _child(here, part)
            branch = ""
        else:
            branch = part
    return tuple(path), branch


def _child(here: Any, part: str | int) -> Any:
    if isinstance(here, dict):
        return here.get(part)
    if isinstance(here, list) and isinstance(part, int) and part < len(here):
        return here[part]
    return None


def _at(path: Path, data: Any) -> Any:
    for part in path:
        data = _child(data, part)
    return data


def _named(value: Any) -> str:
    names = {
        type(None): "empty",
        bool: "true or false",
        int: "a number",
        float: "a number with a fraction",
        str: "text",
        list: "a list",
        dict: "a mapping",
    }
    return names.get(type(value), "something else")


def _place(path: Path, source: YamlSource) -> tuple[int, int]:
    while path and path not in source.places:
        path = path[:-1]
    return source.places.get(path, (0, 0))


def fields_at(path: Path) -> list[str]:
    """Names of the settings that may stand in the section at a path."""
    kind: Any = Config
    for part in path:
        kind = _inner(kind, part)
    model = _model_in(kind)
    return list(model.model_fields) if model else []


def _inner(kind: Any, part: str | int) -> Any:
    model = _model_in(kind)
    if model is not None and part in model.model_fields:
        return model.model_fields[str(part)].annotation
    arguments = typing.get_args(kind)
    return arguments[-1] if arguments else None


def _model_in(kind: Any) -> type[BaseModel] | None:
    """The model of an annotation: itself, or a union's (`str | ColumnConfig`, `X | None`)."""
    if typing.get_origin(kind) in (types.UnionType, typing.Union):
        return next((m for m in map(_model_in, typing.get_args(kind)) if m), None)
    is_model = isinstance(kind, type) and issubclass(kind, BaseModel)
    return kind if is_model else None
