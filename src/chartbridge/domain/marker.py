"""The marker: a short reference at the end of a written note by which it is found again.

Crockford's base 32 without I, L, O and U: it can be read aloud over the phone and is no word.
Eight characters are 40 bits; a marker is only ever looked for within one patient's notes of some days.
Must not be in it: where the marker is stored or looked for.
"""

from __future__ import annotations

import hmac
import re
import secrets

ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
PREFIX = "CB-"
LENGTH = 8
_MARKER = re.compile(rf"{PREFIX}[{ALPHABET}]{{{LENGTH}}}(?![0-9A-Z])")


def new_marker() -> str:
    """Return a fresh marker such as `CB-7K2QM9XD`."""
    return PREFIX + "".join(secrets.choice(ALPHABET) for _ in range(LENGTH))


def derived_marker(seed: bytes, what: str) -> str:
    """Return the marker of one writeback of an activity: the same each time, for the same `seed` and `what`.

    `seed` is secret and the activity's own; it tells nothing of the marker to who has not both.
    """
    digits = int.from_bytes(hmac.digest(seed, what.encode(), "sha256"))
    return PREFIX + "".join(ALPHABET[digits >> 5 * at & 31] for at in range(LENGTH))


def markers_in(text: str) -> list[str]:
    """Return every marker that stands in `text`, in order."""
    return _MARKER.findall(text)
