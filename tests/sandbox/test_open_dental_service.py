"""The API service answers as the vendor documents it."""

from __future__ import annotations

import base64
from datetime import UTC, datetime

import pytest

from chartbridge.domain.clock import SetClock
from chartbridge.sandbox.open_dental import Sandbox, service
from tests.sandbox.conftest import Caller, MakeSandbox

NOTE = {"PatNum": 1, "Note": "Please call\nback", "CommDateTime": "2026-03-01 11:19:00", "Mode_": "Text"}


def test_a_patient_comes_in_the_vendors_shape(call: Caller) -> None:
    found = call("GET", "/patients/1")
    assert found.status == 200
    assert (found.body["PatNum"], found.body["LName"], found.body["PatStatus"]) == (1, "O'Brien", "Patient")
    assert found.body["TxtMsgOk"] in ("Unknown", "Yes", "No")
    assert "SecurityHash" not in found.body


def test_booleans_are_strings_and_helpers_start_small(call: Caller) -> None:
    found = call("GET", "/appointments?Limit=1").body[0]
    assert found["IsNewPatient"] in ("true", "false")
    assert found["confirmed"]
    assert found["provAbbr"].startswith("DOC")
    assert found["serverDateTime"]


def test_a_note_is_taken_and_line_ends_come_back_as_spaces(call: Caller, sandbox: Sandbox) -> None:
    made = call("POST", "/commlogs", NOTE)
    assert made.status == 201
    assert made.body["CommType"] == "239"
    assert made.body["Note"] == "Please call  back"
    assert made.headers["location"].endswith(f"/commlogs/{made.body['CommlogNum']}")
    stored = sandbox.db.get("commlog", made.body["CommlogNum"])
    assert stored is not None
    assert (stored["Note"], stored["Mode_"], stored["CommSource"]) == ("Please call\r\nback", 5, 7)


def test_a_second_identical_post_makes_a_second_note(call: Caller, sandbox: Sandbox) -> None:
    before = sandbox.knobs.count("commlog")
    assert [call("POST", "/commlogs", NOTE).status for _ in range(2)] == [201, 201]
    assert sandbox.knobs.count("commlog") == before + 2


def test_a_note_leaves_the_audit_line_and_its_hash_but_no_signal(call: Caller, sandbox: Sandbox) -> None:
    signals = sandbox.knobs.count("signalod")
    call("POST", "/commlogs", NOTE)
    line = sandbox.db.row("SELECT * FROM securitylog ORDER BY SecurityLogNum DESC LIMIT 1")
    assert line is not None
    assert (line["PermType"], line["LogSource"], line["UserNum"], line["PatNum"]) == (193, 23, 0, 1)
    assert line["LogText"] == "Created by Chartbridge through API."
    hashed = sandbox.db.value(
        "SELECT LogHash FROM securityloghash WHERE SecurityLogNum=?", line["SecurityLogNum"]
    )
    assert len(base64.b64decode(hashed)) == 32
    assert sandbox.knobs.count("signalod") == signals


@pytest.mark.parametrize(
    ("body", "status", "words"),
    [
        ({"PatNum": 1}, 400, "Note is required."),
        ({"Note": "x"}, 400, "PatNum is required."),
        ({"PatNum": 999999, "Note": "x"}, 404, "Patient not found."),
        ({"PatNum": 1, "Note": "x", "CommType": 131}, 400, "CommType is invalid."),
        ({"PatNum": 1, "Note": "x", "Mode_": "InPerson"}, 400, "Mode_ is invalid."),
        (
            {"PatNum": 1, "Note": "x", "CommDateTime": "yesterday"},
            400,
            "CommDateTime is not in a valid format",
        ),
        ({"PatNum": "1; DROP", "Note": "x"}, 400, "PatNum is not a valid number."),
        ("[]", 400, "Invalid JSON"),
        ("{", 400, "Invalid JSON"),
    ],
)
def test_a_bad_note_is_refused_in_words(call: Caller, body: object, status: int, words: str) -> None:
    answer = call("POST", "/commlogs", body)
    assert answer.status == status
    assert words in answer.body


def test_emoji_nul_and_100000_characters_are_stored_as_the_program_stores_them(
    call: Caller, sandbox: Sandbox
) -> None:
    made = call("POST", "/commlogs", {"PatNum": 2, "Note": "a\0😀" + "x" * 100_000})
    stored = sandbox.db.value("SELECT Note FROM commlog WHERE CommlogNum=?", made.body["CommlogNum"])
    assert stored.startswith("a\ufffdx")
    assert len(stored.encode()) <= 65_535


