"""What holds for each PMS behind ODBC when the desk moves a visit while the hub does, and for documents that wait.

Must not be in it: a vendor's columns.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import ClassVar

import pytest

from chartbridge.pms.commands import CommandKind, SetAppointmentStatus
from chartbridge.pms.errors import Conflict, Unauthorised
from chartbridge.pms.reading import Stream
from chartbridge.testing.steps import read_on
from tests.connectors.odbc_rig import OdbcRig

MARKER = "CB-7K2QM9XD"


class DeskContract:
    """Tests of moves and of documents. Inherited with a `rig`."""

    setting: ClassVar[bytes]
    """How the statement begins that sets a status."""
    wished: ClassVar[str]
    others: ClassVar[Sequence[str]]
    """Statuses that somebody at the desk sets meanwhile."""
    logged: ClassVar[str]
    """Reads the rows that the hub has written beside a status."""
    no_status: ClassVar[str]
    """Leaves a visit without any status."""
    off: ClassVar[Sequence[dict[str, str]]]
    """Settings with which nothing is written."""
    who: ClassVar[str]
    """What is said then."""
    asked: ClassVar[str]
    """Who can let it be written."""

    def test_a_move_at_the_desk_in_the_instant_between_looking_and_setting_stands(self, rig: OdbcRig) -> None:
        for there in self.others:
            wish, connector = self._wish(rig), rig.connect()
            connector.identify()
            rig.just_before(
                self.setting, lambda wish=wish, there=there: rig.set_status(wish.appointment_key, there)
            )  # type: ignore[misc]
            with pytest.raises(Conflict) as caught:
                connector.write(wish)
            assert caught.value.current == there == rig.status_of(wish.appointment_key)
            assert not rig.practice.rows(self.logged)

    def test_the_same_move_at_the_desk_in_that_instant_is_no_conflict(self, rig: OdbcRig) -> None:
        wish, connector = self._wish(rig), rig.connect()
        connector.identify()
        rig.just_before(self.setting, lambda: rig.set_status(wish.appointment_key, wish.status_key))
        assert connector.write(wish).text == wish.status_key == rig.status_of(wish.appointment_key)

    def test_a_visit_without_any_status_is_given_one(self, rig: OdbcRig) -> None:
        wish = self._wish(rig)
        rig.practice.run(self.no_status, (wish.appointment_key,))
        rig.connect().write(wish)
        assert rig.status_of(wish.appointment_key) == wish.status_key
        assert rig.practice.rows(self.logged)

    def test_while_writing_is_off_everything_is_read_and_nothing_is_sent(self, rig: OdbcRig) -> None:
        for off in self.off:
            connector = rig.connect_to(rig.settings(**off), rig.clock)
            assert set(read_on(connector, Stream.PATIENTS, None).latest()) == rig.present(Stream.PATIENTS)
            for kind in connector.manifest.commands:
                with pytest.raises(Unauthorised, match=self.who) as caught:
                    connector.write(rig.command(kind, MARKER))
                assert (caught.value.ability, caught.value.until_asked) == (kind, True)
            assert rig.writes_received() == 0
            assert rig.truth(MARKER) == []
            said = [finding for finding in connector.examine() if finding.ability == "add_note"]
            assert [finding.ok for finding in said] == [None]
            assert self.who in said[0].sentence
            assert self.asked in said[0].fix

    def test_while_writing_is_off_documents_wait_in_the_folder_and_are_found_there_when_it_is_on(
        self, rig: OdbcRig, tmp_path: Path
    ) -> None:
        folder = tmp_path / "waiting"
        folder.mkdir()
        command = rig.command(CommandKind.ADD_DOCUMENT, MARKER)
        for off in self.off:
            connector = rig.connect_to(rig.settings(**off, handoff_folder=str(folder)), rig.clock)
            assert connector.write(command).handed_over
            assert rig.truth(MARKER) == []
            assert [finding for finding in connector.examine() if finding.ability == "add_document"] == []
            alone = rig.connect_to(rig.settings(**off), rig.clock)
            said = [finding.sentence for finding in alone.examine() if finding.ability == "add_document"]
            assert [self.who in sentence for sentence in said] == [True]
        waiting = rig.connect_to(rig.settings(handoff_folder=str(folder)), rig.clock).landed(command)
        assert waiting is not None
        assert waiting.handed_over

    def _wish(self, rig: OdbcRig) -> SetAppointmentStatus:
        return SetAppointmentStatus(
            patient_key=rig.patient, appointment_key=rig.book(), status_key=self.wished
        )
