"""R27: an upgrade in the middle of the work. Folders that earlier versions left are taken up by this one."""

from __future__ import annotations

import random
import sqlite3
import time
from contextlib import closing
from pathlib import Path

import pytest

from tests.faults.conftest import Told
from tests.faults.lab import Lab
from tests.faults.old_folder import KEY, STATES, OldFolder, kept_folders
from tests.faults.program import Program

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1800)]


@pytest.mark.fault("R27")
@pytest.mark.parametrize("old", kept_folders(), ids=lambda old: old.folder.name)
def test_what_an_earlier_version_left_in_every_state_goes_on_and_nothing_is_lost_or_twice(
    old: OldFolder, tmp_path: Path, told: Told
) -> None:
    chance = random.Random(27)
    lab = UpgradedLab(tmp_path, old)
    stand = {"unknown_patient": 1, "refused": 1, "missing": 1}
    try:
        before = set(lab.rows("SELECT DISTINCT delivery, seen FROM store_writeback"))
        skipped = lab.standing("delivery='skipped'")
        assert before >= STATES
        kills = kill_while_it_migrates(lab, chance)
        lab.restart()
        fresh = 5
        lab.hand_in(fresh)  # under the token that the old version gave
        may = stand | {"not_allowed": skipped + fresh}  # e-mails of one practice
        verdict = lab.settle(300, at_desk=may)
    finally:
        lab.close()
    told(
        f"a folder of the tables {old.folder.name}, with writebacks in {len(before)} states, taken up by this version",
        verdict,
        kills=kills,
    )
    assert {name: count for name, count in verdict.reasons.items() if name != "not_allowed"} == stand


class UpgradedLab(Lab):
    """A lab whose hub and practices begin with what a kept folder holds."""

    def __init__(self, folder: Path, old: OldFolder) -> None:
        self._old = old
        super().__init__(folder, offices=len(old.practices), patients=12, seed=27)

    def environment(self, data: Path | None = None) -> dict[str, str]:
        return {**super().environment(data), "CHARTBRIDGE_KEY": KEY}

    def _set_up(self) -> None:
        self._old.unpack_store(self.data)
        with closing(sqlite3.connect(self.data / "chartbridge.sqlite3")) as store, store:
            for number, (office, was) in enumerate(zip(self.offices, self._old.practices, strict=True)):
                office.sandbox.stop()
                self._old.unpack_practice(number, Path(office.database))
                office.sandbox.start()
                store.execute(
                    'UPDATE store_connection SET "values" = REPLACE("values", ?, ?) WHERE id = ?',
                    (f":{was['api_port']}/", f":{office.api.port}/", was["connection_id"]),
                )
                office.practice_id, office.connection_id = was["practice_id"], was["connection_id"]
                office.program = Program(
                    self.address, was["token"], _patients(office.database), 9000 + number
                )
                office.program.acknowledged = list(was["acknowledged"])


def _patients(database: str) -> list[str]:
    with closing(sqlite3.connect(database)) as pms:
        return [str(key) for (key,) in pms.execute("SELECT PatNum FROM patient WHERE PatStatus = 0")]


def kill_while_it_migrates(lab: Lab, chance: random.Random) -> int:
    """Kill the hub a few times before it is ready: it changes its tables then."""
    kills = 0
    for _ in range(4):
        lab.launch()
        time.sleep(chance.uniform(0.3, 1.0))
        if lab.hub.ended() is None:
            lab.hub.kill()
            kills += 1
    return kills
