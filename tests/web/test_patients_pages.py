"""Finding patients, the patient's page, writing something, files and photos."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import timedelta
from types import SimpleNamespace
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import connection as database
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from chartbridge.domain.activities import NOTE_KINDS, ActivityKind
from chartbridge.intake.new import BadActivity
from chartbridge.intake.pdf import check_pdf
from chartbridge.pms.errors import Unavailable
from chartbridge.store.mirror import search_patients
from chartbridge.store.models import (
    Activity,
    AuditEntry,
    Connection,
    Delivery,
    MirrorPatient,
    Role,
    Seen,
)
from chartbridge.web import compose
from chartbridge.web.files import photos
from tests.store.test_spool import form_of
from tests.web.conftest import SignIn
from tests.web.day import Day, a_document, a_patient, a_writeback, an_activity

PNG = b"\x89PNG\r\n\x1a\n" + b"0" * 40
PDF = b"%PDF-1.4\n1 0 obj\n<<>>\nendobj\ntrailer\n<<>>\n%%EOF\n"


class Files:
    """Stands in for the process's connectors: opens files, and counts."""

    def __init__(self) -> None:
        self.held: dict[str, bytes] = {}
        self.opened: list[str] = []

    def of(self, _connection: Connection) -> Files:
        return self

    def open_file(self, ref: str) -> bytes:
        self.opened.append(ref)
        if ref not in self.held:
            raise Unavailable("The image folder of Open Dental can't be reached.")
        return self.held[ref]


@pytest.fixture
def pms_files(monkeypatch: pytest.MonkeyPatch) -> Iterator[Files]:
    files = Files()
    monkeypatch.setattr("chartbridge.web.files.live", lambda: files)
    photos.clear()
    yield files
    photos.clear()


def find(client: Client, text: str, url: str = "/patients/") -> list[str]:
    html = client.post(url, {"text": text}).content.decode()
    return re.findall(r'href="/patients/(\d+)/"', html)


def test_the_list_begins_with_who_is_here_today_and_whom_one_opened(day: Day, desk: Client) -> None:
    html = desk.get("/patients/").content.decode()
    assert "8 patients" in html
    assert "Opened by you" not in html
    desk.get("/patients/14/")
    html = desk.get("/patients/").content.decode()
    assert "Opened by you" in html


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("garc", {"11", "12"}),
        ("GARCIA mat", {"12"}),
        ("mat garcia", {"12"}),
        ("o'br", {"13"}),
        ("李", {"14"}),
        ("sofia", {"11"}),
        ("1717", {"17", "19"}),
        ("(555) 010-1515", {"15"}),
        ("16", {"16"}),
        ("nobody at all", set()),
        ("%", set()),
        ("_", set()),
    ],
)
def test_patients_are_found_by_parts_of_names_phones_and_numbers(
    day: Day, desk: Client, text: str, found: set[str]
) -> None:
    assert set(find(desk, text)) == found
    assert set(find(desk, text, "/patients/search/")) == found


def test_more_than_a_page_is_asked_for_with_a_button(day: Day, desk: Client) -> None:
    for number in range(1000, 1040):
        a_patient(day.connection, str(number), "Zimmer", f"Anna{number}")
    assert len(find(desk, "zimmer")) == 25
    for no_number in ("²", "9" * 25, "9" * 5_000):
        assert desk.post("/patients/", {"text": "zimmer", "pages": no_number}).status_code == 200
    html = desk.post("/patients/", {"text": "zimmer", "pages": "2"}).content.decode()
    assert html.count('class="person"') == 40
    assert "Show more" not in html


