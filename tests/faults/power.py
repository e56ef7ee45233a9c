"""A disk whose power goes: of what the running hub wrote, only what it had synced is sure to be there afterwards.

strace records every write, truncation and sync of the store's files by the real process, and what it says to others in
between (answers to programs, requests to the PMS). The record is then played onto a copy of the files up to any moment:
what was not synced by then is lost, kept or torn by sectors, as chance has it.
Must not be in it: what the store must hold.
"""

from __future__ import annotations

import itertools
import random
import re
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from tests.servers.process import find_program

SECTOR = 512
_STORE = "chartbridge.sqlite3"
_CALLS = "pwrite64,ftruncate,unlink,fsync,fdatasync,sendto"
_LINE = re.compile(r"(\d+) +(?:(\w+)\(|<\.\.\. (\w+) resumed>)(.*)", re.DOTALL)
_ACKNOWLEDGED = re.compile(rb'"activity": ?\{"id": ?(\d+)')
_SENT = re.compile(rb'"Note": ?"[^"]*(CB-[0-9A-Z]{8})')


def recorded(log: Path) -> list[str]:
    """The command before the hub's own; the hub keeps the process number, the tracer is its grandchild."""
    strace = find_program(["strace"], part="strace")
    return [
        *(strace, "-D", "-f", "-q", "-y", "-xx", "--seccomp-bpf", "-s", "1000000"),
        *("-e", f"trace={_CALLS}", "-o", str(log)),
    ]


def await_record(log: Path, pid: int) -> None:
    """Wait until the tracer has written down the end of the hub, and so everything before it."""
    until = time.monotonic() + 60
    last = re.compile(rf"^{pid} +\+\+\+ ", re.MULTILINE)
    while not last.search(_tail(log)):
        assert time.monotonic() < until, "the record has no end"
        time.sleep(0.05)


def _tail(log: Path) -> str:
    with log.open("rb") as record:
        record.seek(max(0, log.stat().st_size - 100_000))
        return record.read().decode("ascii", "replace")


@dataclass(frozen=True, kw_only=True)
class Happened:
    """One thing that a process did. `what`: write, truncate, remove, sync, synced, acknowledged, sent."""

    what: str
    name: str = ""
    at: int = 0
    content: bytes = b""
    thread: str = ""
    told: frozenset[str] = frozenset()


def read_record(log: Path) -> list[Happened]:
    """What happened, in its order. A write counts when it has ended, a sync from when it began."""
    return list(_read(log))


def _read(log: Path) -> Iterator[Happened]:
    begun: dict[str, str] = {}
    with log.open(encoding="ascii", errors="replace") as lines:
        for line in lines:
            if not (found := _LINE.match(line)):
                continue
            thread, call, resumed, rest = found.groups()
            if call in ("fsync", "fdatasync"):
                yield Happened(what="sync", name=_path(rest), thread=thread)
            if call == "sendto":
                yield from _said(rest)
            if rest.rstrip().endswith("<unfinished ...>"):
                begun[thread] = rest
                continue
            yield from _ended(call or resumed, begun.pop(thread, "") + rest, thread)


def _said(rest: str) -> Iterator[Happened]:
    """What leaves the process counts from when it begins to leave."""
    said = _quoted(rest)
    for what, pattern in (("acknowledged", _ACKNOWLEDGED), ("sent", _SENT)):
        if told := pattern.findall(said):
            yield Happened(what=what, told=frozenset(each.decode() for each in told))


def _ended(call: str, rest: str, thread: str) -> Iterator[Happened]:
    answer = rest.rpartition("=")[2].split()
    if not answer or answer[0] in ("-1", "?"):
        return
    if call in ("fsync", "fdatasync"):
        yield Happened(what="synced", name=_path(rest), thread=thread)
    elif call == "unlink":
        yield from _of_store("remove", _quoted(rest).decode())
    elif call == "ftruncate":
        yield from _of_store("truncate", _path(rest), at=int(_after(rest, ">,")))
    elif call == "pwrite64":
        content = _quoted(rest)
        yield from _of_store("write", _path(rest), at=int(_after(rest, '",').split(",")[1]), content=content)


def _of_store(what: str, path: str, *, at: int = 0, content: bytes = b"") -> Iterator[Happened]:
    name = path.rpartition("/")[2]
    if name.startswith(_STORE) and not name.endswith("-shm"):  # the index is made anew after a cut
        yield Happened(what=what, name=name, at=at, content=content)


