"""The fixtures of the light system: a second local Snowflake whose nodes are small programs, behind the fault door."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.faults.door import Door
from tests.faults.light import Light, make_images
from tests.faults.report import Report
from tests.faults.suite import suite_on_its_own


@pytest.fixture(scope="session")
def light_system(report: Report, temporary: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Light]:
    """The system; its clients' environment is that of the fixture ``light``."""
    folder, outside = tmp_path_factory.mktemp("light"), dict(os.environ)
    with suite_on_its_own(report, make_images(folder), temporary / "light") as suite:
        (folder / "job.py").write_text("print(1)\n")
        made = Light(suite, Door(suite.home), folder, folder / "job.py")
        # Other tests' clients know another local Snowflake.
        os.environ.clear()
        os.environ.update(outside)
        yield made
        os.environ.update(suite.environment)
        made.close()


@pytest.fixture
def light(light_system: Light, monkeypatch: pytest.MonkeyPatch) -> Light:
    """The light system, which the clients of this test find in their environment."""
    for name, value in light_system.suite.environment.items():
        monkeypatch.setenv(name, value)
    return light_system