@pytest.mark.parametrize("text", ["garcia", "o'br", "garc mat"])
def test_a_search_by_the_beginning_of_a_name_goes_by_its_index(day: Day, text: str) -> None:
    prefix = "EXPLAIN QUERY PLAN" if database.vendor == "sqlite" else "EXPLAIN"
    more = [
        MirrorPatient(
            connection=day.connection, key=f"m{n}", search=f"{n * 7919 % 5000:04} x", content_hash=b""
        )
        for n in range(5000)
    ]
    MirrorPatient.objects.bulk_create(more)
    with CaptureQueriesContext(database) as queries:
        search_patients(day.connection.pk, text, 1)
    begins = next(each["sql"] for each in queries if "ORDER BY" in each["sql"])
    with database.cursor() as cursor:
        if database.vendor == "postgresql":
            cursor.execute("ANALYZE store_mirrorpatient")
        cursor.execute(f"{prefix} {begins}")
        plan = str(cursor.fetchall())
    assert "mirror_patient_by_search" in plan, plan
    assert "search" in plan.split("mirror_patient_by_search")[1].split("Filter")[0], plan


def test_a_search_leaves_no_name_in_the_audit_trail(day: Day, desk: Client) -> None:
    find(desk, "garcia")
    entry = AuditEntry.objects.get(what="patients.searched")
    assert entry.detail == {"found": 2}


def test_another_practices_patients_are_not_found(day: Day, desk: Client) -> None:
    MirrorPatient.objects.update(
        connection=Connection.objects.create(practice_id=_other(), connector="open_dental")
    )
    assert find(desk, "garcia") == []
    assert desk.get("/patients/11/").status_code == 404


def test_the_page_shows_contacts_age_family_and_visits(day: Day, desk: Client) -> None:
    born = day.now_local.date() - timedelta(days=38 * 365 + 30)
    MirrorPatient.objects.filter(key="11").update(birthdate=born)
    html = desk.get("/patients/11/").content.decode()
    assert "Sofía  Garcia" in html
    assert "38 years" in html
    assert "(555) 010-1111" in html
    assert "Mateo Garcia" in html
    assert "Exam, two bitewings" in html
    assert AuditEntry.objects.filter(what="patient.viewed", patient_key="11").exists()


def test_who_only_shares_a_phone_is_told_apart_from_family(day: Day, desk: Client) -> None:
    html = desk.get("/patients/17/").content.decode()
    assert "Joan Smith" in html
    assert "Same phone number" in html


def test_a_number_that_is_not_there_ends_on_a_plain_page(day: Day, desk: Client) -> None:
    answer = desk.get("/patients/4711/")
    assert answer.status_code == 404
    assert "There is no patient 4711 here" in answer.content.decode()


def test_the_timeline_shows_each_thing_with_its_receipt(day: Day, desk: Client) -> None:
    done = an_activity(day, "11", ActivityKind.OUTGOING_TEXT, "See you at two.", 60)
    a_writeback(day, done, Delivery.TAKEN, Seen.SEEN, record="commlog 4711", recorded_at=timezone.now())
    stuck = an_activity(day, "11", ActivityKind.PATIENT_NOTE, "<b>Careful</b><br>latex", 30, is_html=True)
    a_writeback(
        day, stuck, Delivery.PARKED, reason_code="provider_inactive", reason="DOC9 is no longer active."
    )
    skipped = an_activity(day, "11", ActivityKind.MISSED_CALL, "", 10)
    a_writeback(day, skipped, Delivery.SKIPPED, reason_code="not_allowed", reason="Not ticked.")
    html = desk.get("/patients/11/timeline/").content.decode()
    assert html.index("Missed Phone Call") < html.index("Careful") < html.index("See you at two.")
    assert "In chart" in html
    assert "commlog 4711" in html
    assert "DOC9 is no longer active." in html
    assert "Careful\nlatex" in html
    assert "<b>Careful" not in html
    assert "Not written" in html
    assert "Pick another provider" not in html  # that is a manager's page


def test_a_manager_gets_the_button_that_mends_it(day: Day, sign_in: SignIn) -> None:
    stuck = an_activity(day, "11", ActivityKind.PATIENT_NOTE, "Careful", 30)
    a_writeback(
        day, stuck, Delivery.PARKED, reason_code="provider_inactive", reason="DOC9 is no longer active."
    )
    assert "Pick another provider" in sign_in(Role.MANAGER).get("/patients/11/timeline/").content.decode()


