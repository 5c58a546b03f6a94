"""The sandbox's data folder: where things lie in it, and what is remembered between starts.

`sandbox.json` holds the ports, the Kafka cluster's name and the PostgreSQL password; only its
owner may read it.
"""

from __future__ import annotations

import base64
import json
import secrets
import uuid
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING

from figwatch.demo.sandbox.model import ErrorCode, SandboxError, Service

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

FORMAT = 1


def cluster_id(unique: uuid.UUID) -> str:
    """As Kafka writes one. Not beginning with a dash, which its tools would take for an option."""
    text = base64.urlsafe_b64encode(unique.bytes).decode("ascii").rstrip("=")
    return "A" + text[1:] if text.startswith("-") else text


@dataclass(frozen=True, slots=True)
class Remembered:
    """What must be the same after a restart; ports are kept where they are still free."""

    format: int = FORMAT
    cluster_id: str = field(default_factory=lambda: cluster_id(uuid.uuid4()))
    password: str = field(default_factory=lambda: secrets.token_urlsafe(18), repr=False)
    ports: dict[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Folder:
    """Paths below the data folder, which is absolute."""

    root: Path

    @property
    def logs(self) -> Path:
        return self.root / "logs"

    @property
    def kafka(self) -> Path:
        return self.root / "kafka"

    @property
    def connect(self) -> Path:
        return self.root / "connect"

    @property
    def postgres(self) -> Path:
        """The parent of the PostgreSQL clusters."""
        return self.root / "postgres"

    def cluster(self, side: str) -> Path:
        """PostgreSQL's data directory of one side."""
        return self.postgres / side

    def log(self, service: Service) -> Path:
        """Where to look when it fails."""
        return self.logs / f"{service.value}.log"

    def make(self) -> None:
        """Create what is missing.

        Raises:
            SandboxError: FOLDER_UNUSABLE when that is not permitted.
        """
        with self.errors():
            for path in (self.root, self.logs, self.kafka, self.connect, self.postgres):
                path.mkdir(parents=True, exist_ok=True)

    @contextmanager
    def errors(self) -> Iterator[None]:
        """Turn what the file system refuses (rights, space) into FOLDER_UNUSABLE."""
        try:
            yield
        except OSError as error:
            raise SandboxError(
                ErrorCode.FOLDER_UNUSABLE,
                f"{error.filename or self.root} cannot be used: {error.strerror}.",
                "Choose a folder that you can write and that has room.",
            ) from error

    def recall(self) -> Remembered | None:
        """What an earlier start wrote, None before the first.

        Raises:
            SandboxError: FOLDER_UNUSABLE when it cannot be read or is of another format.
        """
        path = self.root / "sandbox.json"
        try:
            remembered = Remembered(**json.loads(path.read_text("utf-8")))
        except FileNotFoundError:
            return None
        except (OSError, ValueError, TypeError) as error:
            raise SandboxError(
                ErrorCode.FOLDER_UNUSABLE,
                f"{path} cannot be read ({type(error).__name__}).",
                "Run as the user who made the sandbox, or choose another folder.",
            ) from error
        if remembered.format != FORMAT:
            raise SandboxError(
                ErrorCode.FOLDER_UNUSABLE,
                f"{path} has format {remembered.format}; this figwatch writes format {FORMAT}.",
                "Delete the folder, or choose another.",
            )
        return remembered

    def remember(self, remembered: Remembered) -> None:
        """Write it whole or not at all."""
        path = self.root / "sandbox.json"
        draft = path.with_suffix(".new")
        draft.unlink(missing_ok=True)
        draft.touch(mode=0o600)
        draft.write_text(json.dumps(asdict(remembered), indent=1), "utf-8")
        draft.replace(path)
