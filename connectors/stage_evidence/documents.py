"""The documents of stage `prepare`: digest, validity, approvals; compatibility by the registry."""

import hashlib
import urllib.parse
from typing import Any

import fastavro
import httpx
import jsonschema
import msgspec
from fastavro.schema import SchemaParseException, UnknownType
from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from figwatch.connectors.config.root import SideConfig
from figwatch.connectors.config.stages import DocumentConfig
from figwatch.connectors.stage_evidence.problems import (
    Trouble,
    http_reason,
    read_whole,
    without_user,
)
from figwatch.validators.stages.facts import Approval, Compatibility, Document, Origin

DOCUMENT_BYTES_MAX = 8_000_000
NOT_FOUND = 404
UNKNOWN_SUBJECT = [40401, 40402]
"""The registry's codes for a subject or version that does not exist."""
REGISTRY_KINDS = {"avro": "AVRO", "json_schema": "JSON"}
REMEDY = "start the registry, or correct gates.prepare.registry"


def digest(data: bytes) -> str:
    """SHA-256 in hexadecimal."""
    return hashlib.sha256(data).hexdigest()


def read_document(
    config: DocumentConfig, approvals: tuple[Approval, ...] | Trouble, now_us: int
) -> Document:
    """The document as it is now, with the approvals of its path."""
    content = read_whole(config.path, "document", DOCUMENT_BYTES_MAX)
    for part in (content, approvals):
        if isinstance(part, Trouble):
            return Document(config.path, part.origin("file", config.path), config.kind)
    assert not isinstance(content, Trouble)
    assert not isinstance(approvals, Trouble)
    fault = _fault(config.kind, content.data)
    of_path = tuple(approval for approval in approvals if approval.path == config.path)
    return Document(
        config.path,
        Origin("file", config.path, now_us, samples=1),
        config.kind,
        digest(content.data),
        not fault,
        fault,
        of_path,
    )


def _fault(kind: str, data: bytes) -> str:
    """What keeps the document from being of its kind; empty for nothing."""
    try:
        text = data.decode()
        if kind == "avro":
            fastavro.parse_schema(msgspec.json.decode(data))
        elif kind == "json_schema":
            schema = msgspec.json.decode(data)
            latest = jsonschema.Draft202012Validator
            jsonschema.validators.validator_for(schema, latest).check_schema(schema)
        elif kind == "asyncapi":
            return _asyncapi(YAML(typ="safe").load(text))
    except UnicodeDecodeError:
        return "it is not UTF-8 text"
    except (msgspec.DecodeError, YAMLError):
        return "it is not well-formed"
    except jsonschema.SchemaError as error:
        return f"{error.json_path}: {error.message}"
    except (
        SchemaParseException, UnknownType, TypeError, ValueError, KeyError, AttributeError,
        RecursionError,
    ) as error:  # fmt: skip
        return f"{type(error).__name__}: {error}"
    return ""


def _asyncapi(document: Any) -> str:
    """https://www.asyncapi.com/docs/reference: what every version demands."""
    if not isinstance(document, dict) or "asyncapi" not in document:
        return "it does not say its `asyncapi` version"
    if not isinstance(document.get("info"), dict) or not document.get("channels"):
        return "it needs `info` and at least one of `channels`"
    return ""


def ask_registry(
    config: DocumentConfig, url: str, side: SideConfig, timeout_seconds: float, now_us: int
) -> Compatibility:
    """Whether the registry would take the schema, by the rule that it has for the subject.

    Confluent's REST interface, which Apicurio and Karapace speak too: POST
    /compatibility/subjects/{subject}/versions tests against those versions that the subject's
    compatibility level names; 404 says that there is none.
    """
    subject = config.subject or ""
    where = f"{without_user(url)} {subject}"
    content = read_whole(config.path, "document", DOCUMENT_BYTES_MAX)
    if isinstance(content, Trouble):
        return Compatibility(subject, content.origin("registry", where))
    body = {
        "schema": content.data.decode(errors="replace"),
        "schemaType": REGISTRY_KINDS.get(config.kind, "AVRO"),
    }
    quoted = urllib.parse.quote(subject, safe="")
    try:
        response = httpx.post(
            f"{url.rstrip('/')}/compatibility/subjects/{quoted}/versions",
            params={"verbose": "true"},
            json=body,
            auth=_auth(side),
            headers=_bearer(side),
            timeout=timeout_seconds,
        )
        answer = response.json()
    except (httpx.HTTPError, httpx.InvalidURL, ValueError, RecursionError) as error:
        trouble = Trouble(f"the registry cannot be asked: {http_reason(error)}", REMEDY)
        return Compatibility(subject, trouble.origin("registry", where))
    origin = Origin("registry", where, now_us, samples=1)
    said = answer if isinstance(answer, dict) else {}
    if response.status_code == NOT_FOUND and said.get("error_code") in UNKNOWN_SUBJECT:
        return Compatibility(subject, origin, is_new=True)
    if not response.is_success or not isinstance(said.get("is_compatible"), bool):
        cause = f"the registry answers {response.status_code}: {str(said.get('message', ''))[:200]}"
        return Compatibility(subject, Trouble(cause, REMEDY).origin("registry", where))
    messages = said.get("messages")
    messages = messages if isinstance(messages, list) else []
    return Compatibility(
        subject, origin, said["is_compatible"], fault="; ".join(map(str, messages))
    )


def _auth(side: SideConfig) -> tuple[str, str] | None:
    if side.schema_registry_user is None or side.schema_registry_password is None:
        return None
    return side.schema_registry_user, side.schema_registry_password.reveal()


def _bearer(side: SideConfig) -> dict[str, str]:
    if side.schema_registry_user is None and side.schema_registry_password is not None:
        return {"Authorization": f"Bearer {side.schema_registry_password.reveal()}"}
    return {}
