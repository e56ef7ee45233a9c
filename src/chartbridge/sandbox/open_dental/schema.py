"""The practice's tables, read from `tables_24_3.txt` and turned into MariaDB's or SQLite's words.

The text files hold one table per block: a column per line (`?` nullable, `auto` AUTO_INCREMENT, `= x` default,
`stamp` a time stamp that the server moves on every real change), then the keys. Column names, order, types,
defaults and keys are those of the vendor's public source 24.3; `changes_25_4.txt` holds what the vendor's
schema documentation of 25.4 adds (nullability there is inferred).

Must not be in it: rows, queries.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

VersionNumber = tuple[int, ...]

_COLUMN = re.compile(r"(\w+) ([\w(),]+)(\??)(?: = (.*?))?( auto)?$")
_KEY = re.compile(r"(?:primary|key (\w+)) \((.*)\)$")


@dataclass(frozen=True, kw_only=True, slots=True)
class Column:
    """One column. `default` is SQL text, or None where the vendor gives none."""

    name: str
    type: str
    nullable: bool = False
    default: str | None = None
    auto: bool = False

    @property
    def is_stamp(self) -> bool:
        return self.type == "stamp"

    @property
    def kind(self) -> str:
        """The family of the type: int, real, date, datetime, time or text."""
        word = re.sub(r"\(.*", "", self.type).lstrip("u")
        if word.endswith("int"):
            return "int"
        if word in ("double", "float"):
            return "real"
        if word in ("stamp", "datetime"):
            return "datetime"
        return word if word in ("date", "time") else "text"

    def implicit(self) -> object:
        """Return what the vendor's program (sql_mode '') gets when it leaves the column out."""
        if self.default is not None and self.default != "NULL":
            text = self.default.strip("'")
            return {"int": int, "real": float}.get(self.kind, str)(text)
        if self.nullable:
            return None
        zero: dict[str, object] = {
            "int": 0,
            "real": 0.0,
            "date": "0001-01-01",
            "datetime": "0001-01-01 00:00:00",
            "time": "00:00:00",
        }
        return zero.get(self.kind, "")


@dataclass(frozen=True, kw_only=True, slots=True)
class Table:
    """One table: columns in order, primary key, other keys as (name, columns)."""

    name: str
    columns: tuple[Column, ...]
    primary: str
    keys: tuple[tuple[str, str], ...]
    names: frozenset[str]

    @property
    def stamp(self) -> str | None:
        """The column that the server moves by itself."""
        return next((c.name for c in self.columns if c.is_stamp), None)

    @property
    def auto(self) -> bool:
        return any(c.auto for c in self.columns)

    def has(self, column: str) -> bool:
        return column in self.names


Schema = dict[str, Table]


@cache
def schema_of(version: VersionNumber) -> Schema:
    """Return the tables as a program of that version has them."""
    tables = _read_tables(_text("tables_24_3.txt"))
    if version >= (25, 4):
        tables = _apply(tables, _text("changes_25_4.txt"))
    return tables


def mariadb_ddl(table: Table, engine: str) -> str:
    """Return CREATE TABLE for MariaDB or MySQL."""
    lines = [_mariadb_column(c) for c in table.columns]
    lines.append(f"PRIMARY KEY (`{table.primary}`)")
    lines += [f"KEY `{name}` ({columns})" for name, columns in table.keys]
    body = ",\n  ".join(lines)
    return f"CREATE TABLE `{table.name}` (\n  {body}\n) ENGINE={engine} DEFAULT CHARSET=utf8mb3"


def sqlite_ddl(table: Table) -> list[str]:
    """Return the statements that make the table in SQLite: table, indexes, and the moving time stamp."""
    lines = [_sqlite_column(c, primary=c.name == table.primary) for c in table.columns]
    body = ",\n  ".join(lines)
    statements = [f"CREATE TABLE `{table.name}` (\n  {body}\n)"]
    for name, columns in table.keys:
        plain = re.sub(r"\(\d+\)", "", columns)
        statements.append(f"CREATE INDEX `{table.name}.{name}` ON `{table.name}` ({plain})")
    if table.stamp:
        statements.append(_sqlite_stamp_trigger(table))
    return statements


