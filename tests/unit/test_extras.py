"""Programs that tests want: without them a test skips on a user's machine, and fails in CI."""

from __future__ import annotations

import shutil

import pytest

from tests.browser import chromium
from tests.system.containers.engine import require_programs


@pytest.mark.parametrize(("required", "outcome"), [("", pytest.skip.Exception), ("1", pytest.fail.Exception)])
def test_a_missing_browser_is_said_so(
    monkeypatch: pytest.MonkeyPatch, required: str, outcome: type[BaseException]
) -> None:
    monkeypatch.setattr(shutil, "which", lambda program: None)
    monkeypatch.setenv("RAYDP_REQUIRE_EXTRAS", required)
    with pytest.raises(outcome, match="apt-get install chromium"):
        chromium()


def test_any_of_its_names_will_do(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "which", lambda program: f"/bin/{program}" if program == "google-chrome" else None)
    assert chromium() == "/bin/google-chrome"


@pytest.mark.parametrize(("required", "outcome"), [("", pytest.skip.Exception), ("1", pytest.fail.Exception)])
def test_missing_programs_for_containers_are_said_so(
    monkeypatch: pytest.MonkeyPatch, required: str, outcome: type[BaseException]
) -> None:
    monkeypatch.setattr(shutil, "which", lambda program: None if program == "podman" else f"/bin/{program}")
    monkeypatch.setenv("RAYDP_REQUIRE_EXTRAS", required)
    with pytest.raises(outcome, match=r"not installed: podman .*apt-get install .*podman"):
        require_programs()
    monkeypatch.setattr(shutil, "which", lambda program: f"/bin/{program}")
    monkeypatch.setattr("os.geteuid", lambda: 1000)
    with pytest.raises(outcome, match="need root"):
        require_programs()
