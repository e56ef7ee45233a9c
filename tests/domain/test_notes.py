from __future__ import annotations

from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chartbridge.domain.activities import ActivityKind
from chartbridge.domain.marker import ALPHABET, PREFIX, derived_marker, markers_in, new_marker
from chartbridge.domain.notes import (
    MOST_PARTS,
    Story,
    TooLong,
    compose,
    document_name,
    head_line,
    phone_as_said,
    split,
)


def marker(part: int) -> str:
    return f"CB-0000000{part % 10}"


def test_a_note_tells_head_author_text_and_marker_last() -> None:
    story = Story(kind=ActivityKind.OUTGOING_TEXT, phone="+15365550101", body="See you", author="Mary")
    assert compose(story, limit=0, charset="bmp", marker_of_part=marker) == [
        "Text message sent to (536) 555-0101\nBy Mary\nSee you\nCB-00000001"
    ]


@pytest.mark.parametrize(
    ("story", "head"),
    [
        (Story(kind=ActivityKind.MISSED_CALL), "Incoming call, missed"),
        (
            Story(kind=ActivityKind.MISSED_CALL, phone="5365550101"),
            "Incoming call from (536) 555-0101, missed",
        ),
        (Story(kind=ActivityKind.INCOMING_TEXT, phone="12345"), "Text message received from 12345"),
        (
            Story(kind=ActivityKind.OUTGOING_EMAIL, email="a@b.org", subject="Plan"),
            "E-mail sent to a@b.org: Plan",
        ),
        (Story(kind=ActivityKind.PATIENT_NOTE, phone="5365550101"), "Note"),
        (Story(kind=ActivityKind.TASK_NOTE, subject="Lab"), "Task note: Lab"),
        (
            Story(kind=ActivityKind.VERIFICATION_NOTE, verified_on=date(2026, 11, 3)),
            "Insurance verification, verified on 2026-11-03",
        ),
    ],
)
def test_the_head_line_says_what_happened(story: Story, head: str) -> None:
    assert head_line(story) == head


def test_each_kind_has_a_head_line() -> None:
    assert all(head_line(Story(kind=kind)) for kind in ActivityKind)


@pytest.mark.parametrize("given_ai", [True, False])
def test_text_by_ai_is_labelled(given_ai: bool) -> None:
    story = Story(kind=ActivityKind.INCOMING_CALL_SUMMARY, body="x", written_by_ai=given_ai)
    assert "\nWritten by AI\n" in compose(story, limit=0, charset="bmp", marker_of_part=marker)[0]


def test_a_long_text_is_split_at_words_and_every_part_has_its_own_marker() -> None:
    words = [f"word{n}" for n in range(300)]
    story = Story(kind=ActivityKind.PATIENT_NOTE, body=" ".join(words), author="Mary")
    notes = compose(story, limit=400, charset="bmp", marker_of_part=marker)
    assert [note.splitlines()[0] for note in notes] == [
        f"Note ({n}/{len(notes)})" for n in range(1, len(notes) + 1)
    ]
    assert all(len(note) <= 400 and markers_in(note) == [marker(n)] for n, note in enumerate(notes, 1))
    told = " ".join(" ".join(note.splitlines()[2:-1]) for note in notes)
    assert told.split() == words


def test_a_hundred_thousand_characters_are_split_or_refused() -> None:
    story = Story(kind=ActivityKind.PATIENT_NOTE, body="x" * 100_000)
    assert len(compose(story, limit=20_000, charset="bmp", marker_of_part=marker)) == 6
    with pytest.raises(TooLong) as refused:
        compose(story, limit=1_000, charset="bmp", marker_of_part=marker)
    assert refused.value.parts > MOST_PARTS


@given(st.text(max_size=600), st.integers(30, 200))
def test_parts_hold_everything_and_never_exceed_the_room(text: str, room: int) -> None:
    pieces = split(text, room)
    assert all(len(piece) + piece.count("\n") <= room for piece in pieces)
    assert "".join("".join(pieces).split()) == "".join(text.split())


def test_a_marker_quoted_in_a_text_does_not_count() -> None:
    story = Story(
        kind=ActivityKind.PATIENT_NOTE, subject="CB-7K2QM9XD", body="re CB-7K2QM9XD", author="CB-7K2QM9XD"
    )
    assert markers_in(compose(story, limit=0, charset="bmp", marker_of_part=marker)[0]) == [marker(1)]


def test_a_subject_and_an_author_stay_on_one_line() -> None:
    story = Story(kind=ActivityKind.OUTGOING_EMAIL, subject="a\nb", author="x\r\ny", body="c")
    assert compose(story, limit=0, charset="bmp", marker_of_part=marker)[0].splitlines()[:2] == [
        "E-mail sent: a b",
        "By x y",
    ]


def test_phones_that_are_no_phones_stay_as_they_are() -> None:
    assert phone_as_said("not a phone") == "not a phone"
    assert phone_as_said("+44 20 7946 0958") == "+44 20 7946 0958"
    assert phone_as_said("536.555.0101") == "(536) 555-0101"


def test_a_document_is_named_by_kind_day_and_marker() -> None:
    assert document_name(ActivityKind.ACCOUNT_STATEMENT, date(2026, 11, 3), marker(1)) == (
        "Account Statement 2026-11-03 CB-00000001"
    )


def test_a_name_that_a_pms_would_cut_loses_words_and_never_the_marker() -> None:
    name = document_name(ActivityKind.INSURANCE_VERIFICATION, date(2026, 11, 3), marker(1), limit=40)
    assert name == "Insurance 2026-11-03 CB-00000001"
    for kind in (kind for kind in ActivityKind if kind.is_document):
        assert len(document_name(kind, date(2026, 11, 3), marker(1), limit=40)) <= 40


def test_markers_are_found_again() -> None:
    made = {new_marker() for _ in range(1000)}
    assert len(made) == 1000
    assert set(markers_in(" ".join(made))) == made


def test_a_derived_marker_is_the_same_each_time_and_looks_like_any_other() -> None:
    seeds, parts = [bytes([n]) * 32 for n in range(50)], [f"add_note {n}" for n in range(20)]
    made = [derived_marker(seed, part) for seed in seeds for part in parts]
    assert made == [derived_marker(seed, part) for seed in seeds for part in parts]
    assert len(set(made)) == 1000
    assert markers_in(" ".join(made)) == made
    assert {letter for marker in made for letter in marker.removeprefix(PREFIX)} == set(ALPHABET)
    assert derived_marker(bytes(32), "add_note 1") == "CB-KQWRFRKA", (
        "what is in charts already must be found again"
    )
