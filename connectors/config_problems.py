"""What pydantic found wrong with the configuration, as problems with a place and a fix.

`figwatch.connectors.config_file` is the caller.
"""

import types
import typing
from typing import Any

from pydantic import BaseModel, ValidationError

from figwatch.connectors.config import Config
from figwatch.connectors.config_rules import RULE_ERROR, BrokenRule, closest
from figwatch.connectors.yaml_source import Path, YamlSource
from figwatch.validators.errors import Problem

FIELDS_LISTED_MAX = 12

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
    found: dict[tuple[Path, str], Problem] = {}
    for detail in error.errors(include_url=False, include_input=False):
        if detail["type"] == RULE_ERROR:
            for rule in detail["ctx"]["broken"]:
                found[rule.path, rule.code] = of_rule(rule, source)
            continue
        path = _path_in_file(detail["loc"], source.data)
        kind = detail["type"]
        if path is None or (path, kind) in found:
            continue
        found[path, kind] = _of_field(path, kind, detail["msg"], source)
    order = sorted(found, key=lambda at: _place(at[0], source))
    return [found[at] for at in order]


def unknown_fields(error: ValidationError, source: YamlSource) -> list[Path]:
    """Paths of the fields that the model does not know."""
    details = error.errors(include_url=False, include_input=False, include_context=False)
    unknown = [detail["loc"] for detail in details if detail["type"] == "extra_forbidden"]
    paths = (_path_in_file(loc, source.data) for loc in unknown)
    return [path for path in paths if path is not None]


def of_rule(rule: BrokenRule, source: YamlSource) -> Problem:
    """A rule across fields that does not hold, with its place."""
    return Problem(rule.code, rule.cause, source.where(rule.path), rule.fix)


def _of_field(path: Path, kind: str, message: str, source: YamlSource) -> Problem:
    name = str(path[-1]) if path else "the file"
    where = source.where(path)
    if kind == "extra_forbidden":
        fields = fields_at(path[:-1])
        listed = ", ".join(fields[:FIELDS_LISTED_MAX])
        fix = closest(name, fields) or f"remove it; known here: {listed}"
        return Problem("config.unknown-field", f"`{name}` is not a setting", where, fix.strip())
    if kind == "missing":
        return Problem(
            "config.missing-field", f"`{name}` is missing", where, f"add `{name}: ...` there"
        )
    expected = _EXPECTED.get(kind)
    if expected:
        given = _named(_at(path, source.data))
        return Problem(
            "config.wrong-type",
            f"`{name}` should be {expected}, but is {given}",
            where,
            f"write {expected}, without quotes" if given == "text" else f"write {expected}",
        )
    return Problem("config.wrong-value", f"`{name}` cannot be used", where, _sentence(message))


def _sentence(message: str) -> str:
    return message.removeprefix("Value error, ").removeprefix("Input ").rstrip(".")


def _path_in_file(loc: tuple[str | int, ...], data: Any) -> Path | None:
    """The path as the file has it; None for the branch of a union that was not meant.

    Pydantic puts the name of a union's branch into the location: `columns.quantity.str` and
    `columns.quantity.ColumnConfig.typ` for one mapping with a misspelt field. The branch `str`
    is meant unless a mapping stands there.
    """
    path: list[str | int] = []
    here = data
    for depth, part in enumerate(loc):
        last = depth == len(loc) - 1
        if _is_branch(part, here, last=last):
            if (part == "str") == isinstance(here, dict):
                return None
            continue
        path.append(part)
        here = _child(here, part)
    return tuple(path)


def _is_branch(part: str | int, here: Any, *, last: bool) -> bool:
    if part == "str":
        return last and not (isinstance(here, dict) and "str" in here)
    return part == "ColumnConfig" and not (isinstance(here, dict) and part in here)


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
