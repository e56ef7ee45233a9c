"""The demo's practice on a sandbox of Open Dental that a test runs itself."""

from __future__ import annotations

from pathlib import Path

from chartbridge.demo.places import Office, OnOpenDental
from chartbridge.demo.practice import Ready, set_up
from chartbridge.pms.connector import Settings
from chartbridge.sandbox.open_dental import Sandbox

ZONE = "America/New_York"


class OnThis(OnOpenDental):
    """That sandbox, which is there already."""

    def __init__(self, sandbox: Sandbox) -> None:
        super().__init__(Office(folder=Path(sandbox.documents), zone=ZONE, patients=0, seed=0, speed=1.0))
        self._sandbox = sandbox
        self._file = Path(sandbox.db_url)

    def entered(self) -> Settings:
        usual, here = super().entered(), self._sandbox
        places = {"api_address": f"{here.base_url}/", "image_folder": str(here.documents)}
        return Settings(
            values={**usual.values, **places}, secrets={**usual.secrets, "customer_key": here.customer_key}
        )


def set_up_on(sandbox: Sandbox) -> Ready:
    """The practice, connected to it."""
    return set_up(OnThis(sandbox), time_zone=ZONE)
