"""Speaking to Open Dental's API in its own words: addresses, header, pages, what a status code means.

It knows no patient and no meaning: objects go in and out as the API has them.
Must not be in it: retrying, translating (codec), which call is made when.
"""

from __future__ import annotations

import re
import threading
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from chartbridge.connectors.open_dental.codec import BadValue, Texts, moment, texts
from chartbridge.connectors.open_dental.settings import ApiAccess
from chartbridge.connectors.open_dental.words import PERMISSIONS, READING, UPDATING
from chartbridge.domain.clock import Clock
from chartbridge.pms.errors import (
    Misconfigured,
    PmsError,
    Refused,
    Unauthorised,
    Unavailable,
    Uncertain,
    Unreadable,
)
from chartbridge.transport.http import Answer, Http
from chartbridge.transport.throttle import shared_throttle

NAME = "Open Dental's API"
PAGE_OVERLAP = 10  # rows move between pages while they are read: neighbouring pages share some
CLOCK_KEPT_S = {True: 60.0, False: 900.0}  # a call costs nothing, or one of the few that are allowed
Item = dict[str, Any]
Version = tuple[int, ...]

# Names of fields that an explanation may repeat; nothing else of the vendor's text is ever shown.
_FIELDS = re.compile(
    r"\b(PatNum|AptNum|CommType|commType|CommDateTime|Note|Mode_|SentOrReceived|defNum|DefNum|DocCategory|"
    r"rawBase64|extension|Description|DateCreated|ImgType|FKey|VerifyType|DateLastVerified|ProvNum|Patient|"
    r"Appointment|Document|version)\b"
)
_FAULTS = re.compile(
    r"\b(is required|is invalid|invalid|not found|required|too long|not allowed|deleted|hidden)\b", re.I
)

_CHOSEN = {
    "commtype": "Note Type",
    "doccategory": "Document Type",
}  # what the practice chose, by the API's field

NO_RECORD = "connection"  # the ability of what is asked about the office itself: its version, its clock
NO_API = f"What answers at the address of {NAME} is not that API. It will be asked again."


class NotThere(Refused):
    """404 or 410: the record isn't in Open Dental."""


class OpenDentalApi:
    """One office's API. May be used from several threads."""

    def __init__(self, access: ApiAccess, clock: Clock) -> None:
        self.access = access
        self._clock = clock
        self._http = Http(
            access.address,
            name=NAME,
            setting="api_address",
            headers={
                "Authorization": f"ODFHIR {access.developer_key}/{access.customer_key}",
                "Content-Type": "application/json",
            },
            throttle=shared_throttle(f"{access.address} {access.customer_key}", access.interval),
        )
        self._lock = threading.Lock()
        self._version: Version | None = None
        self._updating = self._has_answered = False
        self._offset = timedelta()
        self._heard, self._heard_at = datetime(1970, 1, 1), float("-inf")  # noqa: DTZ001 - a wall time

    def get(self, path: str, *, ability: str, **params: str) -> Any:
        """GET one resource. Raises `NotThere`, `Unauthorised`, `Refused`, `Unavailable`, `Unreadable`."""
        answer = self._http.read("GET", path, params)
        if answer.status != 200:
            if ability == NO_RECORD and _not_the_api(answer):
                raise self._wrong_place()
            raise self._no(answer, ability, writes=False)
        told = answer.json()
        self._has_answered = True
        return told

    def items(self, path: str, *, ability: str, **params: str) -> list[Item]:
        """GET a list that fits one answer."""
        return _objects(self.get(path, ability=ability, **params), path)

    def pages(self, path: str, *, ability: str, **params: str) -> Iterator[list[Item]]:
        """GET a list page by page until one is short."""
        offset = 0
        while True:
            items, following = self.page(path, offset, ability=ability, **params)
            yield items
            if following is None:
                return
            offset = following

    def page(self, path: str, offset: int, *, ability: str, **params: str) -> tuple[list[Item], int | None]:
        """GET one page of a list; the offset of the next, or None after the last."""
        limit = self.access.page
        items = self.items(path, ability=ability, Limit=str(limit), Offset=str(offset), **params)
        return items, offset + limit - PAGE_OVERLAP if len(items) >= limit else None

    def send(self, method: str, path: str, body: Mapping[str, object], *, ability: str) -> Item:
        """POST or PUT once; the object that came back, or {} where nothing did."""
        answer = self._http.write(method, path, body)
        if answer.status not in (200, 201, 204):
            raise self._no(answer, ability, writes=True)
        if not answer.content.strip():
            return {}
        try:
            made = answer.json()
        except Unreadable:  # the API, or something on the way that knows nothing of it?
            raise Uncertain(f"{NAME} gave an answer that can't be read. It will be looked up.") from None
        return made if isinstance(made, dict) else {}

    def version(self) -> Version:
        """Open Dental's version; asked again now and then, with the clock: offices update while we run."""
        if self._version is None:
            text = self.preference("ProgramVersion") or self.preference("DataBaseVersion")
            parts = re.findall(r"\d+", text)
            if not parts:
                raise Unreadable("Open Dental did not say its version.", evidence="preference ProgramVersion")
            self._version = tuple(int(part) for part in parts[:4])
        return self._version

    def preference(self, name: str) -> str:
        """One of Open Dental's preferences, or empty."""
        for item in self.items("preferences", ability=NO_RECORD, PrefName=name):
            if item.get("PrefName") == name:
                return str(item.get("ValueString") or "")
        return ""

    def updating(self) -> bool:
        """Whether an update of Open Dental runs now."""
        self._updating = bool(self.preference("UpdateInProgressOnComputerName").strip())
        return self._updating

    def not_while_updating(self) -> None:
        """Raise `Unavailable` while an update is known to run. It is looked for now and then, with the clock."""
        self.server_local()
        if self._updating and self.updating():
            raise Unavailable(UPDATING, retry_after=30)

    def server_local(self) -> datetime:
        """The server's wall time now, whatever ours is set to. It is asked again and again: clocks change twice a
        year."""
        with self._lock:
            if self._clock.monotonic() >= self._heard_at + self.clock_age.total_seconds():
                self._learn_time()
            return self._heard + timedelta(seconds=self._clock.monotonic() - self._heard_at)

    def offset(self) -> timedelta:
        """The wall time of the server's zone minus UTC, whatever its clock is wrong by."""
        self.server_local()
        return self._offset

    @property
    def clock_age(self) -> timedelta:
        """How long ago the server's clock may have been asked."""
        return timedelta(seconds=CLOCK_KEPT_S[self.access.interval == 0])

    def heard(self, items: list[Item]) -> str:
        """The server's wall time that came with some rows, or empty."""
        value = items[0].get("serverDateTime") if items else ""
        return value if isinstance(value, str) else ""

    def close(self) -> None:
        self._http.close()

    def _learn_time(self) -> None:
        self.updating()
        self._version = None
        shown = self.heard(self.items("providers", ability=NO_RECORD, Limit="1"))
        ours, at = self._clock.now().replace(tzinfo=None), self._clock.monotonic()
        try:
            server = moment(shown)
        except ValueError:
            server = None
        if server is None:
            raise Unreadable("Open Dental's API did not say its time.", evidence="providers.serverDateTime")
        quarters = round((server - ours).total_seconds() / 900)  # every zone is whole quarters of an hour
        self._offset = timedelta(seconds=900 * quarters)
        self._heard, self._heard_at = server, at

    def _wrong_place(self) -> PmsError:
        """Where the API has answered before the address is right, and something else stands in its place for now."""
        if self._has_answered:
            return Unavailable(NO_API)
        return Misconfigured(
            f"What answers at the address of {NAME} is not that API. Check the address: it should look like "
            "http://server:30223/api/v1/.",
            setting="api_address",
        )

    def _no(self, answer: Answer, ability: str, *, writes: bool) -> PmsError:
        said = answer.content[:2000].decode("utf-8", "replace")
        status = answer.status
        if status == 429 or (status == 503 and (answer.retry_after() is not None or not writes)):
            return Unavailable(f"{NAME} asked to wait.", retry_after=answer.retry_after() or 5.0)
        if status == 401:
            return _not_allowed(said, ability, writes=writes)
        if status in (404, 410):
            return NotThere(f"{NAME} does not know this record (any more).", reason=_reason(said))
        if status == 400:
            return _bad_request(said, ability, writes=writes)
        if 300 <= status < 500:
            return Unreadable(
                f"{NAME} gave an answer that is not known. Check the address on the PMS Connection page.",
                evidence=f"status {status}",
            )
        if writes:
            return Uncertain(f"{NAME} failed while it worked on this. It will be looked up.")
        return Unavailable(f"{NAME} failed. It will be asked again.", retry_after=answer.retry_after())


