"""Snowflake CLI, unmodified, as tests drive it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.programs import lacking


def program() -> Path:
    """Where ``snow`` is: what RAYDP_SNOW names, else the one that the Makefile installs.

    Without it a test skips on a user's machine, and fails where RAYDP_REQUIRE_EXTRAS is set, as in CI.
    """
    found = Path(os.environ.get("RAYDP_SNOW") or Path(sys.prefix) / "snow" / "bin" / "snow")
    if not found.is_file():
        lacking(
            f"Snowflake CLI is not there as {found}; install it: make .venv/.installed-snow, or name yours in RAYDP_SNOW"
        )
    return found


@dataclass(frozen=True)
class Ran:
    """How a command ended, and what it said."""

    code: int
    output: str
    errors: str

    @property
    def words(self) -> str:
        """All it said, without the frames and line ends that the width of a terminal puts in."""
        said = (self.output + self.errors).translate(dict.fromkeys(map(ord, "│╭╮╰╯─"), " "))
        return " ".join(said.split())


class Snow:
    """Runs commands."""

    def __init__(self, forks: subprocess.Popen[str], folder: Path) -> None:
        self._forks, self.folder = forks, folder

    def run(self, *arguments: str, given: str = "", folder: Path | None = None) -> Ran:
        """Run ``snow`` with these arguments; it may fail.

        :param given: on its standard input.
        :param folder: where it is run.
        """
        with tempfile.TemporaryDirectory(dir=self.folder) as between:
            files = {name: Path(between) / name for name in ("input", "output", "errors")}
            for file in files.values():
                file.write_text(given if file.name == "input" else "")
            request = {name: str(file) for name, file in files.items()}
            request |= {"arguments": list(arguments), "folder": str(folder or self.folder)}  # type: ignore[dict-item]
            assert self._forks.stdin is not None
            assert self._forks.stdout is not None
            self._forks.stdin.write(json.dumps(request) + "\n")
            self._forks.stdin.flush()
            code = int(self._forks.stdout.readline())
            return Ran(code, files["output"].read_text(), files["errors"].read_text())

    def says(self, *arguments: str, given: str = "", folder: Path | None = None) -> str:
        """Run it; it must do what it was asked. Answers what it said."""
        ran = self.run(*arguments, given=given, folder=folder)
        assert ran.code == 0, ran.words
        return ran.output

    def rows(self, *arguments: str, given: str = "", folder: Path | None = None) -> Any:
        """Run it; it must do what it was asked. Answers the rows that it shows, or the one row where it shows one."""
        return json.loads(self.says(*arguments, "--format", "json", given=given, folder=folder))

    def fails(self, *arguments: str, given: str = "", folder: Path | None = None) -> str:
        """Run it; it must fail. Answers what it said."""
        ran = self.run(*arguments, given=given, folder=folder)
        assert ran.code == 1, ran.words
        return ran.words


@contextmanager
def opened_snow(environment: dict[str, str], folder: Path) -> Iterator[Snow]:
    """Snowflake CLI with this environment; the folder holds what is between it and the tests."""
    python = program().with_name("python")
    command = [str(python), str(Path(__file__).with_name("forks.py"))]
    forks = subprocess.Popen(command, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    try:
        yield Snow(forks, folder)
    finally:
        assert forks.stdin is not None
        forks.stdin.close()
        forks.wait(60)