@pytest.mark.parametrize("kind", NOTE_KINDS)
def test_each_kind_can_be_written_on_the_page(day: Day, desk: Client, kind: ActivityKind) -> None:
    answer = write(desk, kind=kind, body="Said hello.", phone="(202) 555-0123", email="")
    assert answer.status_code == 200
    made = Activity.objects.get()
    assert (made.kind, made.patient_key, made.body) == (kind, "11", "Said hello.")
    assert answer["HX-Trigger"] == "written"


def test_a_double_click_makes_one(day: Day, desk: Client) -> None:
    for _ in range(2):
        assert write(desk, kind="patient_note", body="Once.", idempotency_key="k1").status_code == 200
    assert Activity.objects.count() == 1


def test_the_answer_says_what_becomes_of_it(day: Day, desk: Client) -> None:
    assert "goes into the chart now" in write(desk, kind="patient_note", body="A").content.decode()
    assert "not written to the PMS" in write(desk, kind="task_note", body="B").content.decode()
    Connection.objects.update(provider_key="99")
    assert "needs attention" in write(desk, kind="patient_note", body="C").content.decode()


@pytest.mark.parametrize(
    ("sent", "sentence"),
    [
        ({"kind": "patient_note", "body": " "}, "There is no text."),
        ({"kind": "outgoing_text", "body": "x", "phone": "banana"}, "isn&#x27;t a phone number"),
        ({"kind": "outgoing_email", "body": "x", "email": "nobody"}, "isn&#x27;t an e-mail address"),
        ({"kind": "patient_note", "body": "x", "occurred_at": "1899-01-01T10:00"}, "before the year 2000"),
        ({"kind": "patient_note", "body": "x", "occurred_at": "yesterday"}, "isn&#x27;t a date and time"),
        ({"kind": "verification_note", "body": "x", "verified_on": "soon"}, "isn&#x27;t a date"),
        ({"kind": "account_statement"}, "The file is empty"),
        ({"kind": "gossip", "body": "x"}, "no such kind of activity"),
    ],
)
def test_what_is_wrong_is_said_at_the_field_and_what_was_typed_stays(
    day: Day, desk: Client, sent: dict[str, str], sentence: str
) -> None:
    answer = write(desk, **sent)
    assert answer.status_code == 422
    assert sentence in answer.content.decode()
    assert not Activity.objects.exists()
    if sent.get("body") == "x":
        assert ">x</textarea>" in answer.content.decode()


def test_the_time_that_is_entered_is_the_practices(day: Day, desk: Client) -> None:
    local = day.now_local - timedelta(hours=3)
    write(desk, kind="patient_note", body="x", occurred_at=local.strftime("%Y-%m-%dT%H:%M"))
    age = timezone.now() - Activity.objects.get().occurred_at
    assert timedelta(hours=3) <= age < timedelta(hours=3, minutes=2)


def test_a_pdf_is_kept_and_opened_again_as_a_download(day: Day, desk: Client) -> None:
    answer = write(desk, kind="account_statement", file=SimpleUploadedFile("Nov.pdf", PDF, "application/pdf"))
    assert answer.status_code == 200, answer.content.decode()
    made = Activity.objects.get()
    opened = desk.get(f"/patients/11/files/{made.pk}/")
    assert opened.content == PDF
    assert opened["Content-Disposition"] == 'attachment; filename="Nov.pdf"'
    assert "sandbox" in opened["Content-Security-Policy"]
    assert opened["X-Content-Type-Options"] == "nosniff"
    assert desk.get(f"/patients/12/files/{made.pk}/").status_code == 404


def test_what_is_no_pdf_is_turned_down(day: Day, desk: Client) -> None:
    answer = write(desk, kind="account_statement", file=SimpleUploadedFile("x.pdf", b"MZ" * 50))
    assert answer.status_code == 422
    assert "isn&#x27;t a PDF" in answer.content.decode()