def _not_the_api(answer: Answer) -> bool:
    """Whether a no to a question about no record can't be the API's: it always has its preferences and its clock."""
    is_page = "html" in answer.headers.get("content-type", "").lower()
    return answer.status in (404, 405, 410) or (is_page and answer.status == 400)


def _not_allowed(said: str, ability: str, *, writes: bool) -> Unauthorised:
    if "permission" in said.lower():
        permission = PERMISSIONS.get(ability, READING) if writes else READING
        return Unauthorised(
            "The key has no permission for this. In Open Dental's developer portal, give this office's key the "
            f"permission {permission}.",
            ability=ability,
        )
    return Unauthorised(
        f"{NAME} does not accept the keys. Check both keys, and in Open Dental under Setup > Advanced Setup > API "
        "that this office's key is switched on.",
        ability="all",
    )


def _bad_request(said: str, ability: str, *, writes: bool) -> PmsError:
    lower = said.lower()
    if "econnector" in lower or "timed out" in lower or "timeout" in lower:
        if writes:
            return Uncertain(f"{NAME} could not reach the office. It will be looked up.")
        return Unavailable(f"{NAME} could not reach the office. Check that the eConnector runs there.")
    if "version" in lower:
        needed = re.search(r"\b\d+(?:\.\d+)+\b", said)
        return Unauthorised(
            "This needs a newer Open Dental"
            + (f": version {needed.group()} or later." if needed else ".")
            + " Ask the office to update it.",
            ability=ability,
        )
    reason = _reason(said)
    named = _CHOSEN.get(reason.partition(" ")[0].lower()) if writes else None
    if named is None:
        return Refused(f"{NAME} refused this.", reason=reason)
    return Refused(
        f"{NAME} does not take this {named}; it may have been deleted. Choose another one on the PMS Write Back "
        "Settings page, then send this again.",
        reason=reason,
    )


def _reason(said: str) -> str:
    """The vendor's reason without a value of anybody's: known field names and known faults only."""
    field, fault = _FIELDS.search(said), _FAULTS.search(said)
    return " ".join(part.group() for part in (field, fault) if part)


def rows_of(items: list[Item], fields: Sequence[str], path: str) -> list[Texts]:
    """Objects as rows. Raises `Unreadable` where one has a value that is neither text nor number."""
    try:
        return [texts(item, fields) for item in items]
    except BadValue:
        raise Unreadable(
            f"{NAME} gave an answer of another shape than expected.", evidence=path.split("/")[0]
        ) from None


def _objects(value: Any, path: str) -> list[Item]:
    if isinstance(value, list) and all(isinstance(item, dict) for item in value):
        return value
    raise Unreadable(f"{NAME} gave an answer of another shape than expected.", evidence=path.split("/")[0])
