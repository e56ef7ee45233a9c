"""Packets that the network drops: none arrives and nobody is told, neither by a reset nor by a refusal.

Must not be in it: relays that stand still (those are the proxy).
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial

from tests.servers.process import find_program, run_as_root

_as_root = partial(run_as_root, part="Dropping packets")


@contextmanager
def dropped(*ports: int, seconds: int = 1800) -> Iterator[None]:
    """Let the kernel drop whatever comes on loopback to or from these TCP ports, on open lines and on new ones.

    For so many seconds at most: the kernel goes on with it where the tests are killed.
    """
    nft = find_program(["nft"], folders=["/usr/sbin"], part="nftables")
    table = f"chartbridge_tests_{min(ports)}"
    which = ", ".join(f"{port} timeout {seconds}s" for port in ports)
    rules = f"""table inet {table} {{
        set silent {{
            type inet_service; flags timeout; elements = {{ {which} }};
        }}
        chain arriving {{
            type filter hook input priority 0;
            iif lo tcp dport @silent drop
            iif lo tcp sport @silent drop
        }}
    }}"""
    _as_root(nft, rules)
    try:
        yield
    finally:
        _as_root(nft, f"delete table inet {table}")
