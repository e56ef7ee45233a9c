"""Documents that somebody else imports: the hand-off folder and the owner's own program, on a real disk."""

from __future__ import annotations

import errno
import json
import os
import signal
import stat
import sys
import time
from pathlib import Path

import pytest

from chartbridge.domain.content import NOTHING, Content
from chartbridge.pms.errors import Misconfigured, Unavailable, Uncertain
from chartbridge.transport import handoff
from chartbridge.transport.handoff import HandOff
from chartbridge.transport.program import Program

PAPER = Content.of(b"%PDF-1.7")
ABOUT = {"patient": "1042", "type": "Insurance"}


def test_a_document_and_its_manifest_lie_there_as_a_pair(tmp_path: Path) -> None:
    folder = HandOff(str(tmp_path))
    folder.put("CB-7K2QM9XD", PAPER, ABOUT)
    folder.put("CB-7K2QM9XD", PAPER, ABOUT)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["CB-7K2QM9XD.json", "CB-7K2QM9XD.pdf"]
    told = json.loads((tmp_path / "CB-7K2QM9XD.json").read_text())
    assert told.items() >= {**ABOUT, "file": "CB-7K2QM9XD.pdf"}.items()
    assert folder.holds("CB-7K2QM9XD")
    (tmp_path / "CB-7K2QM9XD.pdf").unlink()
    assert not folder.holds("CB-7K2QM9XD")


def test_a_full_disk_leaves_nothing_behind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real = os.fsync
    calls = []

    def full_at_the_second(descriptor: int) -> None:
        calls.append(descriptor)
        if len(calls) == 2:
            raise OSError(28, "No space left on device")
        real(descriptor)

    monkeypatch.setattr(handoff.os, "fsync", full_at_the_second)
    with pytest.raises(Unavailable, match="full"):
        HandOff(str(tmp_path)).put("CB-7K2QM9XD", PAPER, ABOUT)
    assert list(tmp_path.iterdir()) == []


def _fault_on_folders(monkeypatch: pytest.MonkeyPatch, number: int) -> None:
    """Let whatever is done to a folder's own entry fail."""
    real = os.fsync

    def fsync(descriptor: int) -> None:
        if stat.S_ISDIR(os.fstat(descriptor).st_mode):
            raise OSError(number, os.strerror(number))
        real(descriptor)

    monkeypatch.setattr(handoff.os, "fsync", fsync)


