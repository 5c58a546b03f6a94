"""The configuration's JSON Schema, and its description for docs/configuration.md.

Both are made of the models in `figwatch.connectors.config` and their docstrings.
"""

from typing import Any

from figwatch.connectors.config import Config

DIALECT = "https://json-schema.org/draft/2020-12/schema"


def json_schema() -> dict[str, Any]:
    """The JSON Schema (draft 2020-12) of figwatch.yaml."""
    return {"$schema": DIALECT, **Config.model_json_schema(), "title": "figwatch.yaml"}


def describe() -> str:
    """Every setting as Markdown: a section for each part of the file, a row for each field."""
    schema = Config.model_json_schema()
    parts = [_section("figwatch.yaml", schema)]
    parts += [_section(name, body) for name, body in sorted(schema["$defs"].items())]
    return "\n".join(parts)


def _section(name: str, schema: dict[str, Any]) -> str:
    lines = [f"## {_title(name)}", "", _line(schema.get("description", "")), ""]
    lines += ["| field | value | default | meaning |", "|---|---|---|---|"]
    required = set(schema.get("required", ()))
    for field, body in schema["properties"].items():
        default = "required" if field in required else _code(body.get("default"))
        meaning = _line(body.get("description", ""))
        lines.append(f"| `{field}` | {_value(body)} | {default} | {meaning} |")
    return "\n".join([*lines, ""])


def _title(name: str) -> str:
    return name if "." in name else name.removesuffix("Config").lower() or name


def _value(body: dict[str, Any]) -> str:
    if "$ref" in body:
        return _link(body["$ref"])
    if "anyOf" in body:
        kinds = [_value(part) for part in body["anyOf"] if part.get("type") != "null"]
        return " or ".join(dict.fromkeys(kinds))
    words = body.get("enum")
    if words or body.get("examples"):
        joint = ", " if words else " or "
        return joint.join(f"`{word}`" for word in words or body["examples"])
    kind = body.get("type", "any")
    if kind == "array":
        return f"list of {_value(body.get('items', {}))}"
    if kind == "object":
        return f"name → {_value(body.get('additionalProperties', {}))}"
    return f"{_KINDS.get(kind, kind)}{_bounds(body)}"


_KINDS = {"string": "text", "integer": "whole number", "boolean": "true, false"}
_BOUNDS = {
    "minimum": "from",
    "exclusiveMinimum": "above",
    "maximum": "to",
    "exclusiveMaximum": "below",
}


def _bounds(body: dict[str, Any]) -> str:
    return "".join(f" {word} {body[name]:g}" for name, word in _BOUNDS.items() if name in body)


def _link(reference: str) -> str:
    title = _title(reference.rsplit("/", 1)[1])
    return f"[{title}](#{title})"


def _code(value: Any) -> str:
    if value is None or isinstance(value, dict):
        return ""
    text = str(value).lower() if isinstance(value, bool) else str(value)
    return f"`{text}`"


def _line(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|")