def _path(rest: str) -> str:
    return bytes.fromhex(rest.partition("<")[2].partition(">")[0].replace("\\x", "")).decode()


def _quoted(rest: str) -> bytes:
    return bytes.fromhex(rest.partition('"')[2].partition('"')[0].replace("\\x", ""))


def _after(rest: str, mark: str) -> str:
    return rest.partition(mark)[2].partition("<unfinished")[0].partition(")")[0].strip()


@dataclass
class Disk:
    """What is surely on the disk (`kept`), and by file what has been written since and is on its way."""

    kept: dict[str, bytearray]
    on_its_way: list[Happened] = field(default_factory=list)
    _syncing: dict[str, list[Happened]] = field(default_factory=dict)

    def play(self, each: Happened) -> None:
        """Let the next thing happen."""
        if each.what in ("write", "truncate", "remove"):
            self._make_anew(each.name)
            self.on_its_way.append(each)
        elif each.what == "sync":
            name = each.name.rpartition("/")[2]
            self._syncing[each.thread] = [
                one for one in self.on_its_way if one.name == name and one.what != "remove"
            ]
        elif each.what == "synced":
            self._keep({id(one) for one in self._syncing.pop(each.thread)})

    def _make_anew(self, name: str) -> None:
        """A file that is made again after it was removed: its removal came first, in the folder as well."""
        removed = [at for at, one in enumerate(self.on_its_way) if one.name == name and one.what == "remove"]
        if removed:
            self._keep({id(one) for one in self.on_its_way[: removed[-1] + 1] if one.name == name})

    def _keep(self, some: set[int]) -> None:
        for one in self.on_its_way:
            if id(one) in some:
                _apply(self.kept, one, one.content)
        self.on_its_way = [one for one in self.on_its_way if id(one) not in some]

    def after_the_cut(self, chance: random.Random) -> dict[str, bytes]:
        """The files as they may be found afterwards: one of the many ways in which it can have come."""
        files = {name: bytearray(content) for name, content in self.kept.items()}
        share = chance.choice((0.0, 0.5, 0.9, 1.0))
        for one in self.on_its_way:
            if chance.random() >= share:
                continue
            if one.what == "write" and share < 1 and chance.random() < 0.3:
                for at, piece in _torn(one, chance):
                    _apply(files, Happened(what="write", name=one.name, at=at), piece)
            else:
                _apply(files, one, one.content)
        return {name: bytes(content) for name, content in files.items()}


def _torn(one: Happened, chance: random.Random) -> Iterator[tuple[int, bytes]]:
    """Some sectors of a write."""
    end = one.at + len(one.content)
    borders = [one.at, *range((one.at // SECTOR + 1) * SECTOR, end, SECTOR), end]
    for begin, until in itertools.pairwise(borders):
        if chance.random() < 0.5:
            yield begin, one.content[begin - one.at : until - one.at]


def _apply(files: dict[str, bytearray], one: Happened, content: bytes) -> None:
    if one.what == "remove":
        files.pop(one.name, None)
        return
    file = files.setdefault(one.name, bytearray())
    end = one.at + len(content)
    if len(file) < end:
        file.extend(bytes(end - len(file)))  # a hole reads as zeros
    if one.what == "truncate":
        del file[one.at :]
    else:
        file[one.at : end] = content


def store_files(data: Path) -> dict[str, bytearray]:
    """The store's files in a data folder."""
    return {
        file.name: bytearray(file.read_bytes())
        for file in data.glob(f"{_STORE}*")
        if not file.name.endswith("-shm")
    }


def put_back(data: Path, files: dict[str, bytes]) -> None:
    """Let a data folder hold these files of the store and no others."""
    data.mkdir(exist_ok=True)
    for old in data.glob(f"{_STORE}*"):
        old.unlink()
    for name, content in files.items():
        (data / name).write_bytes(content)


def moments(record: list[Happened], chance: random.Random, count: int) -> set[int]:
    """Choose moments for cuts: half anywhere, half right after something was said to others, which is the sharpest."""
    said = [at + 1 for at, each in enumerate(record) if each.what in ("acknowledged", "sent")]
    assert said, "nothing was acknowledged and nothing sent"
    some = chance.sample(said, min(len(said), count // 2))
    return {*some, *chance.sample(range(len(record)), min(len(record), count - len(some)))}


def said_by(record: Iterable[Happened], what: str) -> set[str]:
    """Everything that was acknowledged or sent."""
    return {each for one in record if one.what == what for each in one.told}
