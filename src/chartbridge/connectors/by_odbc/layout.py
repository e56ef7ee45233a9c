"""Which columns each ability asks for, taken from the text of its statements: what is looked for is what is used.

In a statement every column is written with its table's alias, except in INSERT and UPDATE; SQL's words are in capitals.
A column in braces, as in `{p.email}`, is one that some versions lack: there an empty text stands in its place.
Pure. Must not be in it: a vendor's table, talking.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from types import SimpleNamespace

Types = Mapping[str, str]
"""`table.column` → its type as the driver tells it; what is not there is not in it."""
NOTHING = "''"

_NAMED = re.compile(r"\b(?:FROM|JOIN) \{owner\}\.(\w+) (\w+)")
_OPTIONAL = re.compile(r"\{(\w+)\.(\w+)\}")
_ALIASED = re.compile(r"\b(\w+)\.(\w+)")
_INSERT = re.compile(r"INSERT INTO \{owner\}\.(\w+) \(([^)]*)\)")
_UPDATE = re.compile(r"UPDATE \{owner\}\.(\w+) SET (.*)")
_COLUMN = re.compile(r"\b[a-z]\w*")


@dataclass(frozen=True, kw_only=True, slots=True)
class Asked:
    """What a statement asks for, as `table.column`; and the aliases of what it can do without."""

    needed: frozenset[str]
    optional: frozenset[str]
    aliases: Mapping[str, str]


def asked(text: str) -> Asked:
    """Read a statement."""
    tables = {alias: table for table, alias in _NAMED.findall(text)}
    optional = {f"{tables[alias]}.{column}": alias for alias, column in _OPTIONAL.findall(text)}
    return Asked(
        needed=frozenset(_needed(_OPTIONAL.sub("", text), tables)),
        optional=frozenset(optional),
        aliases={alias: tables[alias] for alias in optional.values()},
    )


def _needed(text: str, tables: Mapping[str, str]) -> Iterator[str]:
    yield from (f"{tables[alias]}.{column}" for alias, column in _ALIASED.findall(text) if alias in tables)
    for pattern in (_INSERT, _UPDATE):
        if found := pattern.match(text):
            yield from (f"{found[1]}.{column}" for column in _COLUMN.findall(found[2]))


class Layout:
    """The tables of a vendor as far as its statements go.

    `asks` is ability → its statements' names. `either`: a placeholder, which is an ability too → a table and the names
    that one of its columns goes by, of which the first that is there is taken.
    """

    def __init__(
        self,
        statements: Mapping[str, str],
        asks: Mapping[str, tuple[str, ...]],
        either: Mapping[str, tuple[str, tuple[str, ...]]] | None = None,
    ) -> None:
        by_name = {name: asked(text) for name, text in statements.items()}
        self.statements, self.asks, self.either = statements, asks, either or {}
        self._aliases = {alias: table for each in by_name.values() for alias, table in each.aliases.items()}
        self._needed = {
            ability: frozenset().union(*(by_name[name].needed for name in names))
            for ability, names in asks.items()
        }
        self._optional = {
            ability: frozenset().union(*(by_name[name].optional for name in names))
            for ability, names in asks.items()
        }
        self.optional = sorted(frozenset().union(*self._optional.values()))
        self.tables = self._tables()

    @property
    def abilities(self) -> Iterable[str]:
        """All that is asked for."""
        return self.asks

    def _tables(self) -> dict[str, list[str]]:
        """Table → the columns that are looked for in it."""
        found: dict[str, list[str]] = {}
        for column in sorted(frozenset(self.optional).union(*self._needed.values())):
            table, _, name = column.partition(".")
            found.setdefault(table, []).append(name)
        return found

    def columns(self, ability: str, types: Types) -> dict[str, str]:
        """What an ability is read from: its columns and their types, '' for one that is not there."""
        names = {*self._needed[ability], *self._optional[ability]}
        if ability in self.either:
            table, words = self.either[ability]
            names |= {f"{table}.{word}" for word in words if f"{table}.{word}" in types}
        return {name: types.get(name, "") for name in sorted(names)}

    def missing(self, types: Types) -> dict[str, str]:
        """Which abilities and optional columns there are none of, and for want of what."""
        found = {column: column for column in self.optional if column not in types}
        for ability, names in self._needed.items():
            if lacking := sorted(names - types.keys()):
                found[ability] = lacking[0]
            elif ability in self.either and not self._name_of(ability, types):
                table, words = self.either[ability]
                found[ability] = f"{table}.{words[0]}"
        return found

    def filled(self, types: Types) -> dict[str, object]:
        """What stands for the placeholders of the statements: the optional columns by alias, and `either`."""
        places: dict[str, object] = {each: self._name_of(each, types) for each in self.either}
        for alias, table in self._aliases.items():
            columns = {
                name: f"{alias}.{name}" if f"{table}.{name}" in types else NOTHING
                for name in self.tables[table]
            }
            places[alias] = SimpleNamespace(**columns)
        return places

    def _name_of(self, placeholder: str, types: Types) -> str:
        table, words = self.either[placeholder]
        return next((word for word in words if f"{table}.{word}" in types), "")
