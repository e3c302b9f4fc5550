"""Arrow tables from rows, and one table from several."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import pyarrow as pa

from .schema import Column

ARROW = {"string": pa.string(), "int64": pa.int64(), "float64": pa.float64(), "bool": pa.bool_()}


def from_rows(rows: Sequence[Mapping], columns: Sequence[Column]) -> pa.Table:
    """Rows as an Arrow table: the schema's typed columns first, then the rows' other keys."""
    known = {c.name: ARROW[c.type] for c in columns}
    extra = dict.fromkeys(name for row in rows for name in row if name not in known)
    arrays = {name: pa.array([row.get(name) for row in rows], kind) for name, kind in known.items()}
    for name in extra:
        values = [row.get(name) for row in rows]
        kinds = {type(value) for value in values if value is not None}
        # A column that mixes int and float is float64.
        arrow = pa.float64() if kinds == {int, float} else None
        arrays[name] = pa.array(values, arrow)
    return pa.table(arrays)


def joined(tables: Sequence[pa.Table]) -> pa.Table:
    """The rows of all tables, with the columns of all; missing values are null."""
    plain = [table.replace_schema_metadata(None) for table in tables]
    try:
        return pa.concat_tables(plain, promote_options="permissive")
    except (pa.ArrowTypeError, pa.ArrowInvalid):
        return pa.concat_tables(_reconciled(plain), promote_options="permissive")


def family(kind: pa.DataType) -> str:
    """What values of an Arrow type are: text, number, bool, or the type itself."""
    if pa.types.is_string(kind) or pa.types.is_large_string(kind):
        return "text"
    if pa.types.is_integer(kind) or pa.types.is_floating(kind):
        return "number"
    return str(kind)


def _reconciled(tables: Sequence[pa.Table]) -> list[pa.Table]:
    """Tables in which columns of conflicting types are cast to text, so that no value is lost."""
    kinds: dict[str, set[pa.DataType]] = {}
    for table in tables:
        for column in table.schema:
            if not pa.types.is_null(column.type):
                kinds.setdefault(column.name, set()).add(column.type)
    numbers = {pa.int64(), pa.float64()}
    text = {name for name, types in kinds.items() if len(types) > 1 and not types <= numbers}
    return [
        table.cast(
            pa.schema(
                [pa.field(c.name, pa.string() if c.name in text else c.type) for c in table.schema]
            )
        )
        for table in tables
    ]
