"""Packets that are dropped: really, and never for longer than asked for."""

from __future__ import annotations

import socket
import time

import pytest

from tests.faults.packets import dropped

pytestmark = pytest.mark.slow


def test_where_the_tests_were_killed_packets_arrive_again() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        assert reached(port)
        with dropped(port):
            assert not reached(port)
        assert reached(port)
        with dropped(port, seconds=4):
            assert not reached(port)
            time.sleep(4)
            assert reached(port), "while nobody has taken the rule away"


def reached(port: int) -> bool:
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=0.5):
            return True
    except TimeoutError:
        return False
