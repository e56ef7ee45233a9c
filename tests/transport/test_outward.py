"""A webhook's address goes where its owner said and nowhere else; what answers slowly is left in time."""

from __future__ import annotations

import logging
import socket
import ssl
import subprocess
import threading
import time
from collections.abc import Iterator
from functools import partial
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest

from chartbridge.domain.webhooks import Reach
from chartbridge.transport.outward import NotPosted, pinned, post, target_of
from tests.servers.process import nobody_listens
from tests.servers.receiver import Receiver, abort, running_receiver, with_status

PUBLIC = "93.184.215.14"


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with running_receiver() as running:
        yield running


def code_of(url: str, reach: Reach = Reach.INTERNET, **more: object) -> str:
    with pytest.raises(NotPosted) as refused:
        post(url, body=b"{}", headers={}, reach=reach, **more)  # type: ignore[arg-type]
    return refused.value.code


@pytest.mark.parametrize(
    "host",
    [
        "127.0.0.1", "localhost", "[::1]", "0.0.0.0", "[::]", "169.254.169.254", "10.0.0.5", "172.16.3.4",
        "192.168.1.20", "100.64.0.1", "[::ffff:127.0.0.1]", "[::ffff:a00:1]", "[::7f00:1]", "[64:ff9b::a9fe:a9fe]",
        "[2002:7f00:1::]", "[fe80::1]", "[fd00:ec2::254]", "2130706433", "0x7f.1", "0177.0.0.1", "224.0.0.1",
        "255.255.255.255",
    ],
)  # fmt: skip
def test_a_public_webhook_never_reaches_this_machine_or_the_office(host: str) -> None:
    assert code_of(f"https://{host}/hook") in ("forbidden_address", "no_such_host", "bad_address")


@pytest.mark.parametrize(
    "host", ["127.0.0.1", "169.254.169.254", "[fd00:ec2::254]", "[::1]", "0.0.0.0", "8.8.8.8"]
)
def test_a_webhook_in_the_office_reaches_neither_this_machine_nor_a_cloud_s_own_address(host: str) -> None:
    assert code_of(f"https://{host}/hook", Reach.OFFICE) == "forbidden_address"


@pytest.mark.parametrize("host", ["10.0.0.5", "8.8.8.8", "169.254.169.254", "[fd00::1]"])
def test_a_webhook_on_this_machine_reaches_nothing_else(host: str) -> None:
    assert code_of(f"http://{host}/hook", Reach.MACHINE) == "forbidden_address"


@pytest.mark.parametrize(
    "address",
    ["file:///etc/passwd", "gopher://127.0.0.1:70/1", "ftp://a.example/", "http://a.example/", "//a.example/",
     "https://", "https://user:word@a.example/", "https://a.example/#part", "https://[::1/", "word", ""],
)  # fmt: skip
def test_what_is_no_safe_web_address_is_refused_before_anything_is_asked(address: str) -> None:
    with pytest.raises(NotPosted, match="bad_address"):
        target_of(address, Reach.INTERNET)


def test_an_address_that_is_allowed_is_the_one_that_is_connected_to() -> None:
    target = target_of("https://a.example/hook", Reach.INTERNET)
    assert pinned(target, Reach.INTERNET, lambda _host, _port: [PUBLIC, "2606:4700::1"]) == PUBLIC
    office = target_of("https://pbx.office.example/hook", Reach.OFFICE)
    assert pinned(office, Reach.OFFICE, lambda _host, _port: ["192.168.1.20"]) == "192.168.1.20"


def test_a_name_one_of_whose_addresses_is_forbidden_is_refused() -> None:
    target = target_of("https://a.example/hook", Reach.INTERNET)
    with pytest.raises(NotPosted, match="forbidden_address"):
        pinned(target, Reach.INTERNET, lambda _host, _port: [PUBLIC, "127.0.0.1"])


def test_a_name_that_changes_its_address_between_check_and_connect_gains_nothing(receiver: Receiver) -> None:
    answers = iter([["127.0.0.1"], ["169.254.169.254"], ["10.0.0.1"]])
    asked: list[str] = []

    def rebinding(host: str, _port: int) -> list[str]:
        asked.append(host)
        return next(answers)

    url = receiver.url.replace("127.0.0.1", "rebinding.example")
    answer = post(url, body=b"{}", headers={"webhook-id": "m"}, reach=Reach.MACHINE, resolve=rebinding)
    assert answer.status == 204
    assert asked == ["rebinding.example"]
    assert receiver.received[0].headers["Host"].startswith("rebinding.example:")


def test_a_redirect_is_an_answer_and_is_not_followed(receiver: Receiver) -> None:
    receiver.answering = with_status(302, Location=receiver.url + "&again")
    answer = post(receiver.url, body=b"{}", headers={"webhook-id": "m"}, reach=Reach.MACHINE)
    assert answer.status == 302
    assert len(receiver.received) == 1


def test_why_there_was_no_answer_is_told_apart(receiver: Receiver) -> None:
    on_this_machine = partial(code_of, reach=Reach.MACHINE)
    with nobody_listens() as port:
        assert on_this_machine(f"http://127.0.0.1:{port}/") == "no_connection"
    assert on_this_machine("http://no-such-host.invalid/") == "no_such_host"
    receiver.answering = abort
    assert on_this_machine(receiver.url) == "broken"
    receiver.answering = receiver.never
    assert on_this_machine(receiver.url, within_s=0.3) == "timeout"


def test_a_receiver_that_trickles_is_left_in_time(receiver: Receiver) -> None:
    receiver.answering = receiver.trickle
    begun = time.monotonic()
    assert code_of(receiver.url, Reach.MACHINE, within_s=0.5) == "timeout"
    assert time.monotonic() - begun < 20


def test_the_certificate_must_be_of_the_name_and_not_of_the_pinned_address(tmp_path: Path) -> None:
    key, certificate = tmp_path / "key.pem", tmp_path / "cert.pem"
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=right.example",
         "-addext", "subjectAltName=DNS:right.example", "-keyout", str(key), "-out", str(certificate)],
        check=True, capture_output=True,
    )  # fmt: skip

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            with_status(200)(self)

        def log_message(self, *_args: object) -> None:
            pass

    server = HTTPServer(("127.0.0.1", 0), Handler)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    server.socket = context.wrap_socket(server.socket, server_side=True)
    server.handle_error = lambda *_args: None  # type: ignore[method-assign]
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        trust = ssl.create_default_context(cafile=str(certificate))
        here = partial(
            post,
            body=b"{}",
            headers={},
            reach=Reach.MACHINE,
            resolve=lambda _h, _p: ["127.0.0.1"],
            trust=trust,
        )
        port = server.server_address[1]
        assert here(f"https://right.example:{port}/").status == 200
        with pytest.raises(NotPosted, match="certificate"):
            here(f"https://wrong.example:{port}/")
        with pytest.raises(NotPosted, match="certificate"):
            post(
                f"https://right.example:{port}/", body=b"{}", headers={}, reach=Reach.MACHINE,
                resolve=lambda _h, _p: ["127.0.0.1"],
            )  # fmt: skip
    finally:
        server.shutdown()
        server.server_close()


def test_no_address_is_ever_logged(receiver: Receiver, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    post(receiver.url, body=b"{}", headers={"webhook-id": "m"}, reach=Reach.MACHINE)
    assert "key=1" not in caplog.text
    assert socket.gethostname() not in repr(
        target_of(f"https://{socket.gethostname()}.example/", Reach.INTERNET)
    )
