"""The daily mail: sent by a real mail server once a day if anything waits, and never with a patient in it."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from django.urls import reverse

from chartbridge.engine.daily import Daily, DailyJob
from chartbridge.pms.errors import Unavailable
from chartbridge.store import holds, mailing
from chartbridge.store.models import DailyRun, MailSetting, Writeback
from chartbridge.transport.mail import NotSent
from chartbridge.web.reasons import title_of
from chartbridge.writeback import digest
from tests.servers.process import nobody_listens
from tests.servers.smtp import MailServerAtWork, mail_server, make_certificate
from tests.writeback.conftest import Office


@pytest.fixture
def server() -> Iterator[MailServerAtWork]:
    with mail_server() as at_work:
        yield at_work


def away(_command: object) -> None:
    raise Unavailable("The PMS can't be reached.")


def set_up(office: Office, server: MailServerAtWork, **given: object) -> MailSetting:
    told = {
        "on": True, "host": "127.0.0.1", "port": server.port, "security": "none", "user": "", "password": None,
        "sender": "hub@example.com", "recipients": ["owner@example.com"], "hour": 8, **given,
    }  # fmt: skip
    return mailing.save(office.practice.pk, **told)  # type: ignore[arg-type]


def daily(office: Office) -> Daily:
    def send(practice_id: int, _day: object) -> None:
        digest.send_daily(practice_id, office.clock, title_of)

    return Daily({"digest": DailyJob(hours=mailing.hours, run=send)}, office.clock)


def test_it_tells_counts_and_reasons_and_no_patient(office: Office, server: MailServerAtWork) -> None:
    set_up(office, server)
    number = "47114711471147114711"  # longer than what a Message-ID's own digits could hold by chance
    office.enqueue(patient=number, body="Zebediah prefers mornings.")
    office.clock.advance(3 * 3600)
    assert digest.send_daily(office.practice.pk, office.clock, title_of)
    [mail] = server.taken
    assert "1 entry needs attention" in mail
    assert "The patient is not known" in mail
    assert "for 3 h" in mail
    for word in ("Zebediah", "zebediah", number, "CB-"):
        assert word not in mail
    assert mailing.setting(office.practice.pk).sent_at == office.clock.now()


def test_nothing_waits_nothing_is_sent(office: Office, server: MailServerAtWork) -> None:
    set_up(office, server)
    office.enqueue()
    office.settle()
    assert not digest.send_daily(office.practice.pk, office.clock, title_of)
    assert server.talks == 0


def test_what_waits_for_long_is_told_and_what_is_on_its_way_is_not(
    office: Office, server: MailServerAtWork
) -> None:
    set_up(office, server)
    office.pms.before = away
    office.enqueue(patient="1", body="Zebediah prefers mornings.")
    office.deliver()
    office.clock.advance(1800)
    assert not digest.send_daily(office.practice.pk, office.clock, title_of)
    office.clock.advance(25 * 3600)
    office.enqueue(patient="2")
    assert digest.send_daily(office.practice.pk, office.clock, title_of)
    [mail] = server.taken
    assert "1 waits to be written" in mail
    assert "1  Not seen in the chart yet, for 25 h" in mail
    assert "Zebediah" not in mail


def test_a_document_that_nobody_imports_is_told(office: Office, server: MailServerAtWork) -> None:
    set_up(office, server)
    row = office.enqueue()[0]
    Writeback.objects.filter(pk=row.pk).update(delivery="taken", reason_code="waiting_for_import")
    office.clock.advance(3 * 3600)
    assert digest.send_daily(office.practice.pk, office.clock, title_of)
    assert "1  Waiting to be imported, for 3 h" in server.taken[0]


def test_the_brake_is_told_also_where_nothing_waits_yet(office: Office, server: MailServerAtWork) -> None:
    set_up(office, server)
    holds.hold(office.connection, "brake", "The PMS's own numbering went backwards.", office.clock.now())
    assert digest.send_daily(office.practice.pk, office.clock, title_of)
    [mail] = server.taken
    assert "Subject: Chartbridge: reading and writing are stopped" in mail
    assert "The PMS's own numbering went backwards." in mail
    holds.let_go(office.connection, "brake", office.clock.now())
    assert not digest.send_daily(office.practice.pk, office.clock, title_of)


def test_once_a_day_at_its_hour_also_after_a_restart(office: Office, server: MailServerAtWork) -> None:
    set_up(office, server, hour=9)  # it is 7 in the morning in New York
    office.enqueue(patient="unknown")
    daily(office).look()
    assert server.taken == []
    office.clock.advance(2 * 3600)
    for _ in range(3):
        daily(office).look()
    assert len(server.taken) == 1
    office.clock.advance(24 * 3600)
    daily(office).look()
    assert len(server.taken) == 2


def test_a_server_that_is_down_is_said_and_tried_again(office: Office, server: MailServerAtWork) -> None:
    with nobody_listens() as port:
        set_up(office, server, port=port)
        office.enqueue(patient="unknown")
        office.clock.advance(6 * 3600)
        daily(office).look()
        daily(office).look()
    row = DailyRun.objects.get()
    assert (row.tries, row.done_at) == (1, None), "it rests before it tries again"
    assert "can't be reached" in mailing.setting(office.practice.pk).error
    MailSetting.objects.update(port=server.port)
    office.clock.advance(timedelta(minutes=5).total_seconds())
    daily(office).look()
    assert len(server.taken) == 1
    assert mailing.setting(office.practice.pk).error == ""


@pytest.mark.parametrize(
    ("fault", "said"),
    [
        ({"password": "wrong", "user": "hub"}, "does not accept the user name"),
        ({"security": "starttls"}, "STARTTLS"),
        ({"recipients": ["nobody@example.com"]}, "one of the recipients"),
        ({"host": ""}, "Enter the mail server"),
        ({"recipients": []}, "at least one recipient"),
    ],
)
def test_why_a_mail_was_not_sent_is_said_in_words(
    office: Office, server: MailServerAtWork, fault: dict[str, object], said: str
) -> None:
    server.refuses = "nobody@"
    server.password = "right" if "password" in fault else ""
    set_up(office, server, **fault)
    with pytest.raises(NotSent, match=said):
        digest.send_test(office.practice.pk, office.clock)
    assert said in mailing.setting(office.practice.pk).error
    assert "wrong" not in mailing.setting(office.practice.pk).error


def test_a_password_is_kept_sealed_and_used(office: Office, server: MailServerAtWork) -> None:
    server.password = "a secret of the office"
    row = set_up(office, server, user="hub", password="a secret of the office")
    assert b"secret of the office" not in bytes(row.secrets)
    set_up(office, server, user="hub")  # None keeps it
    digest.send_test(office.practice.pk, office.clock)
    assert "a test" in server.taken[0]


def test_what_people_asked_for_and_fails_does_not_keep_the_days_jobs_from_being_done(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    looked = threading.Event()

    def fails() -> bool:
        raise ValueError

    at_work = Daily({}, office.clock, asked=fails)
    monkeypatch.setattr(at_work, "look", looked.set)
    at_work.start()
    assert looked.wait(60)
    assert at_work.stop(60)


@pytest.mark.parametrize("trusted", [True, False])
def test_a_password_and_a_mail_go_over_an_encrypted_line_to_a_server_that_is_trusted(
    office: Office, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, trusted: bool
) -> None:
    certificate = make_certificate(tmp_path / "server.pem")
    if trusted:
        monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    with mail_server(certificate) as server:
        server.password = "of the office"
        set_up(office, server, security="starttls", user="hub", password="of the office")
        if trusted:
            digest.send_test(office.practice.pk, office.clock)
            assert len(server.taken) == 1
            assert server.encrypted == [True, True]
        else:
            with pytest.raises(NotSent, match="encrypted line"):
                digest.send_test(office.practice.pk, office.clock)
            assert (server.taken, server.encrypted) == ([], [])


@pytest.mark.parametrize("host", ["mail.example.com", "192.0.2.7", "localhost.example.com"])
def test_no_password_goes_over_an_open_line_to_another_machine(office: Office, host: str) -> None:
    mailing.save(
        office.practice.pk, on=True, host=host, port=25, security="none", user="hub", password="of the office",
        sender="hub@example.com", recipients=["owner@example.com"], hour=8,
    )  # fmt: skip
    with pytest.raises(NotSent, match="for everybody to read"):
        digest.send_test(office.practice.pk, office.clock)
    assert "for everybody to read" in mailing.setting(office.practice.pk).error


def test_the_mail_has_a_link_to_the_page_where_its_address_is_known(
    office: Office, server: MailServerAtWork
) -> None:
    row = set_up(office, server, pages_address="https://hub.example.com")
    office.enqueue(patient="4711-zebediah")
    digest.send_daily(office.practice.pk, office.clock, title_of)
    assert f"https://hub.example.com{reverse('writebacks')}" in server.taken[0]
    row.pages_address = ""
    row.save()
    digest.send_daily(office.practice.pk, office.clock, title_of)
    assert "https://" not in server.taken[1]
