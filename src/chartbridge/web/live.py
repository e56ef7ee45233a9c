"""Live parts: tells open pages that something moved, over server-sent events.

One thread a process looks for new notices while there are clients, at once when this process has left one, and
hands them to every client of the practice. Events carry a topic and the PMS's numbers; the page then asks for
what of its parts they mean.
Must not be in it: patients' data, what a page shows.
"""

from __future__ import annotations

import asyncio
import json
import threading
import time
from collections.abc import AsyncIterator, Callable
from contextlib import suppress
from dataclasses import dataclass

from asgiref.sync import sync_to_async
from django.contrib.auth import SESSION_KEY
from django.db import close_old_connections, connection
from django.http import HttpRequest, HttpResponse, StreamingHttpResponse
from django.http.response import HttpResponseBase

from chartbridge.store.accounts import memberships_of
from chartbridge.store.notices import Moved, after, bell, newest, of_practice, unhang
from chartbridge.web.numbers import number_of

LOOK_EVERY_S = 0.1
HEARTBEAT_S = 15.0
BACKLOG = 200
GAPS = 100
GAP_LIVES_S = 10.0


@dataclass(frozen=True, slots=True, eq=False)
class _Client:
    practice_id: int
    loop: asyncio.AbstractEventLoop
    queue: asyncio.Queue[Moved]

    def tell(self, moved: Moved) -> None:
        with suppress(RuntimeError):  # its loop has ended
            self.loop.call_soon_threadsafe(self._put, moved)

    def _put(self, moved: Moved) -> None:
        with suppress(asyncio.QueueFull):  # it reads nothing: what it misses it gets when it asks anew
            self.queue.put_nowait(moved)


class Notices:
    """The clients of this process and the thread that looks for them. It ends with the last client."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._clients: set[_Client] = set()
        self._thread: threading.Thread | None = None
        self._begun = threading.Event()

    def join(self, practice_id: int) -> _Client:
        """Begin to hear of a practice; in the client's own event loop."""
        client = _Client(practice_id, asyncio.get_running_loop(), asyncio.Queue(BACKLOG))
        with self._lock:
            self._clients.add(client)
            if self._thread is None:
                self._thread = threading.Thread(target=self._look, name="live", daemon=True)
                self._thread.start()
        return client

    def leave(self, client: _Client) -> None:
        """Stop hearing."""
        with self._lock:
            self._clients.discard(client)

    def missed(self, practice_id: int, heard: int) -> list[Moved]:
        """What came after `heard`, for a client that has joined: what comes after this, the looking passes on."""
        self._begun.wait(5)  # else what is committed between this query and where the looking begins is lost
        return of_practice(practice_id, heard)

    @property
    def looking(self) -> bool:
        """Whether the thread runs."""
        return self._thread is not None

    def _look(self) -> None:
        look: _Look | None = None
        rung = bell()
        while self._go_on():
            rung.clear()
            try:
                if look is None:
                    look = _Look(newest())
                    self._begun.set()
                self._pass_on(look.next(time.monotonic()))
            except Exception:
                # The database is away for a moment: pages poll meanwhile, and the next look goes on from the last.
                close_old_connections()
                time.sleep(1)
            rung.wait(LOOK_EVERY_S)
        unhang(rung)
        connection.close()

    def _go_on(self) -> bool:
        with self._lock:
            if not self._clients:
                self._thread = None
                self._begun.clear()
            return self._thread is not None

    def _pass_on(self, found: list[Moved]) -> None:
        with self._lock:
            clients = list(self._clients)
        for moved in found:
            for client in clients:
                if client.practice_id == moved.practice_id:
                    client.tell(moved)


class _Look:
    """Where the looking stands. A number that was skipped may still be committed late: it is asked for again."""

    def __init__(self, last: int) -> None:
        self._last = last
        self._gaps: dict[int, float] = {}

    def next(self, now: float) -> list[Moved]:
        """Return what is new since the last look."""
        found = after(self._last, self._gaps)
        for moved in found:
            self._gaps.pop(moved.id, None)
            for skipped in range(max(self._last + 1, moved.id - GAPS), moved.id):
                self._gaps[skipped] = now + GAP_LIVES_S
            self._last = max(self._last, moved.id)
        self._gaps = {number: until for number, until in self._gaps.items() if until > now}
        return found


notices = Notices()


async def live(request: HttpRequest) -> HttpResponseBase:
    """Stream what moves in the practice of the signed-in person."""
    practice_id = await sync_to_async(_practice_of)(request)
    if practice_id is None:
        return HttpResponse(status=204)  # tells EventSource not to come back
    heard = request.headers.get("Last-Event-ID") or request.GET.get("from", "")
    events = _events(practice_id, number_of(heard), _still_signed_in(request))
    answer = StreamingHttpResponse(events, content_type="text/event-stream")
    answer["Cache-Control"] = "no-store"
    answer["X-Accel-Buffering"] = "no"
    return answer


async def _events(
    practice_id: int, heard: int | None, still_signed_in: Callable[[], bool]
) -> AsyncIterator[str]:
    signed_in = sync_to_async(still_signed_in)
    client = notices.join(practice_id)
    told: set[int] = set()
    try:
        yield "retry: 2000\nevent: hello\ndata: {}\n\n"
        if heard is not None:
            for moved in await sync_to_async(notices.missed)(practice_id, heard):
                told.add(moved.id)
                yield _event(moved)
        while True:
            try:
                moved = await asyncio.wait_for(client.queue.get(), HEARTBEAT_S)
            except TimeoutError:
                if not await signed_in():
                    yield "event: bye\ndata: {}\n\n"
                    return
                yield ": here\n\n"
            else:
                if moved.id not in told:
                    yield _event(moved)
    finally:
        notices.leave(client)


def _event(moved: Moved) -> str:
    return f"id: {moved.id}\ndata: {json.dumps({'topic': moved.topic, 'keys': moved.keys})}\n\n"


def _practice_of(request: HttpRequest) -> int | None:
    if not request.user.is_authenticated:
        return None
    memberships = memberships_of(int(request.user.pk))
    chosen = request.session.get("practice_id")
    found = next((m for m in memberships if m.practice_id == chosen), memberships[0] if memberships else None)
    return found.practice_id if found else None


def _still_signed_in(request: HttpRequest) -> Callable[[], bool]:
    store, key, user_id = type(request.session), request.session.session_key, request.user.pk

    def look() -> bool:
        session = store(session_key=key)
        return (
            user_id is not None and session.get(SESSION_KEY) == str(user_id) and bool(memberships_of(user_id))
        )

    return look
