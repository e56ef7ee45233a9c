"""One message to a webhook's address: where it may go, over a pinned address, once, within a time.

What an owner types is not to be trusted to stay out of the office's own network: the name is resolved once, every
address that it stands for must lie where it may, and the connection is made to that very address. No redirect is
followed, no proxy asked, no byte of the answer's body read. Must not be in it: what is sent, when, how often.
"""

from __future__ import annotations

import ipaddress
import logging
import socket
import ssl
import threading
from collections.abc import Callable, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from functools import cache
from typing import Any

import httpx2

from chartbridge.domain.webhooks import Reach
from chartbridge.transport.http import Answer

CONNECT_S = 5.0
ANSWER_S = 15.0
"""The whole exchange, whatever trickles in meanwhile."""
SCHEMES = {Reach.INTERNET: {"https"}, Reach.OFFICE: {"https"}, Reach.MACHINE: {"https", "http"}}

Ip = ipaddress.IPv4Address | ipaddress.IPv6Address
Resolve = Callable[[str, int], Sequence[str]]

# Private by number and yet no office: clouds answer here with an instance's own credentials.
_METADATA = {ipaddress.ip_address(each) for each in ("fd00:ec2::254", "fd20:ce::254")}
_PRIVATE = [ipaddress.ip_network(n) for n in ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "fc00::/7")]
_CARRIES_V4 = (ipaddress.ip_network("64:ff9b::/96"), ipaddress.ip_network("::/96"))


class _Silence(logging.Filter):
    """The client library logs addresses with their query, and at debug level headers with their keys."""

    def filter(self, _record: logging.LogRecord) -> bool:
        return False


for _name in ("httpx2", "httpcore2", "httpcore2.connection", "httpcore2.http11", "httpcore2.proxy"):
    logging.getLogger(_name).addFilter(_Silence())


class NotPosted(Exception):
    """No answer came. `code` says why: `bad_address`, `forbidden_address`, `no_such_host`, `no_connection`,
    `certificate`, `timeout` or `broken`; what is sent may have arrived all the same."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


@dataclass(frozen=True, kw_only=True, slots=True)
class Target:
    """A web address taken apart. Its repr shows nothing of it."""

    url: httpx2.URL = field(repr=False)
    host: str = field(repr=False)
    port: int


def target_of(address: str, reach: Reach) -> Target:
    """Take an address apart. Raises `NotPosted("bad_address")` for one that could never be right."""
    try:
        url = httpx2.URL(address)
    except (httpx2.InvalidURL, ValueError):
        raise NotPosted("bad_address") from None
    if url.scheme not in SCHEMES[reach] or not url.host or url.userinfo or url.fragment:
        raise NotPosted("bad_address")
    return Target(url=url, host=url.host, port=url.port or (443 if url.scheme == "https" else 80))


def resolved(host: str, port: int) -> Sequence[str]:
    """Return the addresses that a name stands for, by the machine's own resolver."""
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return [str(each[4][0]) for each in found]


def pinned(target: Target, reach: Reach, resolve: Resolve = resolved) -> str:
    """Return the address to connect to. Raises `NotPosted` if any address of the name lies elsewhere."""
    try:
        addresses = [ipaddress.ip_address(each.split("%")[0]) for each in resolve(target.host, target.port)]
    except (OSError, ValueError, UnicodeError):
        raise NotPosted("no_such_host") from None
    if not addresses:
        raise NotPosted("no_such_host")
    if not all(_may(each, reach) for each in addresses):
        raise NotPosted("forbidden_address")
    return str(addresses[0])


def _may(ip: Ip, reach: Reach) -> bool:
    ip = _within(ip)
    if reach is Reach.MACHINE:
        return ip.is_loopback
    if reach is Reach.OFFICE:
        return ip not in _METADATA and any(ip in net for net in _PRIVATE if net.version == ip.version)
    return ip.is_global and not ip.is_multicast and not ip.is_reserved


def _within(ip: Ip) -> Ip:
    """The IPv4 address that an IPv6 one only wraps."""
    if isinstance(ip, ipaddress.IPv4Address):
        return ip
    if ip.ipv4_mapped or ip.sixtofour:
        return ip.ipv4_mapped or ip.sixtofour or ip
    if ip.teredo:
        return ip.teredo[1]
    if any(ip in net for net in _CARRIES_V4) and int(ip) > 1:  # ::1 is loopback itself
        return ipaddress.IPv4Address(int(ip) & 0xFFFFFFFF)
    return ip


def post(
    address: str,
    *,
    body: bytes,
    headers: Mapping[str, str],
    reach: Reach,
    resolve: Resolve = resolved,
    within_s: float = ANSWER_S,
    trust: ssl.SSLContext | None = None,
) -> Answer:
    """Send it once. Returns the status and headers, never the body. Raises `NotPosted`."""
    target = target_of(address, reach)
    there = pinned(target, reach, resolve)
    port = "" if target.url.port is None else f":{target.url.port}"
    host = f"[{target.host}]" if ":" in target.host else target.host
    with httpx2.Client(
        verify=trust or _trusted(),
        trust_env=False,
        follow_redirects=False,
        timeout=httpx2.Timeout(within_s, connect=min(CONNECT_S, within_s)),
    ) as client:
        request = client.build_request(
            "POST",
            target.url.copy_with(host=there),
            content=body,
            headers={**headers, "Host": f"{host}{port}", "Connection": "close"},
        )
        request.extensions["sni_hostname"] = target.host
        try:
            with _ended_after(within_s, request) as over:
                return _exchange(client, request, over)
        except httpx2.TransportError as error:
            raise NotPosted(_code(error, timed_out=over.is_set())) from None


def _exchange(client: httpx2.Client, request: httpx2.Request, over: threading.Event) -> Answer:
    response = client.send(request, stream=True)
    with suppress(httpx2.TransportError):
        response.close()
    if over.is_set():
        raise NotPosted("timeout")
    return Answer(status=response.status_code, content=b"", headers=dict(response.headers))


@contextmanager
def _ended_after(seconds: float, request: httpx2.Request) -> Any:
    """Shut the line after so long: the library's own limit begins anew with each byte that trickles in."""
    lines: list[Any] = []
    over = threading.Event()

    def noted(event: str, info: Mapping[str, Any]) -> None:
        if event in ("connection.connect_tcp.complete", "connection.start_tls.complete"):
            lines.append(info["return_value"])

    def end() -> None:
        over.set()
        for line in lines:
            with suppress(OSError, AttributeError):
                line.get_extra_info("socket").shutdown(socket.SHUT_RDWR)

    request.extensions["trace"] = noted
    timer = threading.Timer(seconds, end)
    timer.daemon = True
    timer.start()
    try:
        yield over
    finally:
        timer.cancel()


def _code(error: httpx2.TransportError, *, timed_out: bool) -> str:
    if timed_out or isinstance(error, httpx2.TimeoutException):
        return "timeout"
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, ssl.SSLError):
            return "certificate"
        cause = cause.__cause__ or cause.__context__
    return "no_connection" if isinstance(error, httpx2.ConnectError) else "broken"


@cache
def _trusted() -> ssl.SSLContext:
    return httpx2.create_ssl_context(trust_env=True)