@pytest.mark.parametrize("size", [12 * 1024 * 1024 + 1, 25_000_000])
def test_a_pdf_that_is_too_large_is_told_so_however_large_it_is(size: int) -> None:
    """Also where it is so large that the server kept only the beginning of it."""
    request: Any = form_of(size)
    request.practice = SimpleNamespace(time_zone="America/New_York")
    request.user = SimpleNamespace(get_full_name=lambda: "Mary", email="mary@example.com")
    with pytest.raises(BadActivity, match="larger than 12 MB"):
        check_pdf(compose._new(request, "11").file_content)


def test_read_only_sees_no_form_and_writes_nothing(day: Day, sign_in: SignIn) -> None:
    client = sign_in(Role.READ_ONLY)
    assert "<textarea" not in client.get("/patients/11/").content.decode()
    assert write(client, kind="patient_note", body="x").status_code == 403


def test_documents_of_ticked_types_are_listed_and_opened(day: Day, desk: Client, pms_files: Files) -> None:
    a_document(day, "d1", "11", "Statement September")
    a_document(day, "d2", "11", "Not for us", type_key="999")
    pms_files.held = {"doc:d1": PDF, "doc:d2": PDF}
    html = desk.get("/patients/11/").content.decode()
    assert "Statement September" in html
    assert "Not for us" not in html
    opened = desk.get("/patients/11/documents/d1/")
    assert opened.content == PDF
    assert opened["Content-Type"] == "application/pdf"
    assert desk.get("/patients/11/documents/d2/").status_code == 404
    assert desk.get("/patients/12/documents/d1/").status_code == 404
    assert AuditEntry.objects.filter(what="document.opened", patient_key="11").count() == 1


def test_a_document_that_can_not_be_opened_says_why(day: Day, desk: Client, pms_files: Files) -> None:
    a_document(day, "d1", "11", "Statement")
    answer = desk.get("/patients/11/documents/d1/")
    assert answer.status_code == 502
    assert "The image folder of Open Dental can&#x27;t be reached." in answer.content.decode()


def test_a_document_that_pretends_is_never_run(day: Day, desk: Client, pms_files: Files) -> None:
    a_document(day, "d1", "11", "evil.html")
    pms_files.held = {"doc:d1": b"<script>alert(1)</script>"}
    opened = desk.get("/patients/11/documents/d1/")
    assert opened["Content-Type"] == "application/octet-stream"
    assert opened["Content-Disposition"].startswith("attachment")


def test_photos_replace_initials_where_the_practice_shows_them(
    day: Day, desk: Client, pms_files: Files
) -> None:
    MirrorPatient.objects.filter(key="11").update(photo_key="p1", photo_version="v1", photo_ref="photo:p1")
    pms_files.held = {"photo:p1": PNG}
    assert "/patients/11/photo/?v=v1" in desk.get("/patients/11/").content.decode()
    assert "/patients/11/photo/?v=v1" in desk.get("/flow/").content.decode()
    for _ in range(3):
        answer = desk.get("/patients/11/photo/")
        assert (answer.content, answer["Content-Type"]) == (PNG, "image/png")
    assert pms_files.opened == ["photo:p1"]
    Connection.objects.update(show_photos=False)
    assert "/photo/" not in desk.get("/patients/11/").content.decode()
    assert "/photo/" not in desk.get("/flow/").content.decode()
    assert desk.get("/patients/11/photo/").status_code == 404


def test_a_photo_that_is_no_picture_is_not_sent(day: Day, desk: Client, pms_files: Files) -> None:
    MirrorPatient.objects.filter(key="11").update(photo_key="p1", photo_version="v1", photo_ref="photo:p1")
    pms_files.held = {"photo:p1": b"<svg onload=alert(1)>"}
    assert desk.get("/patients/11/photo/").status_code == 404


def write(client: Client, **sent: object):  # type: ignore[no-untyped-def]
    return client.post("/patients/11/write/", sent)


def _other() -> int:
    from chartbridge.store.models import Practice

    return Practice.objects.create(name="Oak Dental").pk