def test_a_fault_after_the_pair_was_in_place_is_not_said_to_be_safe_to_repeat(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _fault_on_folders(monkeypatch, errno.EIO)
    folder = HandOff(str(tmp_path))
    with pytest.raises(Uncertain):
        folder.put("CB-7K2QM9XD", PAPER, ABOUT)
    assert folder.knows("CB-7K2QM9XD", "1042")


def test_a_share_that_cannot_sync_a_folder_is_no_fault(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _fault_on_folders(monkeypatch, errno.EINVAL)
    folder = HandOff(str(tmp_path))
    folder.put("CB-7K2QM9XD", PAPER, ABOUT)
    assert folder.knows("CB-7K2QM9XD", "1042")


def test_half_a_pair_is_taken_back(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real = Path.replace

    def replace(self: Path, target: Path) -> Path:
        if Path(target).suffix == ".json":
            raise OSError(errno.EIO, "Input/output error")
        return real(self, target)

    monkeypatch.setattr(Path, "replace", replace)
    with pytest.raises(Unavailable):
        HandOff(str(tmp_path)).put("CB-7K2QM9XD", PAPER, ABOUT)
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_is_not_there_is_said(tmp_path: Path) -> None:
    folder = HandOff(str(tmp_path / "none"))
    for attempt in (
        folder.check,
        lambda: folder.holds("CB-1234"),
        lambda: folder.put("CB-1234", NOTHING, ABOUT),
    ):
        with pytest.raises(Misconfigured, match="not there") as caught:
            attempt()
        assert caught.value.setting == "handoff_folder"


@pytest.mark.parametrize("name", ["../etc", "a/b", "", "x" * 80])
def test_only_markers_name_a_hand_off(tmp_path: Path, name: str) -> None:
    with pytest.raises(ValueError, match="marker"):
        HandOff(str(tmp_path)).put(name, NOTHING, ABOUT)


def program(command: str, seconds: float = 20) -> Program:
    return Program(
        command, names=("file", "patient"), setting="uploader", name="The uploader", seconds=seconds
    )


def test_what_a_placeholder_holds_stays_one_argument(tmp_path: Path) -> None:
    out = tmp_path / "out"
    script = tmp_path / "upload.py"
    script.write_text(
        f"import sys, json; open({str(out)!r}, 'w').write(json.dumps(sys.argv[1:])); print('Zebediah')"
    )
    nasty = 'O\'Brien; touch /tmp/x $(id) "q" {file}'
    code = program(f"{sys.executable} {script} /ID{{patient}} {{file}}").run(
        {"file": "a b.pdf", "patient": nasty}
    )
    assert code == 0
    assert json.loads(out.read_text()) == [f"/ID{nasty}", "a b.pdf"]


def test_a_program_that_does_not_end_is_ended_with_all_that_it_started(tmp_path: Path) -> None:
    alive = tmp_path / "alive"
    child = (
        "import time, pathlib\nfor n in range(400):\n"
        f"    pathlib.Path({str(alive)!r}).write_text(str(n)); time.sleep(.05)"
    )
    script = tmp_path / "hang.py"
    script.write_text(f"import subprocess, sys; subprocess.run([sys.executable, '-c', {child!r}])")
    with pytest.raises(Uncertain):
        program(f"{sys.executable} {script}", seconds=2).run({})
    before = alive.read_text() if alive.exists() else ""
    time.sleep(0.5)
    assert (alive.read_text() if alive.exists() else "") == before


@pytest.mark.parametrize(
    "command", ["", "upload 'unclosed", "upload {file", "upload {password}", "/nowhere/upload {file}"]
)
def test_a_command_that_cannot_work_is_said_in_words(command: str) -> None:
    with pytest.raises(Misconfigured) as caught:
        program(command).run({"file": "x", "patient": "1"})
    assert caught.value.setting == "uploader"


def test_a_program_can_be_asked_for_a_connection_string() -> None:
    ask = program(f"{sys.executable} -c \"print('DSN=DENTAL;UID=x'); print('more')\"")
    assert ask.ask({}) == "DSN=DENTAL;UID=x"
    for silent in ("pass", "print('x'); raise SystemExit(1)"):
        with pytest.raises(Unavailable):
            program(f'{sys.executable} -c "{silent}"').ask({})


LEAVES_A_DAEMON = """
import os, sys, time
print("DSN=DENTAL", flush=True)
ready, says = os.pipe()
left = os.fork()
if left == 0:
    os.setsid()
    os.write(says, b"1")
    time.sleep(120)
    os._exit(0)
os.read(ready, 1)
open(sys.argv[1], "w").write(str(left))
if len(sys.argv) > 2:
    time.sleep(120)
"""


@pytest.mark.parametrize("hangs", [False, True])
def test_a_program_that_leaves_something_behind_holding_its_output_is_not_waited_for(
    tmp_path: Path, hangs: bool
) -> None:
    script, left = tmp_path / "leave.py", tmp_path / "left"
    script.write_text(LEAVES_A_DAEMON)
    asked = program(f"{sys.executable} {script} {left} {'hang' if hangs else ''}", seconds=5 if hangs else 60)
    begun = time.monotonic()
    try:
        if hangs:
            with pytest.raises(Unavailable, match="in time"):
                asked.ask({})
        else:
            assert asked.ask({}) == "DSN=DENTAL"
        assert time.monotonic() - begun < 60  # and not as long as what was left behind lives
    finally:
        os.kill(int(left.read_text()), signal.SIGKILL)


def test_a_program_that_prints_too_much_is_read_to_its_end() -> None:
    ask = program(f"{sys.executable} -c \"print('x' * 9); print('y' * 300000)\"")
    assert ask.ask({}) == "x" * 9
