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
def dropped(*ports: int) -> Iterator[None]:
    """Let the kernel drop whatever comes on loopback to or from these TCP ports, on open lines and on new ones."""
    nft = find_program(["nft"], folders=["/usr/sbin"], part="nftables")
    table = f"chartbridge_tests_{min(ports)}"
    which = f"{{ {', '.join(map(str, ports))} }}"
    rules = f"""table inet {table} {{
        chain arriving {{
            type filter hook input priority 0;
            iif lo tcp dport {which} drop
            iif lo tcp sport {which} drop
        }}
    }}"""
    _as_root(nft, rules)
    try:
        yield
    finally:
        _as_root(nft, f"delete table inet {table}")