def test_wrong_keys_and_missing_headers_are_told(call: Caller) -> None:
    assert call("GET", "/patients/1", Authorization="ODFHIR a/b").status == 401
    assert call("GET", "/patients/1", Authorization="").status == 401
    assert call("GET", "/patients/1", Content_Type="").status == 400
    assert call("GET", "/nothing").status == 404
    assert call("DELETE", "/patients/1").status == 404


def test_a_method_is_closed_below_its_version(make_sandbox: MakeSandbox) -> None:
    old = Caller(make_sandbox(version="24.2.1", patients=3))
    refused = old("GET", "/documents/1")
    assert refused.status == 400
    assert "24.2.32" in refused.body
    older = Caller(make_sandbox(version="23.3.6", patients=3))
    assert older("POST", "/commlogs", NOTE).body == ""


def test_commlogs_ask_for_a_patient_before_25_1_13(make_sandbox: MakeSandbox) -> None:
    before = Caller(make_sandbox(version="25.1.12", patients=20))
    assert before("GET", "/commlogs").status == 400
    after = Caller(make_sandbox(version="25.1.13", patients=20))
    assert after("GET", "/commlogs?DateTStamp=2020-01-01").status == 200
    assert after("GET", "/commlogs/1").body["CommSource"] == "User"


def test_a_permission_taken_away_is_401_with_its_name(call: Caller, sandbox: Sandbox) -> None:
    sandbox.knobs.take_permission("Comm")
    answer = call("POST", "/commlogs", NOTE)
    assert (answer.status, "Comm" in answer.body) == (401, True)
    assert call("GET", "/patients/1").status == 200
    sandbox.knobs.heal()
    assert call("POST", "/commlogs", NOTE).status == 201


def test_pages_are_limited_and_offset(call: Caller) -> None:
    first = call("GET", "/patients/Simple?Limit=10").body
    second = call("GET", "/patients/Simple?Limit=10&Offset=10").body
    assert [p["PatNum"] for p in first] == list(range(1, 11))
    assert [p["PatNum"] for p in second] == [11, *range(12, 22)][-10:] or len(second) == 10
    assert not {p["PatNum"] for p in first} & {p["PatNum"] for p in second}


