"""An answer that a browser gets later than the page has moved on."""

from __future__ import annotations

from playwright.sync_api import APIResponse, Page, Route


class LateAnswer:
    """The next request of a page to an address is answered by the hub at once; the page hears of it with `comes`."""

    def __init__(self, page: Page, address: str) -> None:
        self._page, self._address = page, address
        self._held: list[tuple[Route, APIResponse]] = []
        page.route(address, lambda route: self._held.append((route, route.fetch())), times=1)

    def comes(self) -> None:
        while not self._held:
            self._page.wait_for_timeout(20)
        route, answer = self._held.pop()
        with self._page.expect_response(self._address):
            route.fulfill(response=answer)
