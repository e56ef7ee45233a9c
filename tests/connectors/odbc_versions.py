"""What holds for each PMS behind ODBC whose version lacks a column, or loses one: only what depends on it stops.

Must not be in it: a vendor's columns.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import timedelta
from typing import Any, ClassVar

import pytest

from chartbridge.connectors.by_odbc.connector import OdbcConnector
from chartbridge.domain.charts import LookupKind
from chartbridge.pms.commands import CommandKind
from chartbridge.pms.errors import PmsError, Unavailable, Unreadable
from chartbridge.pms.reading import Stream
from chartbridge.testing.steps import read_on
from tests.connectors.odbc_rig import OdbcRig

MARKER = "CB-7K2QM9XD"


class VersionsContract:
    """Tests of lost columns and tables."""

    lost_of_writing: ClassVar[Mapping[str, CommandKind]]
    """A column → the only command that needs it."""
    lost_list: ClassVar[tuple[str, LookupKind]]
    vanishing: ClassVar[tuple[str, Collection[str]]]
    """A column that can be done without → the streams and commands that ask for it."""

    def test_a_version_without_all_that_can_be_done_without_is_read_and_says_what_it_lacks(
        self, rig: OdbcRig
    ) -> None:
        optional = _layout(rig).optional
        assert len(optional) > 8
        rig.lose(*optional)
        connector = rig.connect()
        assert connector.identify().busy == ""
        for stream in connector.manifest.streams.keys() - {Stream.LOOKUPS}:
            assert set(read_on(connector, stream, None).latest()) == rig.present(stream)
        assert connector.lookups(LookupKind.PROVIDERS)
        said = [finding.sentence for finding in connector.examine() if finding.ok is False]
        for column in optional:
            assert any(sentence.endswith(f"this version lacks {column}.") for sentence in said), column
        connector.write(rig.command(CommandKind.ADD_NOTE, MARKER))
        assert len(rig.truth(MARKER)) == 1

    def test_what_only_one_command_needs_is_lost_with_that_command_alone(self, rig: OdbcRig) -> None:
        for column, kind in self.lost_of_writing.items():
            rig.practice.create()
            rig.people()
            commands = {each: rig.command(each, MARKER) for each in rig.connect().manifest.commands}
            rig.lose(column)
            connector = rig.connect()
            for each, command in commands.items():
                if each is kind:
                    with pytest.raises(Unreadable, match=column):
                        connector.write(command)
                else:
                    connector.write(command)
            said = [finding.sentence for finding in connector.examine() if finding.ok is False]
            assert any(sentence.endswith(f"this version lacks {column}.") for sentence in said), column

    def test_a_list_that_lacks_is_empty_and_the_others_are_read(self, rig: OdbcRig) -> None:
        column, kind = self.lost_list
        rig.lose(column)
        connector = rig.connect()
        lists = {each: connector.lookups(each) for each in connector.manifest.lookups}
        assert [each for each, items in lists.items() if not items] == [kind]

    def test_a_column_that_was_there_and_is_not_stops_what_reads_it_until_it_was_told(
        self, rig: OdbcRig
    ) -> None:
        column, users = self.vanishing
        connector = rig.connect()
        before = connector.identify().reads
        assert {each for each, names in before.items() if names.get(column)} == set(users)
        cursors = {
            stream: read_on(connector, stream, None).cursor for stream in (Stream.PATIENTS, Stream.DOCUMENTS)
        }
        rig.lose(column)
        rig.go_offline()
        rig.come_back()
        for stream, cursor in cursors.items():
            if stream in users:
                with pytest.raises(Unreadable, match=column):
                    connector.read(stream, cursor)
            else:
                connector.read(stream, cursor)
        after = connector.identify().reads
        assert {each for each, names in after.items() if column in names and not names[column]} == set(users)
        for stream, cursor in cursors.items():
            assert connector.read(stream, cursor).cursor

    def test_a_table_that_is_away_is_an_update_and_one_that_stays_away_is_a_version_without_it(
        self, rig: OdbcRig
    ) -> None:
        connector = rig.connect()
        cursor = read_on(connector, Stream.PATIENTS, None).cursor
        rig.knobs.begin_update()
        rig.go_offline()
        rig.come_back()
        with pytest.raises(Unavailable, match="being changed"):
            connector.read(Stream.PATIENTS, cursor)
        assert "being changed" in connector.identify().busy
        rig.clock.ahead += timedelta(minutes=61)
        assert connector.identify().busy == ""
        connector.read(Stream.PATIENTS, cursor)
        assert any("this version lacks" in f.sentence for f in connector.examine() if f.ok is False)
        rig.knobs.end_update()
        assert connector.identify().busy == ""
        assert not [f for f in connector.examine() if "this version lacks" in f.sentence]

    def test_every_stream_and_command_says_what_it_is_read_from(self, rig: OdbcRig) -> None:
        connector = rig.connect()
        reads = connector.identify().reads
        assert set(reads) == {*connector.manifest.streams, *connector.manifest.commands}
        assert all(kind for names in reads.values() for kind in names.values())

    def test_nothing_of_a_lost_column_names_a_patient(self, rig: OdbcRig) -> None:
        commands = [rig.command(each, MARKER) for each in rig.connect().manifest.commands]
        rig.lose(*self.lost_of_writing)
        connector = rig.connect()
        told: list[Any] = list(connector.examine())
        for command in commands:
            try:
                connector.write(command)
            except PmsError as error:
                told.append((error.safe_message, vars(error)))
        assert not [name for name in rig.canaries if name in str(told)]


def _layout(rig: OdbcRig) -> Any:
    connector = rig.connect()
    assert isinstance(connector, OdbcConnector)
    return connector._open().database.vendor.layout