def test_remote_mode_gives_100_rows_and_throttles(
    make_sandbox: MakeSandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = SetClock(datetime(2026, 3, 4, 10, tzinfo=UTC))
    monkeypatch.setattr(service, "time", clock)
    clock.advance(1)
    call = Caller(make_sandbox(mode="remote", throttle_s=0.5, patients=150))
    assert len(call("GET", "/patients/Simple?Limit=1000").body) == 100
    answer = call("GET", "/patients/1")
    assert (answer.status, answer.headers["retry-after"]) == (429, "1")
    clock.advance(0.4)
    assert call("GET", "/patients/1").status == 429
    clock.advance(0.2)
    assert call("GET", "/patients/1").status == 200


def test_confirm_sets_the_time_that_the_preference_names(call: Caller, sandbox: Sandbox) -> None:
    number = sandbox.knobs.book(3, sandbox.db.now())
    signals = sandbox.knobs.count("signalod")
    answer = call("PUT", f"/appointments/{number}/Confirm", {"defNum": 22})
    assert (answer.status, answer.body) == (200, "")
    found = call("GET", f"/appointments/{number}").body
    assert found["confirmed"] == "Arrived"
    assert found["DateTimeArrived"] > "2000"
    assert found["DateTimeSeated"] == "0001-01-01 00:00:00"
    assert sandbox.knobs.count("signalod") == signals + 3
    history = call("GET", f"/histappointments?AptNum={number}").body
    assert [h["HistApptAction"] for h in history] == ["Created", "Changed"]
    assert history[-1]["ApptSource"] == "OpenDentalAPIService"
    assert call("PUT", f"/appointments/{number}/Confirm", {"defNum": 131}).status == 400
    assert call("PUT", f"/appointments/{number}/Confirm", {"defNum": 22, "confirmVal": "Sent"}).status == 400
    assert call("PUT", "/appointments/99999999/Confirm", {"defNum": 22}).status == 404


def test_a_visit_outside_the_refresh_range_makes_no_signal(call: Caller, sandbox: Sandbox) -> None:
    number = sandbox.knobs.book(3, "2027-12-01 09:00:00")
    signals = sandbox.knobs.count("signalod")
    call("PUT", f"/appointments/{number}/Confirm", {"confirmVal": "Confirmed"})
    assert call("GET", f"/appointments/{number}").body["Confirmed"] == 21
    assert sandbox.knobs.count("signalod") == signals


def test_an_uploaded_document_changes_its_number_when_somebody_opens_it(
    call: Caller, sandbox: Sandbox
) -> None:
    content = b"%PDF-1.4 sample"
    body = {
        "PatNum": 4,
        "rawBase64": base64.b64encode(content).decode(),
        "extension": ".pdf",
        "DocCategory": 131,
        "Description": "Insurance verification CB-00000001",
    }
    made = call("POST", "/documents/Upload", body)
    assert (made.status, made.body["FileName"], made.body["docCategory"]) == (201, "x", "Insurance")
    listed = [d for d in call("GET", "/documents?PatNum=4").body if d["DocNum"] == made.body["DocNum"]]
    assert (listed[0]["PatNum"], listed[0]["Note"]) == ("4", "")
    opened = sandbox.knobs.open_document(made.body["DocNum"])
    assert opened != made.body["DocNum"]
    assert call("GET", f"/documents/{made.body['DocNum']}").status == 404
    path = call("GET", f"/documents/{opened}").body["filePath"]
    with open(path, "rb") as file:
        assert file.read() == content
    assert [t.key for t in sandbox.knobs.truth("CB-00000001")] == [opened]


def test_documents_kept_in_the_database_have_no_path(call: Caller, sandbox: Sandbox) -> None:
    sandbox.knobs.store_in_database()
    number = sandbox.knobs.add_paper(5, category=131, title="Card")
    assert call("GET", f"/documents/{number}").body["filePath"] == ""


def test_a_verification_with_a_date_empties_its_note_into_the_history(call: Caller, sandbox: Sandbox) -> None:
    plan = call("GET", "/patplans").body[0]["PatPlanNum"]
    body = {"VerifyType": "PatientEnrollment", "FKey": plan, "Note": "Active CB-00000002", "DefNum": 281}
    noted = call("PUT", "/insverifies", body)
    assert (noted.body["Note"], noted.body["DefNum"]) == ("Active CB-00000002", 281)
    verified = call("PUT", "/insverifies", {**body, "DateLastVerified": "2026-03-27"})
    assert (verified.body["Note"], verified.body["DefNum"]) == ("", 0)
    assert verified.body["DateLastVerified"] == "2026-03-27"
    kept = sandbox.db.row("SELECT * FROM insverifyhist WHERE FKey=? AND VerifyType=2", plan)
    assert kept is not None
    assert (kept["Note"], kept["DateLastVerified"]) == ("Active CB-00000002", "2026-03-27")
    assert call("PUT", "/insverifies", {**body, "FKey": 999999}).status == 404


def test_short_queries_read_and_nothing_else(call: Caller) -> None:
    asked = call("PUT", "/queries/ShortQuery", {"SqlCommand": "SELECT DateTStamp FROM patient"})
    assert len(asked.body) == 60
    assert "T" in asked.body[0]["DateTStamp"]
    for bad in ("DELETE FROM patient", "SELECT 1; DROP TABLE patient", "UPDATE patient SET LName=''"):
        assert call("PUT", "/queries/ShortQuery", {"SqlCommand": bad}).status == 401


def test_hidden_definitions_are_shown_only_when_asked_for(call: Caller, sandbox: Sandbox) -> None:
    shown = {d["DefNum"] for d in call("GET", "/definitions?Category=27").body}
    everything = call("GET", "/definitions?Category=27&includeHidden=true").body
    assert 307 not in shown
    assert next(d for d in everything if d["DefNum"] == 307)["isHidden"] == "true"
    sandbox.knobs.delete_note_type(239)
    assert 239 not in {d["DefNum"] for d in call("GET", "/definitions?Category=27").body}


def test_every_list_answers(call: Caller) -> None:
    for path in (
        "/providers",
        "/operatories",
        "/preferences?PrefName=DocPath",
        "/userods",
        "/insverifies?VerifyType=PatientEnrollment",
        "/inssubs",
        "/insplans",
        "/carriers",
        "/tasks",
        "/tasklists",
        "/securitylogs",
        "/signalods?SigDateTime=2020-01-01",
        "/patients?LName=O'B",
        "/insplans/1",
    ):
        assert call("GET", path).status == 200, path
    assert call("GET", "/signalods").status == 400


def test_a_task_note_wakes_the_followers(make_sandbox: MakeSandbox) -> None:
    sandbox = make_sandbox(version="24.4.30")
    call = Caller(sandbox)
    task = call("POST", "/tasks", {"TaskListNum": 2, "Descript": "Call back", "UserNum": 1, "KeyNum": 7,
                                   "ObjectType": "Patient"})  # fmt: skip
    assert task.status == 201
    made = call("POST", "/tasknotes", {"TaskNum": task.body["TaskNum"], "UserNum": 2, "Note": "done"})
    assert made.status == 201
    assert call("GET", f"/tasknotes?TaskNum={task.body['TaskNum']}").body[0]["Note"] == "done"
    assert sandbox.knobs.count("taskunread") == 1


def test_the_body_limit_holds(call: Caller) -> None:
    body = {"PatNum": 1, "Note": "x" * 16_900_000}
    assert call("POST", "/commlogs", body).status == 400
