"""docker or podman on this machine: which one there is, and its command line.

Used by the local Snowflake's container runtime and by the building of images. Both programs understand the arguments
that are used here.
"""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

NAMES: Final = ("podman", "docker")
_INSTALL: Final = "Debian, Ubuntu: apt-get install podman runc netavark aardvark-dns iptables"


class ContainerEngineError(RuntimeError):
    """The container engine cannot do what it was asked for; the message says why."""


class EngineMissingError(ContainerEngineError):
    """Neither docker nor podman is installed, or not the one that was asked for."""


class EngineNotRunningError(ContainerEngineError):
    """The program is there, but what does its work does not answer."""


class EngineCommandError(ContainerEngineError):
    """A command of the engine failed.

    :param stderr: what the engine printed.
    """

    def __init__(self, message: str, stderr: str) -> None:
        super().__init__(message)
        self.stderr = stderr


@dataclass(frozen=True)
class Engine:
    """A container engine.

    :param name: ``podman`` or ``docker``.
    :param program: path of its command.
    """

    name: str
    program: str

    @classmethod
    def find(cls, name: str | None = None) -> Engine:
        """The engine of this name, or the first one there is.

        :raises EngineMissingError: it is not installed.
        """
        for each in (name,) if name else NAMES:
            if program := shutil.which(each):
                return cls(each, program)
        msg = f"{name or 'neither podman nor docker'} is not on PATH; install it ({_INSTALL})"
        raise EngineMissingError(msg if name else msg.replace("is not", "is"))

    def check_running(self) -> None:
        """Make sure that commands will be carried out.

        :raises EngineNotRunningError: docker's daemon does not answer, or podman cannot read its storage.
        """
        try:
            self.run("info", "--format", "{{json .}}", timeout=60)
        except EngineCommandError as error:
            first = "start it: systemctl start docker; or use podman" if self.name == "docker" else "see: podman info"
            msg = f"{self.name} is installed but does not answer: {error.stderr.strip().rstrip('.?')}. Next: {first}"
            raise EngineNotRunningError(msg) from error

    def run(self, *arguments: str, given: str | None = None, timeout: float | None = 120) -> str:
        """Carry out a command; answer what it printed.

        :param given: text for its standard input; secrets go this way only.
        :param timeout: seconds; None for no limit.
        :raises EngineCommandError: it failed, or did not end in time.
        """
        try:
            done = subprocess.run(
                [self.program, *arguments], input=given, capture_output=True, text=True, timeout=timeout, check=False
            )
        except subprocess.TimeoutExpired as error:
            msg = f"{self.name} {arguments[0]} did not end within {timeout:g} s"
            raise EngineCommandError(msg, "") from error
        if done.returncode:
            msg = f"{self.name} {' '.join(arguments[:2])} failed: {done.stderr.strip() or done.stdout.strip()}"
            raise EngineCommandError(msg, done.stderr or done.stdout)
        return done.stdout

    def show(self, *arguments: str) -> None:
        """Carry out a command whose output the user sees.

        :raises EngineCommandError: it failed; its own words have been shown.
        """
        code = subprocess.run([self.program, *arguments], check=False).returncode
        if code:
            msg = f"{self.name} {arguments[0]} failed with exit code {code}; its own message stands above"
            raise EngineCommandError(msg, "")

    def inspect_image(self, reference: str) -> dict[str, Any] | None:
        """What the engine knows of an image, or None where it holds no such image."""
        try:
            found = json.loads(self.run("image", "inspect", reference))
        except EngineCommandError as error:
            if _says(error.stderr, ("no such image", "not known", "not found", "unable to find")):
                return None
            raise
        return dict(found[0])

    def image_names(self) -> list[str]:
        """``repository/name:tag`` of every image."""
        return [
            name for name in self.run("images", "--format", "{{.Repository}}:{{.Tag}}").split() if "<none>" not in name
        ]


def _says(text: str, words: Sequence[str]) -> bool:
    return any(word in text.lower() for word in words)
