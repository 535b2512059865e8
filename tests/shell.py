"""Typing the installed command ``raydp-spcs`` as a user does."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

from airflow_provider_raydp_spcs.cli.exit_codes import ExitCode

COMMAND = str(Path(sys.executable).with_name("raydp-spcs"))
PATIENCE = 200.0


class Shell:
    """Where commands are typed.

    :param environment: what ``local env`` prints.
    :param folder: the working folder; what commands remember stays there, too.
    """

    def __init__(self, environment: dict[str, str], folder: Path) -> None:
        private = {"XDG_CACHE_HOME": str(folder / "cache"), "AIRFLOW_HOME": str(folder / "airflow")}
        self.environment, self.folder = {**os.environ, **environment, **private}, folder

    def start(self, *words: str) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [COMMAND, *words], env=self.environment, cwd=self.folder, text=True,
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        )  # fmt: skip

    def run(self, *words: str, code: ExitCode = ExitCode.OK) -> tuple[str, str]:
        """What a command says on standard output and on standard error."""
        with self.start(*words) as process:
            out, err = process.communicate(timeout=PATIENCE)
        assert process.returncode == code, f"{words}: {process.returncode}\n{out}\n{err}"
        assert "Traceback" not in err
        return out, err

    def ask(self, *words: str, code: ExitCode = ExitCode.OK) -> Any:
        """What it answers in JSON; nothing else may be on standard output."""
        # Behind the command and before its arguments, some of which may be the job's own.
        return json.loads(self.run(*words[:2], "--output", "json", *words[2:], code=code)[0])

    def write(self, name: str, text: str) -> str:
        """A file in the working folder."""
        (self.folder / name).write_text(text)
        return name
