"""The rig: what a connector's author supplies so that the suite can be run — a practice and knobs to turn.

Must not be in it: how any one PMS does it, assertions.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

from chartbridge.domain.charts import LookupKind
from chartbridge.domain.clock import Clock
from chartbridge.pms.commands import Command, CommandKind
from chartbridge.pms.connector import Connector
from chartbridge.pms.reading import Stream


@dataclass(frozen=True, kw_only=True, slots=True)
class Truth:
    """A record that the practice's own tables hold, whatever the connector says."""

    record: str
    patient_key: str
    text: str

    def __repr__(self) -> str:
        return f"Truth({self.record})"


class Rig(Protocol):
    """A practice with knobs. Every test gets a fresh one.

    `canaries` are names, phones and addresses that stand in the practice and may appear in no message, repr,
    cursor or log. `reads_line` says whether reading goes over the line that the knobs cut.
    """

    canaries: Sequence[str]
    clock: Clock
    reads_line: bool

    def connect(self) -> Connector:
        """Make a fresh connector, as a restarted hub would."""
        ...

    # what is in the practice
    def present(self, stream: Stream) -> set[str]:
        """Keys of everything in scope of a stream."""
        ...

    def sees_all(self, stream: Stream) -> bool:
        """Whether a first read can say that it has seen everything there is."""
        ...

    def truth(self, marker: str) -> list[Truth]:
        """Every record that carries a marker."""
        ...

    def status_of(self, appointment_key: str) -> str:
        """An appointment's present status key."""
        ...

    def statuses(self) -> list[str]:
        """At least four status keys that may be set."""
        ...

    def writes_received(self) -> int:
        """How many writing requests have reached the PMS."""
        ...

    # what people do there
    def book(self) -> str:
        """Book a visit of today."""
        ...

    def move(self, appointment_key: str) -> None:
        """Move a visit to another time of today."""
        ...

    def set_status(self, appointment_key: str, status_key: str) -> None:
        """Set a visit's status as the front desk does."""
        ...

    def delete(self, appointment_key: str) -> None:
        """Delete a visit."""
        ...

    def lose_visits(self) -> None:
        """Empty the table of visits, without any trace."""
        ...

    def add_patient(self) -> str:
        """Add a patient (with a canary for a name)."""
        ...

    def edit_patient(self, patient_key: str) -> str:
        """Give a patient another e-mail address and return it."""
        ...

    def add_picture(self, patient_key: str) -> None:
        """Give a patient of today a (new) picture."""
        ...

    def add_paper(self, patient_key: str) -> str:
        """Add a document to a patient of today and return its key."""
        ...

    def delete_paper(self, document_key: str) -> None:
        """Delete a document."""
        ...

    def hide_provider(self) -> str:
        """Make a provider inactive and return the key."""
        ...

    def patient_of_today(self) -> str:
        """A patient with a visit today."""
        ...

    def copy_record(self, record: str) -> str:
        """Make a second one of a record, as a resend or a person may, and return what it is called."""
        ...

    def misfile(self, record: str) -> str:
        """Put a record under another patient and return whose."""
        ...

    def rewrite(self, record: str, text: str) -> None:
        """Change a record's text (a document's name)."""
        ...

    def meanwhile(self, answer: int, action: Callable[[], None]) -> None:
        """Do something after the PMS has given so many more answers, before the last of them arrives."""
        ...

    def now(self) -> None:
        """Do it now, if it has not been done yet."""
        ...

    # what goes wrong
    def unknown_status(self, appointment_key: str) -> str:
        """Give a visit a status that no list has; return its raw key."""
        ...

    def unknown_state(self, appointment_key: str) -> str:
        """Give a visit a state outside of the PMS's own list; return the raw value."""
        ...

    def corrupt(self, appointment_key: str) -> None:
        """Fill a visit's row with what can't be."""
        ...

    def cut_before_write(self) -> None:
        """Cut the line at the next write, before anything is written."""
        ...

    def cut_after_write(self) -> None:
        """Cut the line at the next write, after it was written."""
        ...

    def go_offline(self) -> None:
        """Be unreachable, for reading and for writing."""
        ...

    def come_back(self) -> None:
        """Be reachable again."""
        ...

    def refuse(self) -> None:
        """Refuse the next write."""
        ...

    def expire_sign_in(self) -> None:
        """Stop accepting the sign-in by which is written."""
        ...

    def be_busy(self) -> None:
        """Say that it must be left alone (an update)."""
        ...

    def throttle(self) -> None:
        """Answer the next write by asking to wait."""
        ...

    def repeat_hour(self) -> None:
        """Let the practice's clock go back an hour, as at the end of daylight saving time."""
        ...

    # commands that this practice would take
    def command(self, kind: CommandKind, marker: str, *, text: str = "") -> Command:
        """A command of a kind for a patient of today, with a marker."""
        ...

    def aside(self, command: Command) -> Command:
        """The same command for another patient."""
        ...

    def lookups_expected(self) -> set[LookupKind]:
        """Lists that are not empty in this practice."""
        ...
