"""A real browser for tests: the machine's own Chromium, headless, driven by Playwright."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from playwright.sync_api import Page, expect, sync_playwright

from tests.programs import needed

TIMEOUT = 30_000
"""Milliseconds that a page may take to show what is waited for; machines that run tests are busy."""
PROGRAMS = ("chromium", "chromium-browser", "google-chrome")


def chromium() -> str:
    """Where Chromium is; see :func:`~tests.programs.needed`."""
    return needed(*PROGRAMS, package="chromium")


@contextmanager
def opened_page(width: int = 1400, height: int = 900) -> Iterator[Page]:
    """An empty page in a browser without history and cookies, which trusts the local Snowflake's certificates."""
    expect.set_options(timeout=TIMEOUT)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium())
        context = browser.new_context(
            ignore_https_errors=True, locale="en-US", viewport={"width": width, "height": height}
        )
        context.set_default_timeout(TIMEOUT)
        try:
            yield context.new_page()
        finally:
            browser.close()


class Album:
    """Screenshots, numbered, in the folder that RAYDP_SCREENSHOTS names or in another."""

    def __init__(self, folder: Path) -> None:
        self.folder = Path(os.environ.get("RAYDP_SCREENSHOTS") or folder)
        self.folder.mkdir(parents=True, exist_ok=True)
        self._taken = 0

    def take(self, page: Page, name: str) -> Path:
        self._taken += 1
        path = self.folder / f"{self._taken:02}-{name}.png"
        page.screenshot(path=path)
        return path
