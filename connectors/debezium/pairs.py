"""What a decoder knows of one pair: its mapping, and how the two sides' columns are compared.

`connectors.debezium.decoder` makes one for each pair; `connectors.debezium.plan` compiles them.
"""

import dataclasses
from collections.abc import Mapping
from typing import Any

from figwatch.connectors.config.columns import pair_rule
from figwatch.connectors.config.root import Config, PairConfig
from figwatch.validators.canonical import rows as canonical
from figwatch.validators.canonical.atoms import finisher
from figwatch.validators.canonical.kinds import Kind, kind_of
from figwatch.validators.canonical.rows import Placeholder
from figwatch.validators.canonical.wire import Wire
from figwatch.validators.change import Side
from figwatch.validators.mapping.agreement import Agreement
from figwatch.validators.mapping.rules import ColumnRule, PairRule
from figwatch.validators.mapping.transforms import literal
from figwatch.validators.mapping.view import ColumnView, Rows, column_view

Types = Mapping[str, Mapping[str, Mapping[str, str]]]
"""Side name → table → column → type, as the database's catalogue spells it."""


@dataclasses.dataclass(frozen=True)
class MadePair:
    """A pair and the agreements of its columns, which learn as records come."""

    rule: PairRule
    key: tuple[Agreement, ...]
    columns: tuple[Agreement, ...]

    def named(self) -> dict[str, Agreement]:
        """Agreements by a name: a column may be both key and compared."""
        keys = {f"key {one.rule.name}": one for one in self.key}
        return keys | {one.rule.name: one for one in self.columns}

    def views(
        self, wires: Mapping[Side, Mapping[str, Wire]], rows: Rows, placeholder: Placeholder
    ) -> tuple[ColumnView, ...]:
        """What each column becomes on both sides, by example rows and what schemas say of them."""
        return tuple(
            column_view(
                agreement,
                is_key=agreement in self.key,
                wires=wires,
                rows=rows,
                placeholder=placeholder,
            )
            for agreement in (*self.key, *self.columns)
        )

    def encode_key(self, key: Mapping[str, Any]) -> bytes:
        """The canonical key of a row by the source side's column names.

        Raises:
            ValueError: a key column is missing, or has a value that its type cannot have.
        """
        atoms = []
        for name, agreement in zip(self.rule.key_names, self.key, strict=True):
            if name not in key:
                raise ValueError(f"key column `{name}` is missing")
            kind = agreement.kind
            atoms.append(canonical.key_atom(finisher(kind)(literal(key[name], kind)), kind))
        return canonical.encode(atoms)


def made_pair(config: Config, pair: PairConfig, types: Types) -> MadePair:
    """A configured pair, with the types that the databases' catalogues name.

    Raises:
        ConfigurationError: a mapping that cannot be, naming the field and the fix.
    """
    rule = pair_rule(pair)
    tables = {
        Side.SOURCE: types.get(config.source_side, {}).get(pair.source, {}),
        Side.TARGET: types.get(config.target_side, {}).get(pair.target, {}),
    }

    def agreement(column: ColumnRule) -> Agreement:
        known = {side: _catalogue(column, side, tables[side]) for side in Side}
        return Agreement(pair.name, column, known)

    return MadePair(rule, tuple(map(agreement, rule.key)), tuple(map(agreement, rule.columns)))


def _catalogue(rule: ColumnRule, side: Side, table: Mapping[str, str]) -> Kind | None:
    columns = rule.columns(side)
    text = table.get(columns[0]) if len(columns) == 1 and not rule.path(side) else None
    if text is None:
        return None
    try:
        return kind_of(text)
    except ValueError:  # a type of the user's own (an enum): text
        return None
