"""Opens pictures and documents from the PMS, and files kept here: never as something that could run.

Must not be in it: which documents may be read (settings), how a connector finds a file.
"""

from __future__ import annotations

import threading
from collections import OrderedDict

from django.http import HttpResponse
from django.shortcuts import render
from django.utils.http import content_disposition_header
from django.views.decorators.http import require_GET

from chartbridge.pms.errors import PmsError
from chartbridge.store.board import front_connection
from chartbridge.store.live_connectors import live
from chartbridge.store.mirror import document, patient
from chartbridge.store.models import Connection, Role
from chartbridge.store.patients import file_of
from chartbridge.web.access import StaffRequest, needs
from chartbridge.web.audit import audit

_SANDBOX = "default-src 'none'; style-src 'unsafe-inline'; sandbox"
_IMAGES = (
    (b"\xff\xd8\xff", "image/jpeg"),
    (b"\x89PNG\r\n\x1a\n", "image/png"),
    (b"GIF8", "image/gif"),
    (b"BM", "image/bmp"),
)
_PDF = "application/pdf"


class Photos:
    """The pictures that were opened last, in memory only. `most` in bytes; an empty one stands for "none"."""

    def __init__(self, most: int = 24 * 1024 * 1024) -> None:
        self._most = most
        self._held: OrderedDict[tuple[int, str, str], bytes] = OrderedDict()
        self._size = 0
        self._lock = threading.Lock()

    def get(self, name: tuple[int, str, str]) -> bytes | None:
        """The picture, or None where it is not held."""
        with self._lock:
            if name in self._held:
                self._held.move_to_end(name)
            return self._held.get(name)

    def put(self, name: tuple[int, str, str], content: bytes) -> None:
        """Hold a picture; the ones not asked for longest make room."""
        with self._lock:
            self._size += len(content) - len(self._held.pop(name, b""))
            self._held[name] = content
            while self._size > self._most and self._held:
                _name, dropped = self._held.popitem(last=False)
                self._size -= len(dropped)

    def clear(self) -> None:
        """Hold none any more."""
        with self._lock:
            self._held.clear()
            self._size = 0


photos = Photos()


@require_GET
@needs(Role.READ_ONLY)
def photo(request: StaffRequest, key: str) -> HttpResponse:
    """A patient's picture, where the practice shows them."""
    connection = front_connection(request.practice.pk)
    who = patient(connection.pk, key) if connection and connection.show_photos else None
    if connection is None or who is None or not who.photo_ref:
        return HttpResponse(status=404)
    name = (connection.pk, who.photo_key, who.photo_version)
    content = photos.get(name)
    if content is None:
        try:
            content = _open(connection, who.photo_ref)
        except PmsError:
            return HttpResponse(status=404)
        photos.put(name, content)
    kind = image_type(content)
    if not kind:
        return HttpResponse(status=404)
    return _sealed(HttpResponse(content, content_type=kind))


@require_GET
@needs(Role.READ_ONLY)
def pms_document(request: StaffRequest, key: str, document_key: str) -> HttpResponse:
    """A document from the PMS, if its type is ticked for reading."""
    connection = front_connection(request.practice.pk)
    entry = document(connection.pk, document_key) if connection else None
    if connection is None or entry is None or entry.patient_key != key:
        return render(request, "web/patients/no_file.html", {"key": key}, status=404)
    audit(request, "document.opened", key, document=document_key)
    try:
        content = _open(connection, entry.ref)
    except PmsError as error:
        context = {"key": key, "sentence": error.safe_message}
        return render(request, "web/patients/no_file.html", context, status=502)
    return _as_file(content, entry.name or f"document {entry.key}")


@require_GET
@needs(Role.READ_ONLY)
def kept_file(request: StaffRequest, key: str, activity_id: int) -> HttpResponse:
    """A document that was handed in here."""
    kept = file_of(request.practice.pk, activity_id)
    if kept is None or kept.activity.patient_key != key:
        return render(request, "web/patients/no_file.html", {"key": key}, status=404)
    audit(request, "document.opened", key, activity=activity_id)
    return _as_file(bytes(kept.content), kept.name)


def image_type(content: bytes) -> str:
    """The type of a picture by its first bytes, or empty: what the PMS calls it is not trusted."""
    if content[:4] == b"RIFF" and content[8:12] == b"WEBP":
        return "image/webp"
    return next((kind for begin, kind in _IMAGES if content.startswith(begin)), "")


def _open(connection: Connection, ref: str) -> bytes:
    return live().of(connection).open_file(ref)


def _as_file(content: bytes, name: str) -> HttpResponse:
    """Pictures are shown; everything else is saved, since a browser shows no PDF from within a sandbox."""
    kind = image_type(content) or (_PDF if content.startswith(b"%PDF-") else "application/octet-stream")
    answer = HttpResponse(content, content_type=kind)
    shown = kind.startswith("image/")
    answer["Content-Disposition"] = (
        content_disposition_header(not shown, _with_ending(name, kind)) or "attachment"
    )
    return _sealed(answer)


def _with_ending(name: str, kind: str) -> str:
    return f"{name}.pdf" if kind == _PDF and not name.lower().endswith(".pdf") else name


def _sealed(answer: HttpResponse) -> HttpResponse:
    answer["Content-Security-Policy"] = _SANDBOX
    answer["X-Content-Type-Options"] = "nosniff"
    answer["Cache-Control"] = "private, no-store"
    return answer
