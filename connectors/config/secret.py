"""A secret in the configuration: `env:NAME` or `file:PATH`, read when it is needed, never shown.

`figwatch.connectors.config.root` uses it for passwords and data source names.
"""

import os
import pathlib
from typing import Any

from pydantic import GetCoreSchemaHandler, GetJsonSchemaHandler
from pydantic_core import CoreSchema, core_schema

from figwatch.validators.errors import ConfigurationError

SECRET_FILE_BYTES_MAX = 65_536


class Secret:
    """A reference to a secret. `reveal` reads it; every other way of showing it gives stars.

    `where` is the place in the configuration file, set by the loader for its error messages.
    """

    def __init__(self, reference: str, where: str = "") -> None:
        self._reference = reference
        self.where = where

    @property
    def in_clear(self) -> bool:
        """Whether the value itself stands in the file, instead of a reference to it."""
        return not self._reference.startswith(("env:", "file:"))

    @property
    def source(self) -> str:
        """Where the value comes from, safe to print: the reference, or stars."""
        return "********" if self.in_clear else self._reference

    def reveal(self) -> str:
        """The secret.

        Raises:
            ConfigurationError: the variable is unset or empty, or the file cannot be read.
        """
        kind, _, name = self._reference.partition(":")
        if kind == "env":
            return self._from_environment(name)
        if kind == "file":
            return self._from_file(pathlib.Path(name).expanduser())
        return self._reference

    def _from_environment(self, name: str) -> str:
        value = os.environ.get(name, "")
        if not value:
            raise ConfigurationError(
                "config.secret-unset",
                f"the environment variable {name} is not set",
                self.where,
                f"export {name}=..., or name another variable or file:PATH here",
            )
        return value

    def _from_file(self, path: pathlib.Path) -> str:
        try:
            with path.open("rb") as file:
                content = file.read(SECRET_FILE_BYTES_MAX).decode().strip()
        except (OSError, UnicodeDecodeError) as error:
            reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8 text"
            raise ConfigurationError(
                "config.secret-unreadable",
                f"the secret file {path} cannot be read: {reason}",
                self.where,
                "make the file readable for the user that runs figwatch, or correct its path",
            ) from error
        if not content:
            raise ConfigurationError(
                "config.secret-empty",
                f"the secret file {path} is empty",
                self.where,
                "write the secret into the file",
            )
        return content

    def __repr__(self) -> str:
        return f"Secret({self.source})"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and self._reference == other._reference

    def __hash__(self) -> int:
        return hash(self._reference)

    @classmethod
    def __get_pydantic_core_schema__(
        cls, _source: Any, _handler: GetCoreSchemaHandler
    ) -> CoreSchema:
        """A string in the file; stars when dumped."""
        return core_schema.no_info_after_validator_function(
            cls,
            core_schema.str_schema(min_length=1, strict=True),
            serialization=core_schema.plain_serializer_function_ser_schema(
                lambda secret: secret.source
            ),
        )

    @classmethod
    def __get_pydantic_json_schema__(
        cls, _schema: CoreSchema, _handler: GetJsonSchemaHandler
    ) -> dict[str, Any]:
        """What editors show: a reference, by its two forms."""
        return {
            "type": "string",
            "minLength": 1,
            "examples": ["env:NAME", "file:/run/secrets/name"],
            "description": "A secret: env:NAME or file:PATH.",
        }
