"""The contract suite. A connector's test file gives a `rig` fixture and inherits this class.

    class TestMyPms(ConnectorContract):
        @pytest.fixture
        def rig(self): ...

What a connector does not declare is not asked of it. Must not be in it: a word about any one PMS.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterator
from datetime import timedelta

import pytest

from chartbridge.domain.charts import LookupKind
from chartbridge.pms.commands import CommandKind
from chartbridge.pms.connector import Connector, Settings
from chartbridge.pms.errors import (
    PmsError,
    Unavailable,
)
from chartbridge.pms.reading import Stream
from chartbridge.testing.claims import MARKED, MARKER, RECORDS, offered
from chartbridge.testing.reading import ReadingContract
from chartbridge.testing.rig import Rig
from chartbridge.testing.searching import SearchingContract
from chartbridge.testing.steps import leaks, pages, read_on
from chartbridge.testing.writing import WritingContract


class ConnectorContract(ReadingContract, WritingContract, SearchingContract):
    """Every test that a connector must pass."""

    @pytest.fixture
    def connector(self, rig: Rig) -> Iterator[Connector]:
        made = rig.connect()
        yield made
        made.close()

    # -- what is claimed ------------------------------------------------------------------------------------

    def test_the_manifest_claims_nothing_impossible(self, connector: Connector) -> None:
        manifest = connector.manifest
        assert manifest.id
        assert manifest.provider_help
        assert manifest.proof.run_against or manifest.proof.not_run_against
        for claim in manifest.streams.values():
            assert 0 < claim.least_interval <= claim.default_interval, claim.stream
        for command in manifest.commands.values():
            assert command.settle_after >= command.visible_after, command.kind
            assert command.parallel >= 1, command.kind
        for setting in manifest.settings:
            assert setting.label, setting.name
            assert setting.default in {"", *(c.value for c in setting.choices)} or not setting.choices

    def test_it_says_who_it_is_and_what_time_it_is_there(self, rig: Rig, connector: Connector) -> None:
        who = connector.identify()
        assert who.vendor
        assert who.version
        assert who.server_now.tzinfo is not None
        assert abs(who.server_now - rig.clock.now()) < timedelta(minutes=2)
        assert who.busy == ""

    def test_lists_have_unique_keys_and_keep_inactive_entries(self, rig: Rig, connector: Connector) -> None:
        for kind in connector.manifest.lookups:
            items = connector.lookups(kind)
            assert len({item.key for item in items}) == len(items)
            assert all(item.kind is kind and item.key for item in items)
            assert items or kind not in rig.lookups_expected()
        if LookupKind.PROVIDERS not in connector.manifest.lookups:
            return
        hidden = rig.hide_provider()
        held = {item.key: item.active for item in connector.lookups(LookupKind.PROVIDERS)}
        assert held[hidden] is False
        assert any(held.values())

    # -- the line, the machine, the people ------------------------------------------------------------------

    def test_unreachable_is_unavailable_and_comes_back(self, rig: Rig, connector: Connector) -> None:
        cursor = read_on(connector, Stream.APPOINTMENTS, None).cursor
        rig.go_offline()
        with pytest.raises(Unavailable):
            connector.read(Stream.APPOINTMENTS, cursor)
        with pytest.raises(Unavailable):
            connector.identify()
        assert any(finding.ok is False for finding in connector.examine())
        rig.come_back()
        key = rig.book()
        assert key in read_on(connector, Stream.APPOINTMENTS, cursor).latest()

    def test_a_busy_pms_is_left_alone(self, rig: Rig, connector: Connector) -> None:
        cursor = read_on(connector, Stream.APPOINTMENTS, None).cursor
        rig.be_busy()
        assert connector.identify().busy
        with pytest.raises(Unavailable):
            connector.read(Stream.APPOINTMENTS, cursor)

    def test_it_can_be_used_after_it_was_closed(self, connector: Connector) -> None:
        connector.identify()
        connector.close()
        connector.close()
        assert connector.identify().version

    def test_reading_and_writing_at_once_from_two_threads(self, rig: Rig, connector: Connector) -> None:
        failures: list[BaseException] = []

        def reading() -> None:
            try:
                for _ in range(5):
                    read_on(connector, Stream.APPOINTMENTS, None)
            except BaseException as error:
                failures.append(error)

        thread = threading.Thread(target=reading)
        thread.start()
        command = offered(rig, connector, CommandKind.ADD_NOTE)
        connector.write(command)
        assert connector.landed(command) is not None
        thread.join(60)
        assert failures == []

    def test_no_name_appears_in_any_message_repr_cursor_or_log(
        self, rig: Rig, connector: Connector, caplog: pytest.LogCaptureFixture
    ) -> None:
        said: list[str] = [repr(connector), repr(Settings(values={"a": "b"}, secrets={"c": "d"}))]
        with caplog.at_level(logging.DEBUG):
            for stream in connector.manifest.streams:
                if stream in RECORDS:
                    said += [_quiet(page) for page in pages(connector, stream, None)]
            said += [repr(connector.identify()), *(repr(each) for each in connector.examine())]
            visit = rig.book()
            rig.corrupt(visit)
            for page in pages(connector, Stream.APPOINTMENTS, None):
                said.append(_quiet(page))
            said += _provoke(rig, connector)
        said += [record.getMessage() for record in caplog.records]
        said += [str(record.exc_text or "") for record in caplog.records]
        assert leaks(said, rig.canaries) == []


def _provoke(rig: Rig, connector: Connector) -> list[str]:
    """Everything that a connector says when it is treated badly."""
    said: list[str] = []
    canary = rig.canaries[0]
    for turn in (rig.refuse, rig.cut_before_write, rig.cut_after_write, rig.throttle, rig.expire_sign_in):
        for kind in connector.manifest.commands:
            marker = MARKER if kind in MARKED else ""
            command = (
                rig.command(kind, marker, text=canary)
                if kind in MARKED
                else rig.command(CommandKind.SET_APPOINTMENT_STATUS, marker)
            )
            turn()
            try:
                said.append(repr(connector.write(command)))
            except PmsError as error:
                said += [str(error), repr(error), error.safe_message, repr(vars(error))]
                said += _chain(error)
    rig.go_offline()
    for call in (connector.identify, connector.examine):
        try:
            said.append(repr(call()))
        except PmsError as error:
            said += [str(error), repr(error), *_chain(error)]
    return said


def _chain(error: BaseException) -> list[str]:
    said = []
    cause = error.__cause__ or (None if error.__suppress_context__ else error.__context__)
    while cause is not None:
        said += [str(cause), repr(cause)]
        cause = cause.__cause__ or (None if cause.__suppress_context__ else cause.__context__)
    return said


def _quiet(page: object) -> str:
    """What of a page may be logged or stored beside the records: everything but they."""
    names = ("cursor", "bad", "gone", "more", "complete")
    refs = [getattr(record, "ref", "") for record in getattr(page, "records", ())]
    return repr([getattr(page, name) for name in names]) + repr(refs)
