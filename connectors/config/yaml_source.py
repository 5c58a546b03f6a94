"""YAML text as plain values, and where each of them stands.

`figwatch.connectors.config.file` turns the places into error messages.
"""

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.comments import CommentedMap, CommentedSeq
from ruamel.yaml.constructor import DuplicateKeyError, RoundTripConstructor
from ruamel.yaml.error import MarkedYAMLError, YAMLError

from figwatch.validators.errors import ConfigurationError

Path = tuple[str | int, ...]
YAML_DEPTH_MAX = 32
YAML_VALUES_MAX = 200_000
"""After aliases are resolved: a few lines of them can stand for billions of values."""


@dataclasses.dataclass(frozen=True)
class YamlSource:
    """A parsed file. `places` holds (line, column), from 1, of the value at each path; fields of
    a mapping stand where their name does.
    """

    file: str
    data: Any
    places: Mapping[Path, tuple[int, int]]

    def where(self, path: Path) -> str:
        """`pairs[0].key, figwatch.yaml:12:5`: an absent field stands where its section does."""
        at = path
        while at and at not in self.places:
            at = at[:-1]
        line, column = self.places.get(at, (1, 1))
        spot = f"{self.file}:{line}:{column}"
        return f"{dotted(path)}, {spot}" if path else spot


class _Constructor(RoundTripConstructor):
    """Leaves times as the text that stands there: `since: 2026-03-01T08:00:00Z`."""


_Constructor.add_constructor("tag:yaml.org,2002:timestamp", lambda _, node: node.value)


def dotted(path: Path) -> str:
    """`("pairs", 0, "key")` as `pairs[0].key`."""
    text = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in path)
    return text.removeprefix(".")


def parse_yaml(text: str, file: str) -> YamlSource:
    """Read one YAML document.

    Raises:
        ConfigurationError: no YAML, a key twice, nested too deep or too much of it.
    """
    yaml = YAML(typ="rt")
    yaml.Constructor = _Constructor
    try:
        tree = yaml.load(text)
    except DuplicateKeyError as error:
        raise ConfigurationError(
            "config.duplicate-key",
            _first_line(error.problem) or "a key stands twice",
            _spot(file, error),
            "remove one of the two",
        ) from error
    except MarkedYAMLError as error:
        raise ConfigurationError(
            "config.yaml",
            f"not valid YAML: {_first_line(error.problem) or _first_line(error.context)}",
            _spot(file, error),
            "check indentation, quotes and colons there",
        ) from error
    except (YAMLError, RecursionError) as error:
        raise ConfigurationError(
            "config.yaml", "not valid YAML", file, "check indentation, quotes and colons"
        ) from error
    places: dict[Path, tuple[int, int]] = {}
    return YamlSource(file, _plain(tree, (), places, file), places)


def _plain(node: Any, path: Path, places: dict[Path, tuple[int, int]], file: str) -> Any:
    if len(path) > YAML_DEPTH_MAX or len(places) > YAML_VALUES_MAX:
        raise ConfigurationError(
            "config.yaml",
            f"deeper than {YAML_DEPTH_MAX} levels or more than {YAML_VALUES_MAX} values",
            file,
            "remove aliases (`*name`) that refer to themselves or to each other",
        )
    if isinstance(node, CommentedMap):
        plain: dict[str, Any] = {}
        for key, value in node.items():
            place = (*path, str(key))
            if key in node.lc.data:  # absent for keys that a merge brought in
                line, column = node.lc.key(key)
                places[place] = (line + 1, column + 1)
            plain[str(key)] = _plain(value, place, places, file)
        return plain
    if isinstance(node, CommentedSeq):
        items = []
        for index, value in enumerate(node):
            line, column = node.lc.item(index)
            places[(*path, index)] = (line + 1, column + 1)
            items.append(_plain(value, (*path, index), places, file))
        return items
    return _scalar(node)


def _scalar(node: Any) -> Any:
    """The round-trip parser's own kinds of numbers and texts as plain ones."""
    for kind in (bool, int, float, str):
        if isinstance(node, kind):
            return kind(node)
    if isinstance(node, Mapping | Sequence) and not node:
        return type(node)()
    return node


def _spot(file: str, error: MarkedYAMLError) -> str:
    mark = error.problem_mark or error.context_mark
    return f"{file}:{mark.line + 1}:{mark.column + 1}" if mark else file


def _first_line(text: str | None) -> str:
    """The first line without the value that ruamel quotes in it: it may be a secret."""
    line = (text or "").strip().split("\n")[0]
    return line.split(" with value ")[0].strip()
