"""What holds for the statements of each PMS behind ODBC. A PMS's own test file inherits it.

Must not be in it: a vendor's columns.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from chartbridge.connectors.by_odbc.database import LOOK, Vendor
from chartbridge.connectors.by_odbc.layout import asked
from chartbridge.domain.charts import LookupKind
from chartbridge.pms.commands import CommandKind
from chartbridge.pms.manifest import Manifest
from chartbridge.pms.reading import Stream
from tests.connectors.sql_subset import columns, outside


class StatementsContract:
    """Each statement is understood by all databases, and all that it asks for is looked for."""

    vendor: ClassVar[Vendor]
    manifest: ClassVar[Manifest]
    words: ClassVar[Mapping[str, str]]
    tables: ClassVar[Mapping[str, str]]
    """Table or view → how the sandbox makes it."""

    def whole(self, name: str) -> str:
        """A statement as it is sent where nothing lacks."""
        layout = self.vendor.layout
        types = {f"{table}.{column}": "str(1)" for table, names in layout.tables.items() for column in names}
        types |= {
            f"{table}.{word}": "datetime(26)" for table, words in layout.either.values() for word in words[:1]
        }
        return layout.statements[name].format_map({"owner": "o", "n": "?, ?", **layout.filled(types)})

    def test_each_statement_is_understood_by_all(self) -> None:
        for name in self.vendor.layout.statements:
            assert outside(self.whole(name)) == "", name

    def test_each_statement_is_understood_by_all_where_everything_optional_lacks(self) -> None:
        layout = self.vendor.layout
        nothing = {**layout.filled({}), **dict.fromkeys(layout.either, "modified")}
        for name, text in layout.statements.items():
            assert outside(text.format_map({"owner": "o", "n": "?", **nothing})) == "", name

    def test_the_look_itself_is_understood_by_all(self) -> None:
        for table, names in self.vendor.layout.tables.items():
            asked_for = ", ".join(f"t.{name}" for name in names)
            assert outside(LOOK.format(owner="o", table=table, columns=asked_for)) == ""

    def test_every_column_of_every_statement_is_looked_for(self) -> None:
        layout = self.vendor.layout
        stamps = {f"{table}.{words[0]}" for table, words in layout.either.values()}
        for name, text in layout.statements.items():
            found = asked(text)
            assert found.needed | found.optional == columns(self.whole(name)) - stamps, name

    def test_every_statement_belongs_to_an_ability(self) -> None:
        layout = self.vendor.layout
        used = {name for names in layout.asks.values() for name in names}
        assert used == set(layout.statements)

    def test_every_stream_command_and_list_is_an_ability_and_every_loss_has_its_words(self) -> None:
        layout, manifest = self.vendor.layout, self.manifest
        abilities = set(layout.abilities)
        assert {*manifest.streams, *manifest.commands, *manifest.lookups} - {Stream.LOOKUPS} <= abilities
        parts = abilities - {*manifest.streams, *manifest.commands, "version", "practice_name"}
        assert parts == set(self.vendor.part_of)
        assert set(self.vendor.part_of.values()) <= {*Stream, *CommandKind}
        assert {*LookupKind} & parts == set(manifest.lookups)
        assert set(layout.missing({})) == set(self.words)

    def test_what_is_looked_for_is_named_as_the_tables_name_it(self) -> None:
        layout = self.vendor.layout
        for table, names in layout.tables.items():
            made = self.tables[table].replace(",", " ").split()
            assert set(names) <= {*made, "automodifiedtimestamp"}, table
        assert set(self.vendor.basic) <= set(layout.tables)
