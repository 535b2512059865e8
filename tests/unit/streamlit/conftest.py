"""The app without a browser, over a small Snowflake in memory."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from streamlit.testing.v1 import AppTest

from airflow_provider_raydp_spcs import streamlit as room
from airflow_provider_raydp_spcs.streamlit import pages
from tests.unit.cluster.fakes import FakeClient

ENTRY = Path(room.__file__).with_name("sis.py")


@pytest.fixture
def client() -> FakeClient:
    return FakeClient()


class App:
    """A browser's session with the app."""

    def __init__(self, **parameters: str) -> None:
        self.page = AppTest.from_file(ENTRY, default_timeout=30)
        self.page.query_params.update(parameters)
        self.look()

    def look(self) -> None:
        """The page once more, as after a timer."""
        self.page.run()
        assert not self.page.exception, self.page.exception

    def press(self, label: str) -> None:
        (button,) = [each for each in self.page.button if each.label == label]
        button.click()
        self.look()

    def texts(self) -> str:
        kinds = ("title", "markdown", "caption", "error", "warning", "info", "success", "text", "code")
        return "\n".join(str(each.value) for kind in kinds for each in getattr(self.page, kind))

    def labels(self) -> list[str]:
        return [each.label for each in self.page.button]


@pytest.fixture
def open_app(client: FakeClient, monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.setattr(pages, "open_client", lambda outside: client)
    monkeypatch.setattr(pages, "TURN_SECONDS", 0)
    return App
