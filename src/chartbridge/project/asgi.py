"""The ASGI application: every page and every API call. Must not be in it: the engine's start (bootstrap)."""

from __future__ import annotations

import os
from typing import Any

import django
from django.conf import settings
from django.core.exceptions import RequestAborted
from django.core.handlers.asgi import ASGIHandler

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "chartbridge.project.settings")
django.setup(set_prefix=False)

from chartbridge.store.spool import Spool  # noqa: E402  for which Django is set up


class Application(ASGIHandler):
    """Django's, with two things of its own: where a request's body lies, and how much of it is kept."""

    async def read_body(self, receive: Any) -> Any:
        """Take in a body. What no request may have is let go by, and known by its size. Raises `RequestAborted`."""
        body = Spool(most=settings.DATA_UPLOAD_MAX_MEMORY_SIZE)
        more = True
        while more:
            message: Any = await receive()
            if message["type"] == "http.disconnect":
                body.close()
                raise RequestAborted
            body.write(message.get("body", b""))
            more = message.get("more_body", False)
        return body

    def create_request(self, scope: Any, body_file: Any) -> Any:
        """Make the request. It tells its true size where no header does, or Django takes a form for an empty one, and
        where not all of it was kept."""
        request, error = super().create_request(scope, body_file.taken())
        if request is not None and (body_file.left_out or "CONTENT_LENGTH" not in request.META):
            request.META["CONTENT_LENGTH"] = str(body_file.sent)
        return request, error


application = Application()
