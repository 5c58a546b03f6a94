"""What every section of the configuration has in common: no unknown field, no change after load.

The docstring below a field is its documentation: it goes into the JSON Schema (`figwatch config
schema`) and into docs/configuration.md. Sections: `figwatch.connectors.config.root`.
"""

from pydantic import BaseModel, ConfigDict


class Section(BaseModel):
    """A section of figwatch.yaml."""

    model_config = ConfigDict(
        extra="forbid",
        frozen=True,
        strict=True,
        use_attribute_docstrings=True,
        hide_input_in_errors=True,
    )
