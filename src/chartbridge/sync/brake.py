"""The brake: when the PMS looks like another one or like a restored backup, stop, say so, and ask.

Nothing is read or removed until a person says that the PMS is right as it is. Computes only; `sync.checks`
holds the connection. Must not be in it: anything that removes.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from chartbridge.pms.reading import PmsIdentity

CODE = "brake"
BUSY = "busy"
_CLOCK_MAY_SLIP = timedelta(minutes=2)
_FEW = 20
_SHARE = 0.2
_PRESS = "If this is right, press “It is right, go on” on the Health page: everything is then read anew."


class Braked(Exception):
    """The world looks wrong. `sentence` is for people; `restored` where it looks like a restored backup."""

    def __init__(self, sentence: str, *, restored: bool = False) -> None:
        super().__init__(sentence)
        self.sentence = sentence
        self.restored = restored


def went_back() -> Braked:
    """The brake for numbers that only grow and have fallen."""
    return Braked(
        "The PMS's own numbering went backwards, as it does when a backup was restored. Reading and "
        f"writing have stopped so that nothing gets lost or written twice. {_PRESS}",
        restored=True,
    )


def lost_what_was_written(count: int) -> Braked:
    """The brake for writes that were in the chart and of which none of so many in a row is there any more."""
    return Braked(
        f"{count} entries in a row that Chartbridge wrote and saw in the chart are no longer there, as it is when a "
        f"backup was restored. Reading and writing have stopped so that nothing gets lost. {_PRESS}",
        restored=True,
    )


def too_many(going: int, living: int) -> bool:
    """Whether so many removals at once are not plausible."""
    return going > max(_FEW, int(_SHARE * living))


def mass_removal(what: str, going: int, living: int) -> Braked:
    """The brake for a list that is suddenly (nearly) empty."""
    return Braked(
        f"{going} of {living} {what} are suddenly missing in the PMS. Nothing was removed here, and reading and "
        f"writing have stopped. Look whether the PMS shows them. {_PRESS}"
    )


def look_at(known: Mapping[str, Any], highest: Mapping[str, int], now_is: PmsIdentity) -> None:
    """Compare who answers now with who answered before. Raises `Braked`."""
    was = known.get("practice_name", "")
    if was and now_is.practice_name and was != now_is.practice_name:
        raise Braked(
            f"The PMS now says that it is “{now_is.practice_name}”; before, it was “{was}”. Reading and writing "
            f"have stopped so that nothing gets into the wrong practice's charts. {_PRESS}"
        )
    vendor = known.get("vendor", "")
    if vendor and vendor != now_is.vendor:
        raise Braked(
            f"Another PMS answers than before: {now_is.vendor} instead of {vendor}. Reading and writing have "
            f"stopped. Look at the PMS Connection page. {_PRESS}"
        )
    for name, before in highest.items():
        if now_is.highest.get(name, before) < before:
            raise went_back()
    if _clock_went_back(known, now_is):
        raise Braked(
            "The clock of the PMS's server went backwards by more than two minutes. Reading and writing have "
            f"stopped, because changes could be missed. Set the server's clock right. {_PRESS}",
            restored=True,
        )


def _clock_went_back(known: Mapping[str, Any], now_is: PmsIdentity) -> bool:
    """Where its zone is reckoned from the hub's clock, what it shows must have gone back, too: at the end of summer
    time only that does, and where the hub's own clock was set right only the other."""
    moments = [("server_now", now_is.server_now), ("server_local", now_is.server_local)]
    both = [(known.get(name), shown) for name, shown in moments]
    compared = [(datetime.fromisoformat(seen), shown) for seen, shown in both if seen and shown]
    return (
        now_is.has_clock
        and bool(compared)
        and all(shown < seen - _CLOCK_MAY_SLIP for seen, shown in compared)
    )


def as_known(identity: PmsIdentity) -> dict[str, Any]:
    """Return what is kept of an identity, for the next comparison and for the pages."""
    return {
        "vendor": identity.vendor,
        "edition": identity.edition,
        "version": identity.version,
        "practice_name": identity.practice_name,
        "server_now": identity.server_now.isoformat(),
        "server_local": identity.server_local.isoformat() if identity.server_local else "",
        "zone": identity.zone,
    }
