"""The product's pages and API, under uvicorn, on the tests' own database.

Must not be in it: the engine. A test that needs it starts `chartbridge serve` (see tests/cli).
"""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

import uvicorn

from tests.servers.process import free_port


@contextmanager
def running_pages() -> Iterator[str]:
    """Serve the ASGI application on a free port in a thread; yields its address without a last slash."""
    from chartbridge.project.asgi import application

    port = free_port()
    server = uvicorn.Server(
        uvicorn.Config(
            application,
            host="127.0.0.1",
            port=port,
            log_config=None,
            access_log=False,
            lifespan="off",
            timeout_graceful_shutdown=1,
        )
    )
    thread = threading.Thread(target=lambda: asyncio.run(server.serve()), daemon=True, name="pages")
    thread.start()
    until = time.monotonic() + 120
    while not server.started:
        if not thread.is_alive() or time.monotonic() > until:
            raise RuntimeError("the pages did not start")
        time.sleep(0.02)
    try:
        yield f"http://127.0.0.1:{port}"
    finally:
        server.should_exit = True
        thread.join(10)
