"""A real headless Chromium, the distribution's own. Must not be in it: what is looked at."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from playwright.sync_api import Browser, sync_playwright

from tests.servers.process import find_program

DESKTOP = {"width": 1280, "height": 860}
PHONE = {"width": 390, "height": 844}

_QUIET = [
    "--no-sandbox",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-default-apps",
    "--disable-extensions",
    "--disable-sync",
    "--disable-domain-reliability",
    "--disable-client-side-phishing-detection",
    "--disable-dev-shm-usage",
    "--disable-gpu",
    "--metrics-recording-only",
    "--no-first-run",
    "--no-pings",
    "--password-store=basic",
    "--proxy-server=direct://",
    "--disable-features=OptimizationHints,MediaRouter,Translate,AutofillServerCommunication",
]


@contextmanager
def running_browser() -> Iterator[Browser]:
    """Start one browser; pages in it are made by whoever needs them."""
    program = find_program(["chromium", "chromium-browser", "google-chrome"], part="Chromium")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=program, args=_QUIET, headless=True, timeout=120_000
        )
        try:
            yield browser
        finally:
            browser.close()
