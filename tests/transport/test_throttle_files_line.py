"""Small parts of transport: the throttle, the share of images, the line that can be cut."""

from __future__ import annotations

from pathlib import Path

import pytest

from chartbridge.pms.errors import Misconfigured, Unavailable, Unreadable
from chartbridge.transport.files import Share, tail_below
from chartbridge.transport.throttle import Throttle, shared_throttle


def test_calls_start_no_closer_than_the_interval() -> None:
    now, slept = [100.0], list[float]()

    def sleep(seconds: float) -> None:
        slept.append(seconds)
        now[0] += seconds

    throttle = Throttle(1.1, monotonic=lambda: now[0], sleep=sleep)
    for _ in range(3):
        throttle.wait()
    assert slept == pytest.approx([1.1, 1.1])
    now[0] += 60
    throttle.wait()
    assert len(slept) == 2


def test_one_key_has_one_throttle() -> None:
    assert shared_throttle("a key", 1.1) is shared_throttle("a key", 1.1)
    assert shared_throttle("a key", 1.1) is not shared_throttle("another", 1.1)


@pytest.fixture
def share(tmp_path: Path) -> Share:
    folder = tmp_path / "images" / "S" / "SmithJane48"
    folder.mkdir(parents=True)
    (folder / "photo.png").write_bytes(b"picture")
    (tmp_path / "secret.txt").write_text("not for anybody")
    (folder / "way-out").symlink_to(tmp_path / "secret.txt")
    return Share(str(tmp_path / "images"))


def test_a_file_is_found_regardless_of_letter_case(share: Share) -> None:
    assert share.there()
    assert share.open("S", "SmithJane48", "photo.png") == b"picture"
    assert share.open("s", "SMITHJANE48", "Photo.PNG") == b"picture"


@pytest.mark.parametrize(
    "parts",
    [
        ("..", "secret.txt"),
        ("S", "..", "..", "secret.txt"),
        ("/etc", "passwd"),
        ("S", "SmithJane48", "way-out"),
    ],
)
def test_nothing_outside_of_the_folder_is_ever_read(share: Share, parts: tuple[str, ...]) -> None:
    with pytest.raises((Unreadable, Unavailable)):
        share.open(*parts)


def test_a_missing_file_and_a_missing_share_are_told_apart(share: Share, tmp_path: Path) -> None:
    with pytest.raises(Unavailable, match="isn't in the folder"):
        share.open("S", "SmithJane48", "gone.png")
    with pytest.raises(Unavailable, match="mounted"):
        Share(str(tmp_path / "nothing")).open("S", "x")
    with pytest.raises(Misconfigured) as error:
        Share("").open("S", "x")
    assert error.value.setting == "image_folder"


def test_a_windows_path_is_cut_below_whichever_root_holds_it() -> None:
    roots = ["D:\\Other\\", "\\\\server\\OpenDentImages\\"]
    tail = tail_below("\\\\SERVER\\OpenDentImages\\S\\SmithJane48\\photo.png", roots)
    assert tail is not None
    assert tail.parts == ("S", "SmithJane48", "photo.png")
    assert tail_below("C:\\Elsewhere\\photo.png", roots) is None
