"""How talking to a PMS may fail: a closed list, each named by what happens next.

    PmsError
    ├── Misconfigured      a setting is wrong            → park, name the setting
    ├── Unauthorised       may not                       → park, pause that ability, say who must act
    ├── Unavailable        provably not taken            → retry with backoff, for as long as it takes
    ├── Uncertain          may have been taken           → look first; then adopt or send again
    ├── Refused            the PMS says no to this one   → park, show the PMS's reason
    ├── Conflict           the record moved meanwhile    → re-read, show both
    └── Unreadable         we do not understand          → park, keep redacted evidence

Anything else that escapes a connector is our fault and parks as internal.

`safe_message` is for people: what happened and what to do, never a patient's name, number or text, never
the vendor's raw answer. It is all that is ever shown, stored or logged of an error.
"""

from __future__ import annotations


class PmsError(Exception):
    """Base of everything that a connector may raise."""

    def __init__(self, safe_message: str) -> None:
        super().__init__(safe_message)
        self.safe_message = safe_message


class Misconfigured(PmsError):
    """A setting is wrong. `setting` is the name of the setting, or of a lookup such as `provider`."""

    def __init__(self, safe_message: str, *, setting: str) -> None:
        super().__init__(safe_message)
        self.setting = setting


class Unauthorised(PmsError):
    """The PMS or its vendor does not let us. `ability` names what is paused: a stream, a command, or `all`.

    `until_asked`: a write is sent again only once a person or a saved setting asks for it; else now and then by itself.
    """

    def __init__(self, safe_message: str, *, ability: str = "all", until_asked: bool = False) -> None:
        super().__init__(safe_message)
        self.ability, self.until_asked = ability, until_asked


class Unavailable(PmsError):
    """Provably not taken: nothing of the request can have had an effect. `retry_after` is in seconds."""

    def __init__(self, safe_message: str, *, retry_after: float | None = None) -> None:
        super().__init__(safe_message)
        self.retry_after = retry_after


class Uncertain(PmsError):
    """The request may or may not have been taken: look before sending again."""


class Refused(PmsError):
    """The PMS says no to this one request. `reason` is the PMS's own reason, cleaned of patients' data."""

    def __init__(self, safe_message: str, *, reason: str = "") -> None:
        super().__init__(safe_message)
        self.reason = reason


class Conflict(PmsError):
    """The record is no longer what it was when the wish was made. `current` is its present status key.

    Of a verification: a later one stands, and `current` is its day; also raised by a look where that may have taken the
    place of the one that is looked for.
    """

    def __init__(self, safe_message: str, *, current: str) -> None:
        super().__init__(safe_message)
        self.current = current


class Unreadable(PmsError):
    """An answer that we do not understand. `evidence` names the place (table, column, path), never a value."""

    def __init__(self, safe_message: str, *, evidence: str = "") -> None:
        super().__init__(safe_message)
        self.evidence = evidence
