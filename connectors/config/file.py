"""Loads figwatch.yaml; everything that is wrong with it is told at once, with line and fix.

The values are `figwatch.connectors.config.root`; `figwatch.cli` is the caller.
"""

import copy
import dataclasses
import pathlib
import re
from collections.abc import Iterator
from typing import Any

from pydantic import BaseModel, ValidationError

from figwatch.connectors.config.columns import pair_rule
from figwatch.connectors.config.problems import of_rule, problems_of, unknown_fields
from figwatch.connectors.config.root import Config
from figwatch.connectors.config.rules import repeated_pairs, unknown_authority
from figwatch.connectors.config.secret import Secret
from figwatch.connectors.config.yaml_source import Path, YamlSource, parse_yaml
from figwatch.validators.errors import ConfigurationError, Problem

CONFIG_BYTES_MAX = 4_000_000

_PASSWORD_IN_URL = re.compile(r"^[a-z][a-z0-9+.-]*://[^/@\s:]*:[^@/\s]+@", re.IGNORECASE)
_PASSWORD_IN_DSN = re.compile(r"(?:^|[\s?&])password\s*=\s*\S", re.IGNORECASE)


@dataclasses.dataclass(frozen=True)
class LoadedConfig:
    """A usable configuration, and what should be better about it."""

    config: Config
    warnings: tuple[Problem, ...]


def load_config(path: pathlib.Path) -> LoadedConfig:
    """Read the configuration file. Secrets are not read yet (`Secret.reveal`).

    Raises:
        ConfigurationError: with every problem that was found.
    """
    return parse_config(_read(path), str(path))


def parse_config(text: str, file: str = "figwatch.yaml") -> LoadedConfig:
    """The same from a text. Raises as `load_config` does."""
    source = parse_yaml(text, file)
    if not isinstance(source.data, dict):
        raise ConfigurationError(
            "config.empty",
            "the file holds no settings" if source.data is None else "the file is no mapping",
            file,
            "`figwatch init` writes one to start from",
        )
    config = _validated(source)
    for place, secret in secrets_of(config):
        secret.where = source.where(place)
    return LoadedConfig(config, tuple(_in_clear(config)))


def check_secrets(config: Config) -> list[Problem]:
    """Problems with the secrets: variables that are unset, files that cannot be read."""
    problems: list[Problem] = []
    for _, secret in secrets_of(config):
        try:
            secret.reveal()
        except ConfigurationError as error:
            problems += error.problems
    return problems


def secrets_of(model: BaseModel) -> Iterator[tuple[Path, Secret]]:
    """Every secret of the configuration, with its path."""
    return _secrets_in(model, ())


def _read(path: pathlib.Path) -> str:
    try:
        with path.open("rb") as file:
            content = file.read(CONFIG_BYTES_MAX + 1)
    except FileNotFoundError:
        raise ConfigurationError(
            "config.not-found",
            f"there is no configuration file {path}",
            fix="`figwatch init` writes one, `--config FILE` names another",
        ) from None
    except OSError as error:
        raise ConfigurationError(
            "config.unreadable",
            f"the configuration file {path} cannot be read: {error.strerror}",
            fix="check the path and its permissions",
        ) from error
    if len(content) > CONFIG_BYTES_MAX:
        raise ConfigurationError(
            "config.too-large",
            f"the configuration file {path} is larger than {CONFIG_BYTES_MAX} bytes",
            fix="check that it is the right file",
        )
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise ConfigurationError(
            "config.encoding", "the file is not UTF-8", f"{path}:{line}", "save it as UTF-8"
        ) from error


def _validated(source: YamlSource) -> Config:
    try:
        config = Config.model_validate(source.data)
    except ValidationError as error:
        problems = problems_of(error, source)
        known = _without(source, unknown_fields(error, source))
    else:
        _check_mappings(config, source)
        return config
    # Pydantic looks at the rules across fields only when the fields are right: look again
    # without the unknown ones, so that one run names everything.
    try:
        Config.model_validate(known.data)
    except ValidationError as error:
        problems += problems_of(error, known)
    problems += _early_rules(source)
    raise ConfigurationError.of(tuple(dict.fromkeys(problems)))


def _check_mappings(config: Config, source: YamlSource) -> None:
    problems: list[Problem] = []
    for index, pair in enumerate(config.pairs):
        try:
            pair_rule(pair)
        except ConfigurationError as error:
            for problem in error.problems:
                below = problem.where.removeprefix(f"pairs.{pair.name}.")
                where = source.where(("pairs", index, *below.split(".")))
                problems.append(dataclasses.replace(problem, where=where))
    if problems:
        raise ConfigurationError.of(tuple(problems))


def _early_rules(source: YamlSource) -> list[Problem]:
    """Rules across fields that can be looked at although other fields are wrong."""
    data = source.data
    rules = []
    sides, authority, pairs = data.get("sides"), data.get("authority"), data.get("pairs")
    if isinstance(sides, dict) and isinstance(authority, str):
        rules += unknown_authority(authority, list(sides))
    if isinstance(pairs, list):
        names = [pair.get("name") if isinstance(pair, dict) else None for pair in pairs]
        # A pair without a usable name gets one that no other has.
        rules += repeated_pairs([n if isinstance(n, str) else f"#{i}" for i, n in enumerate(names)])
    return [of_rule(rule, source) for rule in rules]


def _without(source: YamlSource, paths: list[Path]) -> YamlSource:
    data = copy.deepcopy(source.data)
    for path in paths:
        parent: Any = data
        for part in path[:-1]:
            parent = parent[part]
        parent.pop(path[-1], None)
    return dataclasses.replace(source, data=data)


def _secrets_in(value: Any, path: Path) -> Iterator[tuple[Path, Secret]]:
    if isinstance(value, Secret):
        yield path, value
    elif isinstance(value, BaseModel):
        for name in type(value).model_fields:
            yield from _secrets_in(getattr(value, name), (*path, name))
    elif isinstance(value, dict):
        for name, item in value.items():
            yield from _secrets_in(item, (*path, name))


def _in_clear(config: Config) -> Iterator[Problem]:
    for path, secret in secrets_of(config):
        if not secret.in_clear:
            continue
        is_dsn = path[-1] == "database"
        if is_dsn and not _holds_password(secret.reveal()):
            continue
        what = "a database password" if is_dsn else "a secret"
        yield Problem(
            "config.secret-in-clear",
            f"{what} stands in the file",
            secret.where,
            "move it out: `env:NAME` or `file:PATH`",
        )


def _holds_password(dsn: str) -> bool:
    return bool(_PASSWORD_IN_URL.search(dsn) or _PASSWORD_IN_DSN.search(dsn))
