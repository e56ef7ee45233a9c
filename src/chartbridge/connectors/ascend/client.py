"""Speaking to the API in its own words: the sign-in, filters, pages, what a status code means.

It counts each call that goes out, the sign-in too: what the vendor counts is not known, and too many is the safe side.
Must not be in it: translating (codec), which call is made when.
"""

from __future__ import annotations

import threading
from dataclasses import dataclass
from datetime import datetime
from email.utils import parsedate_to_datetime

from chartbridge.connectors.ascend.codec import Item
from chartbridge.connectors.ascend.settings import AscendSettings
from chartbridge.connectors.ascend.words import NAME
from chartbridge.domain.clock import Clock
from chartbridge.pms.errors import PmsError, Unauthorised, Unavailable, Unreadable
from chartbridge.transport.http import Answer, Http

PAGE = 100
SURELY_LAST = 25
"""A page so short is the last one; of a longer one that isn't full, the server's own limit may be the cause."""
BUSY = f"{NAME} says that it is not available for now. It is asked again by itself."
TOKEN = "oauth/client_credential/accesstoken"  # noqa: S105  an address
_TOKEN_MARGIN_S = 60.0


@dataclass(frozen=True, kw_only=True, slots=True)
class Piece:
    """One page of a list, where it ends, and the server's time when it answered."""

    items: list[Item]
    last_id: str | None
    at: datetime


class Busy(Unavailable):
    """The API asks to be left alone for a while."""


class Meter:
    """Counts the calls that go out, and lets no more out than it was told. May be used from several threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self.calls, self._most = 0, float("inf")

    def allow(self, calls: int) -> None:
        """So many more from now on."""
        with self._lock:
            self._most = self.calls + calls

    def take(self) -> None:
        """Count one that is about to go out. Raises `Unavailable` where it may not."""
        with self._lock:
            if self.calls >= self._most:
                raise Unavailable(
                    f"This month's calls to {NAME} are used up. Reading goes on by itself when the month turns; or "
                    "raise the number on the PMS Connection page."
                )
            self.calls += 1


class Ascend:
    """One organization's API. May be used from several threads."""

    def __init__(self, settings: AscendSettings, clock: Clock, meter: Meter) -> None:
        self.settings, self._clock, self._meter = settings, clock, meter
        self._http = Http(settings.address, name=NAME, setting="address")
        self._lock = threading.Lock()
        self._token, self._token_until = "", float("-inf")

    def page(self, resource: str, terms: list[str], after: str) -> Piece:
        """One page of a list, in the order of their numbers, after one of them."""
        params = {"filter": ",".join(terms), "pageSize": str(PAGE), "responseFields": "ALL"}
        params |= {"lastId": after} if after else {}
        answer = self._get(f"ascend-gateway/api/v1/{resource}", {k: v for k, v in params.items() if v})
        body = answer.json()
        items = body.get("data") if isinstance(body, dict) else None
        if not isinstance(items, list) or not all(
            isinstance(each, dict) and each.get("id") for each in items
        ):
            raise Unreadable(f"{NAME} gave an answer that is not known.", evidence=f"{resource}: data")
        if after and any(str(each["id"]) == after for each in items):
            raise Unreadable(f"{NAME} gives the same page again and again.", evidence=f"{resource}: lastId")
        ends = len(items) <= SURELY_LAST
        return Piece(items=items, last_id=None if ends else str(items[-1]["id"]), at=self._time_of(answer))

    def ask(self) -> datetime:
        """Ask the least that can be asked; the server's time."""
        params = {"pageSize": "1"}
        return self._time_of(self._get("ascend-gateway/api/v1/patients", params))

    def close(self) -> None:
        self._http.close()

    def _get(self, path: str, params: dict[str, str]) -> Answer:
        answer = self._ask_with_token(path, params)
        if answer.status == 401:  # a token may end before its time; a reading may be repeated
            with self._lock:
                self._token_until = float("-inf")
            answer = self._ask_with_token(path, params)
        if answer.status != 200:
            raise _no(answer)
        return answer

    def _ask_with_token(self, path: str, params: dict[str, str]) -> Answer:
        headers = {
            "Authorization": f"Bearer {self._signed_in()}",
            "Organization-ID": self.settings.organization_id,
        }
        self._meter.take()
        return self._http.read("GET", path, params, headers=headers)

    def _signed_in(self) -> str:
        with self._lock:
            if self._clock.monotonic() < self._token_until:
                return self._token
            self._meter.take()
            form = {"client_id": self.settings.client_id, "client_secret": self.settings.client_secret}
            answer = self._http.read(
                "POST",
                TOKEN,
                {"grant_type": "client_credentials"},
                form=form,
                headers={"Organization-ID": self.settings.organization_id},
            )
            if answer.status in (400, 401, 403):
                raise _not_signed_in()
            if answer.status != 200:
                raise _no(answer)
            body = answer.json()
            token, lasts = (
                (body.get("access_token"), body.get("expires_in")) if isinstance(body, dict) else ("", "")
            )
            if not isinstance(token, str) or not token:
                raise Unreadable(f"{NAME} gave no token.", evidence="accesstoken")
            seconds = float(str(lasts)) if str(lasts).isdecimal() else 0.0
            self._token = token
            self._token_until = self._clock.monotonic() + max(0.0, seconds - _TOKEN_MARGIN_S)
            return token

    def _time_of(self, answer: Answer) -> datetime:
        try:
            return parsedate_to_datetime(answer.headers.get("date", ""))
        except (ValueError, TypeError):
            raise Unreadable(f"{NAME} did not say its time.", evidence="Date") from None


def _not_signed_in() -> Unauthorised:
    return Unauthorised(
        f"{NAME} does not accept the client ID and secret. Copy both once more, and the organization ID.",
        ability="all",
    )


def _no(answer: Answer) -> PmsError:
    status, wait = answer.status, answer.retry_after()
    if status == 503 and wait is not None:
        return Busy(BUSY, retry_after=wait)
    if status == 429:
        return Unavailable(f"{NAME} asked to wait.", retry_after=wait or 60.0)
    if status == 401:
        return _not_signed_in()
    if status == 403:
        return Unauthorised(
            f"{NAME} does not let this program read. The organization has to switch its access on in {NAME}.",
            ability="all",
        )
    if status == 408 or status >= 500:
        return Unavailable(f"{NAME} failed. It will be asked again.", retry_after=wait)
    return Unreadable(
        f"{NAME} gave an answer that is not known. Check the location ID and the address.",
        evidence=f"status {status}",
    )
