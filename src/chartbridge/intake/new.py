"""What comes in from the world, before it is an activity; and how it may be turned down.

Must not be in it: checks (`checking`), keeping (`accept`).
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from typing import IO

from chartbridge.domain.content import NOTHING, Content


class BadActivity(Exception):
    """Turned down, nothing kept. `field` is the field's name, `sentence` says what is wrong and what to do."""

    def __init__(self, field: str, sentence: str) -> None:
        super().__init__(sentence)
        self.field = field
        self.sentence = sentence


class KeyReused(Exception):
    """The idempotency key was used before for something else."""

    def __init__(self, sentence: str) -> None:
        super().__init__(sentence)
        self.sentence = sentence


@dataclass(frozen=True, kw_only=True, slots=True)
class NewActivity:
    """Something that happened with a patient, as told by a program or a person.

    Whose it is: `patient_key` (the PMS's number), or else `phone` or `email` to be matched. With a
    `patient_key`, `phone` and `email` only say over which number or address it went. `occurred_at` is aware;
    None means now. `file_content` is a PDF, for the two document kinds only. `verified_on` is for insurance.
    """

    kind: str
    patient_key: str = ""
    occurred_at: datetime | None = None
    subject: str = ""
    body: str = ""
    is_html: bool = False
    phone: str = ""
    email: str = ""
    author: str = ""
    written_by_ai: bool = False
    verified_on: date | None = None
    file_name: str = ""
    file_content: Content = NOTHING

    def __repr__(self) -> str:
        return f"NewActivity(kind={self.kind!r})"


def sent_file(file: IO[bytes], size: int) -> Content:
    """Return the content of a file that came with a request; of use for as long as that is open."""

    def read(at: int, most: int) -> bytes:
        file.seek(at)
        return file.read(most)

    return Content.by(read, size=size)
