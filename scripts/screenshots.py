"""Takes the pictures of README and docs from a running demo, in real Chromium: `make screenshots`.

Every name on them is made up. Options after `--` go to the demo.
"""

from __future__ import annotations

import re
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from playwright.sync_api import Page  # noqa: E402

from tests.servers.chromium import DESKTOP, PHONE, running_browser  # noqa: E402
from tests.servers.process import free_port, stop, tied_to_this_process  # noqa: E402

PICTURES = ROOT / "docs" / "pictures"
PAGES = {
    "patient-flow": "/flow/",
    "patients": "/patients/",
    "writebacks": "/writebacks/",
    "health": "/health/",
    "writeback-settings": "/settings/writeback/",
    "sync-settings": "/settings/sync/",
}
LIVED_S = 45.0
"""Seconds of the day before the pictures, so that there is something to see."""


def main() -> None:
    """Start a demo, let it live a little, take the pictures."""
    PICTURES.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as folder:
        demo = subprocess.Popen(
            tied_to_this_process(
                [
                    *(sys.executable, "-u", "-m", "chartbridge.cli", "demo", "--data", folder),
                    *("--port", str(free_port()), "--speed", "3", *sys.argv[1:]),
                ]
            ),
            stdout=subprocess.PIPE,
        )
        try:
            address, email, password = _greeting(demo)
            time.sleep(LIVED_S)
            _take(address, email, password)
        finally:
            stop(demo)


def _greeting(demo: subprocess.Popen[bytes]) -> tuple[str, str, str]:
    told = ""
    assert demo.stdout is not None
    for line in demo.stdout:
        told += line.decode()
        found = [re.search(rf"{word}\s+(\S+)", told) for word in ("The pages", "Sign in as", "Password")]
        if all(found):
            address, email, password = (match.group(1) for match in found if match)
            return address.rstrip("/"), email, password
    raise SystemExit(f"The demo did not start:\n{told}")


def _take(address: str, email: str, password: str) -> None:
    with running_browser() as browser:
        for name, size, scheme in (
            ("", DESKTOP, "light"),
            ("-dark", DESKTOP, "dark"),
            ("-phone", PHONE, "light"),
        ):
            context = browser.new_context(viewport=size, color_scheme=scheme, device_scale_factor=1.5)  # type: ignore[arg-type]
            page = context.new_page()
            page.goto(f"{address}/accounts/login/")
            page.fill("input[name=login]", email)
            page.fill("input[name=password]", password)
            page.press("input[name=password]", "Enter")
            page.wait_for_url(lambda url: "/accounts/login" not in url)
            for picture, path in PAGES.items():
                page.goto(f"{address}{path}")
                _keep(page, f"{picture}{name}")
            page.goto(f"{address}/flow/")
            patient = page.locator("a[href*='/patients/']").nth(1)
            page.goto(f"{address}{patient.get_attribute('href')}")
            _keep(page, f"patient{name}")
            context.close()


def _keep(page: Page, name: str) -> None:
    page.wait_for_timeout(600)
    page.screenshot(path=PICTURES / f"{name}.png")
    print(f"docs/pictures/{name}.png", flush=True)


if __name__ == "__main__":
    main()
