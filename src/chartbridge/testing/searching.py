"""The contract of searching: everything that carries a marker is found, wherever it stands, and nothing else.

Must not be in it: a word about any one PMS.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import cast

import pytest

from chartbridge.pms.commands import AddDocument, AddNote, CommandKind, Finds, Sought
from chartbridge.pms.connector import Connector, Searches
from chartbridge.testing.claims import MARKED, MARKER, OTHER_MARKER
from chartbridge.testing.rig import Rig

SEARCHED = (CommandKind.ADD_NOTE, CommandKind.ADD_DOCUMENT)


class SearchingContract:
    """Every test of `find`."""

    def test_what_is_searched_is_what_is_written(self, connector: Connector) -> None:
        assert connector.manifest.search.commands <= set(SEARCHED) & set(connector.manifest.commands)
        assert hasattr(connector, "find") or not connector.manifest.search.commands

    @pytest.mark.parametrize("kind", SEARCHED)
    def test_a_search_brings_what_is_there_and_nothing_else(
        self, rig: Rig, connector: Connector, kind: CommandKind
    ) -> None:
        sought = _searchable(rig, connector, kind)
        assert _find(rig, connector, [sought]).records == ()
        connector.write(rig.command(kind, OTHER_MARKER))
        connector.write(rig.command(kind, MARKER))
        found = _find(rig, connector, [sought]).records
        truth = rig.truth(MARKER)
        assert [(each.record, each.patient_key) for each in found] == [
            (each.record, each.patient_key) for each in truth
        ]
        assert found[0].seen
        assert " ".join(found[0].text.split()) == " ".join(truth[0].text.split())
        assert _find(rig, connector, []).records == ()

    @pytest.mark.parametrize("kind", SEARCHED)
    def test_a_second_record_is_found(self, rig: Rig, connector: Connector, kind: CommandKind) -> None:
        sought = _searchable(rig, connector, kind)
        connector.write(rig.command(kind, MARKER))
        first = rig.truth(MARKER)[0].record
        second = rig.copy_record(first)
        found = _find(rig, connector, [sought]).records
        assert {each.record for each in found} == {first, second}

    @pytest.mark.parametrize("kind", SEARCHED)
    @pytest.mark.parametrize("copied", [True, False])
    def test_a_record_under_another_patient_is_found_or_said_not_to_be_searched(
        self, rig: Rig, connector: Connector, kind: CommandKind, copied: bool
    ) -> None:
        _searchable(rig, connector, kind)
        connector.write(rig.command(kind, MARKER))
        first = rig.truth(MARKER)[0]
        moved = rig.copy_record(first.record) if copied else first.record
        patient = rig.misfile(moved)
        assert patient != first.patient_key
        found = _find(rig, connector, [_sought(rig, kind, first.record)])
        if (moved, patient) not in {(each.record, each.patient_key) for each in found.records}:
            assert not found.everyone
            assert connector.manifest.search.note
        named = [_sought(rig, kind, first.record), _aside(rig, kind)]
        assert (moved, patient) in {
            (each.record, each.patient_key) for each in _find(rig, connector, named).records
        }

    @pytest.mark.parametrize("kind", SEARCHED)
    def test_a_changed_text_is_brought_as_it_stands(
        self, rig: Rig, connector: Connector, kind: CommandKind
    ) -> None:
        sought = _searchable(rig, connector, kind)
        connector.write(rig.command(kind, MARKER))
        record = rig.truth(MARKER)[0].record
        rig.rewrite(record, f"Somebody wrote more {MARKER}")
        assert [each.text for each in _find(rig, connector, [sought]).records] == [
            f"Somebody wrote more {MARKER}"
        ]

    @pytest.mark.parametrize("kind", SEARCHED)
    def test_what_nobody_touched_is_shown_alike_by_every_look(
        self, rig: Rig, connector: Connector, kind: CommandKind
    ) -> None:
        sought = _searchable(rig, connector, kind)
        connector.write(sought.command)
        read_back = connector.landed(sought.command)
        assert read_back is not None
        named = _sought(rig, kind, read_back.record)
        for again in (rig.connect(), connector):
            for each in (sought, named):
                assert [found.filed for found in _find(rig, again, [each]).records] == [read_back.filed]


def _searchable(rig: Rig, connector: Connector, kind: CommandKind) -> Sought:
    assert kind in MARKED
    if kind not in connector.manifest.search.commands:
        pytest.xfail(f"searching for {kind} is not declared")
    return _sought(rig, kind)


def _sought(rig: Rig, kind: CommandKind, record: str = "") -> Sought:
    command = rig.command(kind, MARKER)
    assert isinstance(command, AddNote | AddDocument)
    return Sought(command=command, record=record)


def _aside(rig: Rig, kind: CommandKind) -> Sought:
    command = rig.aside(rig.command(kind, OTHER_MARKER))
    assert isinstance(command, AddNote | AddDocument)
    return Sought(command=command)


def _find(rig: Rig, connector: Connector, sought: Sequence[Sought]) -> Finds:
    return cast("Searches", connector).find(sought, rig.clock.now() - timedelta(hours=1))
