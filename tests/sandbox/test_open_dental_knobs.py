"""The rig's knobs do what their names say, in process and over the control address."""

from __future__ import annotations

import asyncio
import http.client
import threading
import time
import urllib.error
import urllib.request
from types import SimpleNamespace

import pytest

from chartbridge.sandbox.open_dental import RemoteKnobs, Sandbox, service
from chartbridge.sandbox.open_dental.day import Day
from chartbridge.sandbox.open_dental.proof import read_moves, read_proof
from chartbridge.sandbox.proof import ExpectedMove, ExpectedWrite
from tests.sandbox.conftest import Caller, MakeSandbox

CUT = (http.client.RemoteDisconnected, ConnectionResetError)


def note(marker: str, patient: int = 1) -> dict[str, object]:
    return {"PatNum": patient, "Note": f"A text. {marker}"}


def test_a_line_cut_before_the_write_leaves_nothing(call: Caller, sandbox: Sandbox) -> None:
    sandbox.knobs.drop_before_write()
    with pytest.raises(CUT):
        call("POST", "/commlogs", note("CB-00000001"))
    assert sandbox.knobs.truth("CB-00000001") == []
    assert call("POST", "/commlogs", note("CB-00000001")).status == 201


def test_a_line_cut_after_the_write_leaves_it(call: Caller, sandbox: Sandbox) -> None:
    sandbox.knobs.drop_after_write()
    with pytest.raises(CUT):
        call("POST", "/commlogs", note("CB-00000001"))
    assert [t.patient_key for t in sandbox.knobs.truth("CB-00000001")] == ["1"]


