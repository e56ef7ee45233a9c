"""Whether a file is a PDF that may go into a chart. Cheap looks at bytes; nothing is opened or run.

Must not be in it: a PDF library, changing the file.
"""

from __future__ import annotations

import re
from itertools import chain

from chartbridge.domain.content import Content
from chartbridge.intake.new import BadActivity

MOST_BYTES = 12 * 1024 * 1024
_BAD_WORDS = re.compile(rb"/(Encrypt|JavaScript|Launch)\b")
_LONGEST = len(b"/JavaScript") + 1
"""With what follows: whether the word ends there."""


def check_pdf(content: Content) -> None:
    """Raise `BadActivity("file", …)` unless `content` is a whole, unlocked, quiet PDF of at most 12 MB."""
    if not content:
        raise BadActivity("file", "The file is empty. Choose the PDF again.")
    if len(content) > MOST_BYTES:
        raise too_large()
    if b"%PDF-" not in content.read(0, 1024):
        raise BadActivity("file", "This file isn't a PDF. Save it as PDF and send it again.")
    if b"%%EOF" not in content.read(max(len(content) - 2048, 0), 2048):
        raise BadActivity("file", "The end of this PDF is missing. Make it again and send the whole file.")
    words = _words(content)
    if b"Encrypt" in words:
        raise BadActivity(
            "file", "This PDF is locked with a password. Save it without one and send it again."
        )
    if words:
        raise BadActivity(
            "file",
            "This PDF contains a program, which a chart must not. Print it to a new PDF and send that.",
        )


def too_large() -> BadActivity:
    """Return what is said of one that is larger."""
    return BadActivity("file", "The PDF is larger than 12 MB. Save it in a smaller size and send it again.")


def _words(content: Content) -> set[bytes]:
    """Which of the words are in it that mustn't be. Each piece is looked through with the beginning of the next."""
    found: set[bytes] = set()
    before = b""
    for piece in chain(content.pieces(), [b""]):
        window = before + piece
        begins = len(window) - _LONGEST if piece else len(window)
        found |= {word[1] for word in _BAD_WORDS.finditer(window) if word.start() < begins}
        before = window[max(begins, 0) :]
    return found


def clean_name(name: str) -> str:
    """Return a file name without folders and control characters that ends in .pdf."""
    last = re.split(r"[\\/]", name)[-1]
    kept = "".join(c for c in last if c.isprintable()).strip(" .") or "document"
    stem = kept[:-4] if kept.lower().endswith(".pdf") else kept
    return f"{stem[:200] or 'document'}.pdf"
