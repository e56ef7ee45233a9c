"""What is turned down, and in which words."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta, timezone

import pytest

from chartbridge.domain.activities import ActivityKind
from chartbridge.domain.content import PIECE, Content
from chartbridge.intake import pdf
from chartbridge.intake.checking import Checked, check
from chartbridge.intake.new import BadActivity, NewActivity
from tests.intake.conftest import NOW
from tests.intake.papers import PDF


def checked(**told: object) -> Checked:
    whole: dict[str, object] = {
        "kind": "outgoing_text",
        "patient_key": "1042",
        "body": "See you at 3.",
        **told,
    }
    return check(1, NewActivity(**whole), now=NOW)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("told", "field", "words"),
    [
        ({"kind": "fax"}, "kind", "no such kind"),
        ({"patient_key": ""}, "patient_key", "Say whose this is"),
        ({"patient_key": "10-42"}, "patient_key", "digits only"),
        ({"patient_key": "9" * 21}, "patient_key", "at most 20"),
        ({"patient_key": "١٢"}, "patient_key", "digits only"),
        ({"body": ""}, "body", "no text"),
        ({"body": " \n\x00 "}, "body", "no text"),
        ({"body": "<b></b>", "is_html": True}, "body", "no text"),
        ({"body": "<p>&nbsp;&#8203;</p><img src=x><script>x</script>", "is_html": True}, "body", "no text"),
        ({"body": "x" * 200_001}, "body", "200,000"),
        ({"subject": "x" * 501}, "subject", "500"),
        ({"author": "x" * 201}, "author", "200"),
        ({"occurred_at": datetime(1899, 12, 31, tzinfo=UTC)}, "occurred_at", "dated in 1899"),
        (
            {"occurred_at": datetime(1, 1, 1, tzinfo=timezone(timedelta(hours=14)))},
            "occurred_at",
            "dated in 1",
        ),
        ({"occurred_at": NOW + timedelta(days=365)}, "occurred_at", "future"),
        ({"occurred_at": NOW + timedelta(minutes=5, seconds=1)}, "occurred_at", "future"),
        (
            {"occurred_at": datetime.max.replace(tzinfo=timezone(-timedelta(hours=12)))},
            "occurred_at",
            "future",
        ),
        ({"occurred_at": NOW.replace(tzinfo=None)}, "occurred_at", "time zone"),
        ({"phone": "call me"}, "phone", "isn't a phone number"),
        ({"phone": "555-0123"}, "phone", "area code"),
        ({"phone": "12345"}, "phone", "isn't a phone number"),
        ({"phone": "2025550123 Zebediah"}, "phone", "isn't a phone number"),
        ({"phone": "9" * 400}, "phone", "isn't a phone number"),
        ({"email": "pat at example"}, "email", "isn't an e-mail"),
        ({"verified_on": date(2026, 11, 20)}, "verified_on", "Only an insurance verification"),
        (
            {"kind": "verification_note", "verified_on": date(2027, 11, 20)},
            "verified_on",
            "between the year 2000 and today",
        ),
        ({"file_content": Content.of(PDF)}, "file", "Leave it out"),
        ({"kind": "account_statement"}, "file", "empty"),
        (
            {"kind": "account_statement", "file_content": Content.of(b"PK\x03\x04 a word document")},
            "file",
            "isn't a PDF",
        ),
        (
            {"kind": "account_statement", "file_content": Content.of(PDF[:-20])},
            "file",
            "end of this PDF is missing",
        ),
        (
            {"kind": "account_statement", "file_content": Content.of(PDF + b" " * (12 * 1024 * 1024))},
            "file",
            "larger than 12 MB",
        ),
        (
            {
                "kind": "account_statement",
                "file_content": Content.of(PDF.replace(b"/Root", b"/Encrypt 9 0 R /Root")),
            },
            "file",
            "password",
        ),
        (
            {
                "kind": "account_statement",
                "file_content": Content.of(PDF.replace(b"/Pages ", b"/JavaScript 9 0 R /Pages ", 1)),
            },
            "file",
            "contains a program",
        ),
    ],
)
def test_what_is_wrong_is_said_by_field_and_in_a_sentence(
    told: dict[str, object], field: str, words: str
) -> None:
    with pytest.raises(BadActivity) as turned_down:
        checked(**told)
    assert turned_down.value.field == field
    assert words in turned_down.value.sentence
    assert turned_down.value.sentence.endswith(".")
    assert "Zebediah" not in turned_down.value.sentence


@pytest.mark.parametrize("text", ["a note of 100,000 " * 5_555, "😀 李 O'Brien\r\nline two", "<b>bold</b>"])
def test_long_and_odd_texts_are_kept_as_they_are(text: str) -> None:
    assert checked(body=text).activity.body == text


def test_nul_bytes_and_half_characters_are_cleaned_not_refused() -> None:
    row = checked(body="a\x00b\ud83d", subject="s\x00", author="\x00Dr. No").activity
    assert (row.body, row.subject, row.author) == ("ab\ufffd", "s", "Dr. No")


def test_a_time_is_kept_as_the_moment_that_it_was() -> None:
    eastern = timezone(-timedelta(hours=5))
    row = checked(occurred_at=datetime(2026, 11, 1, 1, 30, tzinfo=eastern)).activity
    assert row.occurred_at == datetime(2026, 11, 1, 6, 30, tzinfo=UTC)


def test_without_a_time_it_is_now_and_a_clock_five_minutes_fast_is_forgiven() -> None:
    assert checked().activity.occurred_at == NOW
    assert checked(occurred_at=NOW + timedelta(minutes=5)).activity.occurred_at == NOW + timedelta(minutes=5)


@pytest.mark.parametrize("written", ["(202) 555-0123", "202.555.0123", "+1 202 555 0123", "2025550123 x12"])
def test_a_phone_number_is_kept_in_one_form_however_it_is_written(written: str) -> None:
    assert checked(phone=written).activity.phone == "+12025550123"


@pytest.mark.parametrize("kind", ["incoming_call", "outgoing_call", "missed_call"])
def test_a_call_needs_no_words(kind: str) -> None:
    assert checked(kind=kind, body="").activity.body == ""


def test_transcripts_and_summaries_are_marked_as_written_by_ai() -> None:
    assert checked(kind="incoming_call_summary").activity.written_by_ai
    assert not checked(kind="patient_note").activity.written_by_ai


@pytest.mark.parametrize("kind", list(ActivityKind))
def test_every_kind_can_be_handed_in(kind: ActivityKind) -> None:
    file = (
        {"file_content": Content.of(PDF), "file_name": "..\\a/b\x00 statement.PDF"}
        if kind.is_document
        else {}
    )
    done = checked(kind=str(kind), **file)
    assert done.activity.kind == kind
    assert (done.file.name if done.file else None) == ("b statement.pdf" if kind.is_document else None)


@pytest.mark.parametrize("word", ["Encrypt", "JavaScript", "Launch"])
@pytest.mark.parametrize("before", range(len("/JavaScript") + 2))
def test_a_word_is_found_wherever_a_large_pdf_is_cut(word: str, before: int) -> None:
    """`before` bytes of it lie before the place at which the file is cut into pieces."""

    def paper(text: bytes) -> Content:
        begin = b"%PDF-1.7\n%"
        return Content.of(begin + b"x" * (PIECE - len(begin) - before) + text + b"x" * PIECE + b"\n%%EOF")

    with pytest.raises(BadActivity, match="locked" if word == "Encrypt" else "program"):
        checked(kind="account_statement", file_content=paper(f"/{word} ".encode()))
    checked(kind="account_statement", file_content=paper(f"/{word}er ".encode()))
    checked(kind="account_statement", file_content=paper(f"/{word[:-1]} ".encode()))


def test_a_word_is_found_at_the_very_end() -> None:
    content = Content.of(b"%PDF-1.7 %%EOF" + b" " * (PIECE - 20) + b"/Launch")
    assert pdf._words(content) == {b"Launch"}