def test_a_delayed_write_lands_after_the_client_has_gone(
    call: Caller, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    looked, delays = threading.Event(), []

    async def sleep(seconds: float) -> None:
        delays.append(seconds)
        while not looked.is_set():
            await asyncio.sleep(0.01)

    monkeypatch.setattr(service, "asyncio", SimpleNamespace(sleep=sleep))
    sandbox.knobs.delay(0.6)
    host = sandbox.base_url.split("//")[1].split("/")[0]
    line = http.client.HTTPConnection(host, timeout=0.2)
    headers = {"Authorization": sandbox.authorization, "Content-Type": "application/json"}
    line.request("POST", "/api/v1/commlogs", '{"PatNum":1,"Note":"late CB-00000009"}', headers)
    with pytest.raises(TimeoutError):
        line.getresponse()
    line.close()
    assert sandbox.knobs.truth("CB-00000009") == []
    looked.set()
    until = time.monotonic() + 60
    while not sandbox.knobs.truth("CB-00000009") and time.monotonic() < until:
        time.sleep(0.05)
    assert len(sandbox.knobs.truth("CB-00000009")) == 1
    assert delays == [0.6]


def test_faults_are_used_up_and_can_be_aimed(call: Caller, sandbox: Sandbox) -> None:
    sandbox.knobs.refuse("Note is too rude.", times=2, on="commlogs")
    assert call("GET", "/patients/1").status == 200
    assert [call("POST", "/commlogs", note("x")).status for _ in range(3)] == [400, 400, 201]
    sandbox.knobs.answer_error(503, html=True)
    answer = call("GET", "/patients/1")
    assert (answer.status, answer.headers["content-type"]) == (503, "text/html")
    sandbox.knobs.throttle()
    assert call("GET", "/patients/1").status == 429
    sandbox.knobs.expire_sign_in()
    assert call("GET", "/patients/1").status == 401
    sandbox.knobs.heal()
    assert call("GET", "/patients/1").status == 200


def test_offline_refuses_connections_and_comes_back_at_the_same_address(
    call: Caller, sandbox: Sandbox
) -> None:
    before = sandbox.base_url
    sandbox.knobs.go_offline()
    with pytest.raises(ConnectionRefusedError):
        call("GET", "/patients/1")
    sandbox.knobs.come_back()
    assert sandbox.base_url == before
    assert call("GET", "/patients/1").status == 200


def test_the_service_can_be_sent_away_over_its_own_address(call: Caller, sandbox: Sandbox) -> None:
    RemoteKnobs(sandbox.base_url).turn("go_offline", seconds=3.0)

    def is_there() -> bool:
        try:
            return call("GET", "/patients/1").status == 200
        except (ConnectionRefusedError, *CUT):
            return False

    for there in (False, True):
        until = time.monotonic() + 60
        while is_there() is not there:
            assert time.monotonic() < until, f"it did not {'come back' if there else 'go away'}"
            time.sleep(0.05)


def test_a_sign_in_expires_for_a_while(call: Caller, sandbox: Sandbox) -> None:
    sandbox.knobs.expire_sign_in(times=2)
    assert [call("GET", "/patients/1").status for _ in range(3)] == [401, 401, 200]


def test_an_unknown_status_and_a_corrupt_row_still_answer(call: Caller, sandbox: Sandbox) -> None:
    number = sandbox.knobs.book(2, sandbox.db.now())
    sandbox.knobs.unknown_status(number)
    found = call("GET", f"/appointments/{number}").body
    assert (found["confirmed"], found["Confirmed"]) == ("", 987654321)
    sandbox.knobs.unknown_apt_status(number)
    assert call("GET", f"/appointments/{number}").body["AptStatus"] == "42"
    sandbox.knobs.corrupt_row(number)
    assert call("GET", f"/appointments/{number}").body["AptDateTime"] == "0001-01-01 00:00:00"
    sandbox.knobs.corrupt_patient(2)
    assert call("GET", "/patients/2").body["PatStatus"] == "99"


def test_random_keys_do_not_grow(call: Caller, sandbox: Sandbox) -> None:
    sandbox.knobs.random_keys()
    keys = [call("POST", "/commlogs", note("x")).body["CommlogNum"] for _ in range(8)]
    assert keys != sorted(keys)
    assert max(keys) > 2**53
    assert call("GET", "/commlogs?PatNum=1&Limit=1000").status == 200


def test_a_jumped_clock_is_the_databases_own(call: Caller, sandbox: Sandbox) -> None:
    before = call("GET", "/appointments?Limit=1").body[0]["serverDateTime"]
    sandbox.knobs.jump_clock(-7200)
    after = call("GET", "/appointments?Limit=1").body[0]["serverDateTime"]
    assert after < before
    sandbox.knobs.set_clock("")
    assert call("GET", "/appointments?Limit=1").body[0]["serverDateTime"] >= before


def test_a_restored_backup_gives_numbers_again(call: Caller, sandbox: Sandbox) -> None:
    sandbox.knobs.back_up()
    first = call("POST", "/commlogs", note("CB-00000001")).body["CommlogNum"]
    sandbox.knobs.restore_backup()
    assert sandbox.knobs.truth("CB-00000001") == []
    assert call("POST", "/commlogs", note("CB-00000002")).body["CommlogNum"] == first


def test_the_stamp_moves_only_when_something_changed(sandbox: Sandbox) -> None:
    before = sandbox.db.get("patient", 3) or {}
    sandbox.knobs.edit_patient(3, City=before["City"])
    assert (sandbox.db.get("patient", 3) or {})["DateTStamp"] == before["DateTStamp"]
    sandbox.knobs.edit_patient(3, City="Elsewhere")
    assert (sandbox.db.get("patient", 3) or {})["DateTStamp"] > before["DateTStamp"]


def test_a_deleted_visit_stays_in_the_history_only(call: Caller, sandbox: Sandbox) -> None:
    number = sandbox.knobs.book(2, sandbox.db.now())
    sandbox.knobs.delete(number)
    assert call("GET", f"/appointments/{number}").status == 404
    history = call("GET", f"/histappointments?AptNum={number}&HistApptAction=Deleted").body
    assert [h["AptNum"] for h in history] == [number]


def test_knobs_turn_over_the_control_address(sandbox: Sandbox) -> None:
    remote = RemoteKnobs(sandbox.base_url)
    number = remote.turn("book", patient=5, at="2026-12-01 10:00:00")
    assert sandbox.db.get("appointment", number) is not None
    commlog = remote.turn("add_note", patient=5, note="CB-00000007")
    assert [(t.key, t.patient_key) for t in remote.truth("CB-00000007")] == [(commlog, "5")]
    with pytest.raises(urllib.error.HTTPError):
        remote.turn("no_such_knob")
    with pytest.raises(urllib.error.HTTPError):
        remote.turn("_arm")
    with urllib.request.urlopen(sandbox.base_url.replace("/api/v1", "/sandbox")) as about:
        assert about.status == 200


def test_the_proof_tells_missing_twice_and_wrong(sandbox: Sandbox) -> None:
    knobs = sandbox.knobs
    knobs.add_note(1, "right CB-AAAAAAA1")
    knobs.add_note(2, "twice CB-AAAAAAA2")
    knobs.add_note(2, "twice CB-AAAAAAA2")
    knobs.add_note(9, "at the wrong one CB-AAAAAAA3")
    knobs.add_paper(4, category=131, title="Card CB-AAAAAAA5")
    expected = [
        ExpectedWrite(marker=f"CB-AAAAAAA{n}", patient_key=p)
        for n, p in ((1, "1"), (2, "2"), (3, "3"), (4, "4"), (5, "4"))
    ]
    proof = read_proof(sandbox.db_url, expected)
    assert proof.in_pms == 3
    assert (proof.missing, proof.twice, proof.wrong_patient) == (
        ("CB-AAAAAAA4",),
        ("CB-AAAAAAA2",),
        ("CB-AAAAAAA3",),
    )


def test_the_proof_finds_a_status_even_after_the_visit_moved_on(sandbox: Sandbox) -> None:
    number = sandbox.knobs.book(2, sandbox.db.now())
    sandbox.knobs.set_status(number, 22)
    sandbox.knobs.set_status(number, 25)
    moves = [
        ExpectedMove(appointment_key=str(number), status_key=status, patient_key=patient)
        for status, patient in (("22", "2"), ("246", "2"), ("25", "3"))
    ]
    proof = read_moves(sandbox.db_url, moves)
    assert (proof.in_pms, len(proof.missing), len(proof.wrong_patient)) == (1, 1, 1)


def test_when_the_booked_ones_are_done_people_still_come(make_sandbox: MakeSandbox) -> None:
    sandbox = make_sandbox(patients=300)
    from_today = sandbox.db.now()[:10], "2100-01-01"
    for row in sandbox.db.rows(
        "SELECT AptNum FROM appointment WHERE AptStatus=1 AND AptDateTime BETWEEN ? AND ?", *from_today
    ):
        sandbox.db.update("appointment", row["AptNum"], AptStatus=2)
    told: list[str] = []
    day = Day(sandbox.db, seed=3, tell=told.append)
    for _ in range(120):
        day.step()
    assert any("arrived" in line for line in told)
    assert any("is complete" in line for line in told)


def test_a_day_goes_on_and_tells_no_names(make_sandbox: MakeSandbox) -> None:
    sandbox = make_sandbox(patients=300)
    told: list[str] = []
    day = Day(sandbox.db, seed=3, tell=told.append)
    for _ in range(60):
        day.step()
    assert day.events == len(told) == 60
    assert len({line.split()[-1] for line in told}) > 5
    names = {r["LName"] for r in sandbox.db.rows("SELECT LName FROM patient WHERE LENGTH(LName)>4")}
    assert not [line for line in told if any(name in line for name in names)]
