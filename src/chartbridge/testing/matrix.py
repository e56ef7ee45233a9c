"""The committed matrix of what each PMS can do, made from the manifests: `python -m chartbridge.testing.matrix`.

A capability that is withdrawn is a visible change of that page. Must not be in it: anything not in a manifest.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Sequence
from pathlib import Path

from chartbridge.bootstrap import make_registry
from chartbridge.pms.commands import CommandKind
from chartbridge.pms.manifest import Manifest, Repeat, Retract
from chartbridge.pms.reading import Stream

WHERE = Path("docs/connectors/matrix.md")
STREAM_WORDS = {
    Stream.APPOINTMENT_STATUS: "Appointment status",
    Stream.APPOINTMENTS: "Appointments",
    Stream.PATIENTS: "Patients",
    Stream.PHOTOS: "Photos",
    Stream.DOCUMENTS: "Documents",
    Stream.LOOKUPS: "Lists (providers, note types …)",
}
COMMAND_WORDS = {
    CommandKind.ADD_NOTE: "Add a note",
    CommandKind.ADD_DOCUMENT: "Add a document",
    CommandKind.SET_APPOINTMENT_STATUS: "Set an appointment's status",
    CommandKind.MARK_INSURANCE_VERIFIED: "Mark insurance as verified",
}

REPEAT_WORDS = {
    Repeat.SAFE: "may be repeated",
    Repeat.LOOK_FIRST: "looked for before it is repeated",
    Repeat.NEVER: "never repeated",
}

RETRACT_WORDS = {
    Retract.CORRECT: "undone by a correction note",
    Retract.SET_BACK: "undone by setting it back",
    Retract.NEVER: "can't be undone",
}


def matrix(manifests: Iterable[Manifest]) -> str:
    """The whole page."""
    listed = sorted(manifests, key=lambda each: each.label)
    lines = [
        "# What each PMS can do",
        "",
        "Made from the connectors' manifests by `python -m chartbridge.testing.matrix`; a test keeps it current.",
        "How to add one: [ADDING_A_CONNECTOR.md](../../ADDING_A_CONNECTOR.md).",
        "",
        "## Reading",
        "",
    ]
    lines += _rows(
        listed, [(word, [_stream(m, stream) for m in listed]) for stream, word in STREAM_WORDS.items()]
    )
    lines += ["", "## Writing", ""]
    lines += _rows(
        listed, [(word, [_command(m, kind) for m in listed]) for kind, word in COMMAND_WORDS.items()]
    )
    lines += ["", "## Finding again", ""]
    lines += _rows(
        listed, [(word, [_search(m, kind) for m in listed]) for kind, word in COMMAND_WORDS.items()]
    )
    for each in listed:
        lines += _about(each)
    return "\n".join(lines) + "\n"


def _rows(listed: Sequence[Manifest], rows: list[tuple[str, list[str]]]) -> list[str]:
    head = ["", *(each.label for each in listed)]
    return [
        "| " + " | ".join(head) + " |",
        "|" + " --- |" * len(head),
        *("| " + " | ".join([word, *cells]) + " |" for word, cells in rows),
    ]


def _stream(manifest: Manifest, stream: Stream) -> str:
    claim = manifest.streams.get(stream)
    if claim is None:
        return "no"
    return f"every {claim.default_interval} s, changes by {claim.changes}, deletions by {claim.deletions}"


def _command(manifest: Manifest, kind: CommandKind) -> str:
    claim = manifest.commands.get(kind)
    if claim is None:
        return "no"
    parts = [f"from {claim.since}" if claim.since else "yes"]
    if claim.permission:
        parts.append(f"permission {claim.permission}")
    parts += [REPEAT_WORDS[claim.repeat], RETRACT_WORDS[claim.retract]]
    return ", ".join(parts)


def _search(manifest: Manifest, kind: CommandKind) -> str:
    if kind in manifest.search.commands:
        return "in its place, a second time, under another patient"
    return "in its place" if kind in manifest.commands else "no"


def _about(manifest: Manifest) -> list[str]:
    lines = ["", f"## {manifest.label}", ""]
    if manifest.cannot:
        lines += ["What it can't do:", "", *(f"- {sentence}" for sentence in manifest.cannot.values()), ""]
    notes = [(STREAM_WORDS[c.stream], c.note) for c in manifest.streams.values() if c.note]
    notes += [(COMMAND_WORDS[c.kind], c.note) for c in manifest.commands.values() if c.note]
    notes += [("Finding again", manifest.search.note)] if manifest.search.note else []
    if notes:
        lines += ["Notes:", "", *(f"- {word}: {note}" for word, note in notes), ""]
    lines += ["Run against:", "", *(f"- {each}" for each in manifest.proof.run_against or ("Nothing yet.",))]
    lines += ["", "Not run against:", "", *(f"- {each}" for each in manifest.proof.not_run_against)]
    return lines


def main(arguments: Sequence[str]) -> int:
    """Write the page; with `--check` only say whether it is current."""
    page = matrix(make_registry().manifests.values())
    if "--check" in arguments:
        return 0 if WHERE.exists() and WHERE.read_text(encoding="utf-8") == page else 1
    WHERE.parent.mkdir(parents=True, exist_ok=True)
    WHERE.write_text(page, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
