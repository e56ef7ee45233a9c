"""Cases as files: exemplary ones must be understood, supplemental ones must end well or in a named error."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from chartbridge.connectors.open_dental import codec
from chartbridge.connectors.open_dental.client import OpenDentalApi
from chartbridge.connectors.open_dental.settings import ApiAccess
from chartbridge.domain.clock import SystemClock
from chartbridge.pms import errors
from chartbridge.transport.http import Answer

CASES = sorted((Path(__file__).parent / "cases").glob("*/*.json"))
DECODERS: dict[str, tuple[Any, tuple[str, ...]]] = {
    "appointment": (codec.appointment, codec.APPOINTMENT_FIELDS),
    "patient": (codec.patient, codec.PATIENT_FIELDS),
}
CANARIES = ("Xyzzyowski", "019-8642")


def _plain(value: Any) -> Any:
    return value.isoformat() if hasattr(value, "isoformat") else getattr(value, "value", value)


def _case(path: Path) -> dict[str, Any]:
    loaded: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return loaded


@pytest.mark.parametrize("path", [p for p in CASES if "decoder" in _case(p)], ids=lambda p: p.stem)
def test_a_row_is_understood_or_named(path: Path) -> None:
    case = _case(path)
    one, fields = DECODERS[case["decoder"]]
    if case.get("unreadable"):
        with pytest.raises(codec.BadValue):
            codec.texts(case["item"], fields)
        return
    row = tuple(case["row"]) if "row" in case else codec.texts(case["item"], fields)
    good, bad = codec.decode([row], one, case["decoder"], fields)
    if "gives" in case:
        assert bad == []
        assert {name: _plain(getattr(good[0], name)) for name in case["gives"]} == case["gives"]
        return
    assert path.parent.name == "supplemental"
    assert good == []
    assert bad[0].why == case["bad"]
    assert bad[0].key == case.get("key", row[0])
    assert not any(canary in repr(bad) for canary in CANARIES)


@pytest.mark.parametrize("path", [p for p in CASES if "answer" in _case(p)], ids=lambda p: p.stem)
def test_an_answer_means_one_thing(path: Path) -> None:
    case = _case(path)
    access = ApiAccess(
        mode="service", address="http://127.0.0.1:9/api/v1/", developer_key="a", customer_key="b"
    )
    api = OpenDentalApi(access, SystemClock())
    answer = Answer(
        status=case["answer"]["status"],
        content=case["answer"]["body"].encode(),
        headers=case["answer"]["headers"],
    )
    error = api._no(answer, "add_note", writes=case["writes"])
    assert isinstance(error, getattr(errors, case["error"]))
    for name in ("ability", "reason", "retry_after"):
        if name in case:
            assert getattr(error, name) == case[name]
    assert case.get("says", "") in error.safe_message
    assert not any(canary in repr(error) + repr(vars(error)) for canary in CANARIES)
