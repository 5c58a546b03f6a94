"""Schemas from a registry over HTTP: Confluent's interface, which Apicurio and others offer too, or
Apicurio's own.

A schema never changes, so that it is asked for once. A registry that is away is no property of a
record: RegistryUnavailable says so, and the caller waits. Used by `connectors.debezium.avro`.
"""

import functools
import time
import urllib.parse
from collections.abc import Callable, Sequence
from typing import Any

import httpx

from figwatch.connectors.config.root import SideConfig
from figwatch.connectors.config.secret import Secret
from figwatch.connectors.debezium.avro import Registered, UnknownSchemaError
from figwatch.connectors.debezium.framing import RefKind, SchemaRef
from figwatch.validators.errors import FigwatchError

ATTEMPTS = 3
"""Requests before the registry counts as away."""
PAUSES_SECONDS = (0.1, 0.4)
TIMEOUT_SECONDS = 5.0
SCHEMA_BYTES_MAX = 8 * 1024 * 1024
SCHEMAS_MAX = 10_000
UNKNOWN_SECONDS = 10.0
"""How long the answer "no such schema" is believed: it may be registered a moment later."""
REFERENCES_MAX = 64

_CONFLUENT = {RefKind.GUID: "/schemas/guids/{0}"}
_CONFLUENT_ID = "/schemas/ids/{0}"
_APICURIO = {
    RefKind.ID: ("/ids/contentIds/{0}", "/ids/globalIds/{0}"),
    RefKind.CONTENT_ID: ("/ids/contentIds/{0}",),
    RefKind.GLOBAL_ID: ("/ids/globalIds/{0}",),
}
_APICURIO_ROOTS = ("/apis/registry/v3", "/apis/registry/v2")


class RegistryUnavailable(FigwatchError):  # noqa: N818  # a state of the world, agreed by name
    """The registry cannot be asked now. Nothing may be skipped: wait and try again."""

    def __init__(self, url: str, cause: str, fix: str) -> None:
        super().__init__("registry.unavailable", f"the schema registry {cause}", url, fix)


class Registry:
    """A client of one registry."""

    def __init__(
        self,
        url: str,
        user: str | None = None,
        password: Secret | None = None,
        sleep: Callable[[float], None] = time.sleep,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._url = url.rstrip("/")
        self._shown = str(httpx.URL(self._url).copy_with(userinfo=b""))
        self._user, self._password = user, password
        self._sleep, self._clock = sleep, clock
        self._found: dict[SchemaRef, Registered] = {}
        self._unknown: dict[SchemaRef, float] = {}

    @classmethod
    def of(cls, side: SideConfig) -> "Registry | None":
        """The registry of a side; None where none is configured."""
        if side.schema_registry is None:
            return None
        return cls(side.schema_registry, side.schema_registry_user, side.schema_registry_password)

    @functools.cached_property
    def _client(self) -> httpx.Client:
        """Made when first needed: most commands never ask, and need no password then."""
        secret = "" if self._password is None else self._password.reveal()
        headers = {"Accept": "application/json, */*"}
        if self._user is not None:
            return httpx.Client(
                auth=httpx.BasicAuth(self._user, secret), headers=headers, timeout=TIMEOUT_SECONDS
            )
        if secret:
            headers["Authorization"] = f"Bearer {secret}"
        return httpx.Client(headers=headers, timeout=TIMEOUT_SECONDS)

    def schema(self, ref: SchemaRef) -> Registered:
        """The schema that a record names.

        Raises:
            UnknownSchemaError: the registry has none by that name.
            RegistryUnavailable: it is away, or refuses.
        """
        found = self._found.get(ref)
        if found is not None:
            return found
        since = self._unknown.get(ref)
        if since is not None and self._clock() - since < UNKNOWN_SECONDS:
            raise self._no_such(ref)
        for path in self._paths(ref):
            answer = self._get(path)
            if answer is not None:
                if len(self._found) >= SCHEMAS_MAX:
                    self._found.clear()
                registered = self._found[ref] = self._registered(answer)
                return registered
        if len(self._unknown) >= SCHEMAS_MAX:
            self._unknown.clear()
        self._unknown[ref] = self._clock()
        raise self._no_such(ref)

    def _no_such(self, ref: SchemaRef) -> UnknownSchemaError:
        return UnknownSchemaError(f"the schema registry has no schema of {ref.kind} {ref.value}")

    def _paths(self, ref: SchemaRef) -> Sequence[str]:
        """Where a schema may stand. Apicurio's own interface is known by its path; a bare address
        may be either.
        """
        own = [path.format(ref.value) for path in _APICURIO.get(ref.kind, ())]
        if "/apis/registry/" in self._url:
            return own
        confluent = _CONFLUENT.get(ref.kind, _CONFLUENT_ID).format(ref.value)
        if httpx.URL(self._url).path.strip("/"):
            return [confluent]
        return [confluent, *(root + path for root in _APICURIO_ROOTS for path in own)]

    def _get(self, path: str) -> httpx.Response | None:
        """The answer to one question; None: it has no such thing."""
        cause = ""
        for attempt in range(ATTEMPTS):
            if attempt:
                self._sleep(PAUSES_SECONDS[attempt - 1])
            try:
                response = self._client.get(self._url + path)
            except (httpx.HTTPError, httpx.InvalidURL) as error:
                cause = f"does not answer ({type(error).__name__})"
                continue
            if response.status_code == httpx.codes.OK:
                return response
            if response.status_code in {httpx.codes.UNAUTHORIZED, httpx.codes.FORBIDDEN}:
                raise RegistryUnavailable(
                    self._shown,
                    f"refuses figwatch (HTTP {response.status_code})",
                    "check schema_registry_user and schema_registry_password of this side",
                )
            if response.status_code in {httpx.codes.NOT_FOUND, httpx.codes.METHOD_NOT_ALLOWED}:
                return None
            cause = f"answers HTTP {response.status_code}"
        raise RegistryUnavailable(
            self._shown, cause, "start it, or correct schema_registry of this side"
        )

    def _registered(self, answer: httpx.Response) -> Registered:
        if len(answer.content) > SCHEMA_BYTES_MAX:
            raise UnknownSchemaError(f"a schema of more than {SCHEMA_BYTES_MAX} bytes")
        try:
            document = answer.json()
        except ValueError:
            return Registered(answer.text)
        if not isinstance(document, dict) or not isinstance(document.get("schema"), str):
            return Registered(answer.text)  # Apicurio gives the schema itself
        references: list[str] = []
        self._follow(document.get("references"), references)
        return Registered(
            document["schema"], document.get("schemaType") or "AVRO", tuple(references)
        )

    def _follow(self, references: Any, found: list[str]) -> None:
        """Texts of the schemas that are referred to, the deepest first."""
        for reference in references if isinstance(references, list) else ():
            if len(found) >= REFERENCES_MAX:
                raise UnknownSchemaError(f"a schema with more than {REFERENCES_MAX} references")
            if not isinstance(reference, dict):
                continue
            subject = urllib.parse.quote(str(reference.get("subject")), safe="")
            version = urllib.parse.quote(str(reference.get("version")), safe="")
            answer = self._get(f"/subjects/{subject}/versions/{version}")
            if answer is None:
                raise UnknownSchemaError("a schema that another one refers to is missing")
            inner = answer.json()
            self._follow(inner.get("references"), found)
            found.append(inner.get("schema", ""))
