"""The contract of writing: once, seen again, and never said to be safe when it may not be.

Must not be in it: a word about any one PMS.
"""

from __future__ import annotations

import pytest

from chartbridge.pms.commands import Command, CommandKind
from chartbridge.pms.connector import Connector
from chartbridge.pms.errors import (
    Conflict,
    PmsError,
    Refused,
    Unauthorised,
    Unavailable,
    Uncertain,
)
from chartbridge.pms.fence import fenced
from chartbridge.testing.claims import MARKED, MARKER, OTHER_MARKER, offered, status_move
from chartbridge.testing.rig import Rig

HARD_TEXT = 'O\'Brien\nsaid: 李 will come — <b>not</b> "today" \\ 100 % \t(1/1)'


class WritingContract:
    """Every test of `write` and `landed`."""

    @pytest.mark.parametrize("kind", MARKED)
    def test_a_write_lands_once_and_is_shown(self, rig: Rig, connector: Connector, kind: CommandKind) -> None:
        command = offered(rig, connector, kind)
        assert connector.landed(command) is None
        receipt = connector.write(command)
        seen = connector.landed(command)
        found = rig.truth(MARKER)
        assert len(found) == 1
        assert seen is not None
        assert seen.seen
        assert seen.patient_key == command.patient_key == found[0].patient_key
        assert seen.record == found[0].record
        assert receipt.record in ("", found[0].record)
        assert " ".join(seen.text.split()) == " ".join(found[0].text.split())

    def test_a_hard_text_is_stored_as_it_was_sent(self, rig: Rig, connector: Connector) -> None:
        command = offered(rig, connector, CommandKind.ADD_NOTE, text=HARD_TEXT)
        connector.write(command)
        seen = connector.landed(command)
        assert seen is not None
        wanted = f"{HARD_TEXT} {MARKER}"
        assert " ".join(seen.text.split()) == " ".join(wanted.split())

    def test_the_longest_text_is_stored_whole(self, rig: Rig, connector: Connector) -> None:
        if CommandKind.ADD_NOTE not in connector.manifest.commands:
            return
        longest = connector.manifest.commands[CommandKind.ADD_NOTE].max_text or 4000
        words = " ".join(f"word{number} é" for number in range(longest))
        text = words[: min(longest, 8000) - len(MARKER) - 1].strip()
        command = offered(rig, connector, CommandKind.ADD_NOTE, text=text)
        connector.write(command)
        seen = connector.landed(command)
        assert seen is not None
        assert seen.text == rig.truth(MARKER)[0].text == f"{text} {MARKER}"

    def test_looking_never_says_yes_to_what_is_not_there(self, rig: Rig, connector: Connector) -> None:
        for kind in connector.manifest.commands:
            if kind not in MARKED:
                continue
            command = rig.command(kind, MARKER)
            connector.write(command)
            if kind is not CommandKind.MARK_INSURANCE_VERIFIED:
                assert connector.landed(rig.command(kind, OTHER_MARKER)) is None
                assert connector.landed(rig.aside(command)) is None
        assert rig.truth(OTHER_MARKER) == []

    def test_looking_for_several_answers_in_their_order(self, rig: Rig, connector: Connector) -> None:
        if CommandKind.ADD_NOTE not in connector.manifest.commands:
            return
        sent = rig.command(CommandKind.ADD_NOTE, MARKER)
        connector.write(sent)
        missing = rig.command(CommandKind.ADD_NOTE, OTHER_MARKER)
        many: list[Command] = [missing, sent, rig.aside(missing), sent]
        found = connector.landed_all(many)
        assert [each is not None for each in found] == [False, True, False, True]
        assert connector.landed_all([]) == []

    def test_a_status_is_set_and_shown(self, rig: Rig, connector: Connector) -> None:
        command = status_move(rig, connector, 1)
        assert connector.landed(command) is None
        connector.write(command)
        assert rig.status_of(command.appointment_key) == command.status_key
        seen = connector.landed(command)
        assert seen is not None
        assert seen.text == command.status_key

    def test_a_status_that_moved_meanwhile_is_a_conflict(self, rig: Rig, connector: Connector) -> None:
        command = status_move(rig, connector, 1)
        rig.set_status(command.appointment_key, rig.statuses()[3])
        with pytest.raises(Conflict) as error:
            connector.write(command)
        assert error.value.current == rig.statuses()[3]
        assert rig.status_of(command.appointment_key) == rig.statuses()[3]

    def test_a_status_of_a_deleted_visit_is_refused(self, rig: Rig, connector: Connector) -> None:
        command = status_move(rig, connector, 1)
        rig.delete(command.appointment_key)
        with pytest.raises(Refused):
            connector.write(command)
        assert connector.landed(command) is None

    @pytest.mark.parametrize("kind", MARKED)
    def test_no_line_before_sending_is_unavailable_and_changes_nothing(
        self, rig: Rig, connector: Connector, kind: CommandKind
    ) -> None:
        command = offered(rig, connector, kind)
        rig.go_offline()
        with pytest.raises(Unavailable):
            connector.write(command)
        rig.come_back()
        assert rig.truth(MARKER) == []
        assert connector.landed(command) is None

    @pytest.mark.parametrize("kind", MARKED)
    def test_a_line_lost_at_sending_is_never_said_to_be_safe_to_repeat_when_it_was_taken(
        self, rig: Rig, connector: Connector, kind: CommandKind
    ) -> None:
        command = offered(rig, connector, kind)
        connector.identify()
        rig.cut_after_write()
        with pytest.raises(Uncertain):
            connector.write(command)
        found = rig.truth(MARKER)
        assert len(found) <= 1  # nothing is ever repeated by the connector itself
        seen = connector.landed(command)
        if kind is not CommandKind.MARK_INSURANCE_VERIFIED:
            assert len(found) == 1
            assert seen is not None
            assert seen.record == found[0].record

    @pytest.mark.parametrize("kind", MARKED)
    def test_a_line_lost_before_the_write_leaves_nothing_and_looking_says_so(
        self, rig: Rig, connector: Connector, kind: CommandKind
    ) -> None:
        command = offered(rig, connector, kind)
        connector.identify()
        rig.cut_before_write()
        with pytest.raises((Uncertain, Unavailable)):
            connector.write(command)
        assert rig.truth(MARKER) == []
        assert connector.landed(command) is None

    @pytest.mark.parametrize("kind", MARKED)
    def test_what_may_not_go_out_any_more_is_unavailable_and_changes_nothing(
        self, rig: Rig, connector: Connector, kind: CommandKind
    ) -> None:
        command = offered(rig, connector, kind)
        with fenced(lambda: False), pytest.raises(Unavailable):
            connector.write(command)
        assert rig.truth(MARKER) == []
        connector.write(command)
        assert len(rig.truth(MARKER)) == 1

    def test_a_status_that_may_not_go_out_any_more_stays(self, rig: Rig, connector: Connector) -> None:
        command = status_move(rig, connector, 1)
        was = rig.status_of(command.appointment_key)
        with fenced(lambda: False), pytest.raises(Unavailable):
            connector.write(command)
        assert rig.status_of(command.appointment_key) == was

    def test_one_call_is_one_attempt(self, rig: Rig, connector: Connector) -> None:
        command = offered(rig, connector, CommandKind.ADD_NOTE)
        connector.identify()
        rig.cut_before_write()
        before = rig.writes_received()
        with pytest.raises((Uncertain, Unavailable)):
            connector.write(command)
        assert rig.writes_received() - before <= 1
        assert rig.truth(MARKER) == []

    @pytest.mark.parametrize("kind", MARKED)
    def test_a_refusal_is_refused_and_leaves_nothing(
        self, rig: Rig, connector: Connector, kind: CommandKind
    ) -> None:
        command = offered(rig, connector, kind)
        rig.refuse()
        with pytest.raises(Refused):
            connector.write(command)
        assert rig.truth(MARKER) == []

    def test_asked_to_wait_is_unavailable_with_a_time(self, rig: Rig, connector: Connector) -> None:
        command = offered(rig, connector, CommandKind.ADD_NOTE)
        connector.identify()
        rig.throttle()
        with pytest.raises(Unavailable) as error:
            connector.write(command)
        assert (error.value.retry_after or 0) > 0
        assert rig.truth(MARKER) == []

    def test_an_expired_sign_in_is_unauthorised(self, rig: Rig, connector: Connector) -> None:
        command = offered(rig, connector, CommandKind.ADD_NOTE)
        rig.expire_sign_in()
        with pytest.raises(Unauthorised) as error:
            connector.write(command)
        assert error.value.safe_message
        assert rig.truth(MARKER) == []
        assert any(finding.ok is False for finding in connector.examine())

    def test_what_is_not_declared_never_reaches_the_vendor(self, rig: Rig, connector: Connector) -> None:
        before = rig.writes_received()
        for kind in CommandKind:
            if connector.manifest.can_write(kind):
                continue
            with pytest.raises(PmsError):
                connector.write(rig.command(kind, MARKER))
        assert rig.writes_received() == before
        assert rig.truth(MARKER) == []
