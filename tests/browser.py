"""A real browser for tests: the machine's own Chromium, headless, driven by Playwright."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from playwright.sync_api import Browser, Page, expect, sync_playwright

from tests.programs import needed

TIMEOUT = 90_000
"""Milliseconds that a page may take to show what is waited for; machines that run tests are busy."""
PROGRAMS = ("chromium", "chromium-browser", "google-chrome")


def chromium() -> str:
    """Where Chromium is; see :func:`~tests.programs.needed`."""
    return needed(*PROGRAMS, package="chromium")


class Pages:
    """Opens pages in one browser, each as if in a browser of its own: without history, without cookies."""

    def __init__(self, browser: Browser) -> None:
        self._browser = browser

    def open(self, width: int = 1400, height: int = 900, *, dark: bool = False) -> Page:
        """An empty page, which trusts the local Snowflake's certificates.

        :param dark: the user likes dark pages.
        """
        context = self._browser.new_context(
            ignore_https_errors=True,
            locale="en-US",
            viewport={"width": width, "height": height},
            color_scheme="dark" if dark else "light",
        )
        context.set_default_timeout(TIMEOUT)
        return context.new_page()


@contextmanager
def opened_browser() -> Iterator[Pages]:
    """A browser; it and its pages are gone at the end."""
    expect.set_options(timeout=TIMEOUT)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium())
        try:
            yield Pages(browser)
        finally:
            browser.close()


@contextmanager
def opened_page(width: int = 1400, height: int = 900) -> Iterator[Page]:
    """One page in a browser of its own."""
    with opened_browser() as pages:
        yield pages.open(width, height)


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
