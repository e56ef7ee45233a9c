"""Numbers as they come in addresses and forms: anything may stand there, and nothing of it may be a fault of ours.

Must not be in it: what a number means.
"""

from __future__ import annotations


def number_of(text: str) -> int | None:
    """Return a row's number, or None for what can be none: other digits, or more than a table holds."""
    return int(text) if text.isascii() and text.isdecimal() and len(text) < 19 else None


def page_of(text: str) -> int:
    """Return a page's number from 1 on: the first for what is none, one far beyond the last for more than there are."""
    if not (text.isascii() and text.isdecimal()):
        return 1
    return max(1, int(text)) if len(text) < 10 else 10**9