def _sqlite_stamp_trigger(table: Table) -> str:
    """As ON UPDATE current_timestamp: moves only if another column changed and none was set by hand."""
    stamp = table.stamp
    changed = " OR ".join(f"OLD.`{c.name}` IS NOT NEW.`{c.name}`" for c in table.columns if not c.is_stamp)
    return (
        f"CREATE TRIGGER `{table.name}.stamp` AFTER UPDATE ON `{table.name}` "
        f"WHEN OLD.`{stamp}` IS NEW.`{stamp}` AND ({changed}) BEGIN "
        f"UPDATE `{table.name}` SET `{stamp}`=NOW() WHERE `{table.primary}`=NEW.`{table.primary}`; END"
    )


def _mariadb_column(column: Column) -> str:
    if column.is_stamp:
        return f"`{column.name}` timestamp NOT NULL DEFAULT current_timestamp() ON UPDATE current_timestamp()"
    unsigned = column.type.startswith(("utinyint", "usmallint"))
    words = [f"`{column.name}`", column.type[1:] + " unsigned" if unsigned else column.type]
    words.append("NULL" if column.nullable else "NOT NULL")
    if column.auto:
        words.append("AUTO_INCREMENT")
    if column.default is not None:
        words.append(f"DEFAULT {column.default}")
    return " ".join(words)


def _sqlite_column(column: Column, *, primary: bool) -> str:
    if primary:
        return f"`{column.name}` INTEGER PRIMARY KEY" + (" AUTOINCREMENT" if column.auto else "")
    if column.is_stamp:
        return f"`{column.name}` TEXT NOT NULL DEFAULT (NOW())"
    word = {"int": "INTEGER", "real": "REAL"}.get(column.kind, "TEXT")
    collate = " COLLATE NOCASE" if column.kind == "text" else ""
    if column.nullable:
        return f"`{column.name}` {word}{collate} DEFAULT {column.default or 'NULL'}"
    implicit = column.implicit()
    default = f"'{implicit}'" if isinstance(implicit, str) else str(implicit)
    return f"`{column.name}` {word}{collate} NOT NULL DEFAULT {default}"


def _text(name: str) -> str:
    return files(__package__).joinpath(name).read_text()


def _blocks(text: str) -> dict[str, list[str]]:
    blocks: dict[str, list[str]] = {}
    lines: list[str] = []
    for line in filter(str.strip, text.splitlines()):
        if line.startswith(" "):
            lines.append(line.strip())
        else:
            lines = blocks.setdefault(line.strip(), [])
    return blocks


def _column(line: str) -> Column:
    found = _COLUMN.match(line)
    if found is None:
        raise ValueError(f"not a column: {line}")
    name, type_, null, default, auto = found.groups()
    return Column(name=name, type=type_, nullable=bool(null), default=default, auto=bool(auto))


def _read_tables(text: str) -> Schema:
    tables: Schema = {}
    for name, lines in _blocks(text).items():
        columns: list[Column] = []
        keys: list[tuple[str, str]] = []
        primary = ""
        for line in lines:
            key = _KEY.match(line)
            if key is None:
                columns.append(_column(line))
            elif key[1]:
                keys.append((key[1], key[2]))
            else:
                primary = key[2]
        tables[name] = _table(name, columns, primary, keys)
    return tables


def _apply(tables: Schema, changes: str) -> Schema:
    changed = dict(tables)
    for name, lines in _blocks(changes).items():
        table = changed[name]
        columns = {c.name: c for c in table.columns}
        for line in lines:
            sign, rest = line.split(" ", 1)
            if sign == "-":
                del columns[rest]
            else:
                column = _column(rest)
                columns[column.name] = column
        kept = [(k, cols) for k, cols in table.keys if all(_bare(c) in columns for c in cols.split(", "))]
        changed[name] = _table(name, list(columns.values()), table.primary, kept)
    return changed


def _table(name: str, columns: list[Column], primary: str, keys: list[tuple[str, str]]) -> Table:
    return Table(
        name=name,
        columns=tuple(columns),
        primary=primary,
        keys=tuple(keys),
        names=frozenset(c.name for c in columns),
    )


def _bare(column: str) -> str:
    return re.sub(r"\(\d+\)", "", column)
