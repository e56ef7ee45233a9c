"""Whether a file is a PDF that may go into a chart. Cheap looks at bytes; nothing is opened or run.

Must not be in it: a PDF library, changing the file.
"""

from __future__ import annotations

import re

from chartbridge.intake.new import BadActivity

MOST_BYTES = 12 * 1024 * 1024
_RUNS_SOMETHING = re.compile(rb"/(?:JavaScript|Launch)\b")
_LOCKED = re.compile(rb"/Encrypt\b")


def check_pdf(content: bytes) -> None:
    """Raise `BadActivity("file", …)` unless `content` is a whole, unlocked, quiet PDF of at most 12 MB."""
    if not content:
        raise BadActivity("file", "The file is empty. Choose the PDF again.")
    if len(content) > MOST_BYTES:
        raise BadActivity(
            "file", "The PDF is larger than 12 MB. Save it in a smaller size and send it again."
        )
    if b"%PDF-" not in content[:1024]:
        raise BadActivity("file", "This file isn't a PDF. Save it as PDF and send it again.")
    if b"%%EOF" not in content[-2048:]:
        raise BadActivity("file", "The end of this PDF is missing. Make it again and send the whole file.")
    if _LOCKED.search(content):
        raise BadActivity(
            "file", "This PDF is locked with a password. Save it without one and send it again."
        )
    if _RUNS_SOMETHING.search(content):
        raise BadActivity(
            "file",
            "This PDF contains a program, which a chart must not. Print it to a new PDF and send that.",
        )


def clean_name(name: str) -> str:
    """Return a file name without folders and control characters that ends in .pdf."""
    last = re.split(r"[\\/]", name)[-1]
    kept = "".join(c for c in last if c.isprintable()).strip(" .") or "document"
    stem = kept[:-4] if kept.lower().endswith(".pdf") else kept
    return f"{stem[:200] or 'document'}.pdf"
