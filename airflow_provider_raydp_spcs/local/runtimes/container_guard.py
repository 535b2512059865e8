"""Has stage mounts of real containers refuse what stages cannot take (SPCS reference 3.3; ``container_keeper.py``).

The container gets the engine's own seccomp profile, in which the few calls that matter ask instead of being allowed.
"""

from __future__ import annotations

import functools
import json
import os
import socket
import subprocess
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Self

from airflow_provider_raydp_spcs.container_engine import ContainerEngineError, Engine
from airflow_provider_raydp_spcs.local.runtimes.stage_guard import FLAGS_AT, guarded_calls

if TYPE_CHECKING:
    from airflow_provider_raydp_spcs.local.runtimes.base import ContainerStart

UNGUARDED: Final = "stage mounts take appended and random writes here, which the real ones refuse: "
"""How the line in a container's log begins that says so."""
_KEEPER: Final = Path(__file__).with_name("container_keeper.py")
_ASK, _ALLOW = "SCMP_ACT_NOTIFY", "SCMP_ACT_ALLOW"
_WAYS: Final = 0b11
_NOT_EMPTIED: Final = os.O_TRUNC | os.O_EXCL


@dataclass
class ContainerGuard:
    """The keeper of one container's stage mounts, and the arguments by which the engine hands it the questions."""

    arguments: list[str]
    _process: subprocess.Popen[bytes]

    @classmethod
    def start(cls, engine: Engine, start: ContainerStart, number: int) -> Self:
        """Start the keeper.

        :param number: of the start, unique in the server.
        :raises OSError: this engine cannot hand over questions.
        """
        base = _base(engine)
        address = start.folder / f"g{number}"
        start.folder.mkdir(parents=True, exist_ok=True)
        file = address.with_suffix(".json")
        file.write_text(json.dumps(profile(base, str(address))))
        stages = [path for path in start.stages if path not in start.read_only]
        with socket.socket(socket.AF_UNIX) as listener:
            listener.bind(str(address))
            listener.listen()
            process = subprocess.Popen(
                [sys.executable, "-S", "-E", str(_KEEPER), str(listener.fileno()), *stages],
                stdin=subprocess.PIPE,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                pass_fds=[listener.fileno()],
                start_new_session=True,
            )
        return cls(["--security-opt", f"seccomp={file}"], process)

    def close(self) -> None:
        """The container is gone, or never came."""
        self._process.kill()
        self._process.communicate()


@functools.cache
def _base(engine: Engine) -> Mapping[str, Any]:
    """The engine's own profile, asked for once."""
    if engine.name != "podman":
        msg = f"{engine.name} does not say which seccomp profile it uses"
        raise OSError(msg)
    try:
        path = engine.run("info", "--format", "{{.Host.Security.SECCOMPProfilePath}}").strip()
    except ContainerEngineError as error:
        raise OSError(str(error)) from error
    found = json.loads(Path(path).read_text())
    return dict(found)


def profile(base: Mapping[str, Any], listener: str) -> dict[str, Any]:
    """A seccomp profile in which the guarded calls ask.

    :param base: the profile to begin with; calls that it does not allow stay forbidden.
    :param listener: path of the socket that gets the descriptor.
    """
    guarded = guarded_calls()
    rules, allowed = [], set()
    for rule in base["syscalls"]:
        is_plain = rule["action"] == _ALLOW and not (rule.get("args") or rule.get("includes") or rule.get("excludes"))
        if is_plain:
            allowed |= guarded.keys() & set(rule["names"])
            rule = {**rule, "names": [name for name in rule["names"] if name not in guarded]}
        if rule["names"]:
            rules.append(rule)
    for name in sorted(allowed):
        rules += [*_opening(name, FLAGS_AT[name])] if name in FLAGS_AT else [_rule(name, _ASK)]
    return {**base, "syscalls": rules, "listenerPath": listener}


def _opening(name: str, index: int) -> Iterator[dict[str, Any]]:
    """Asked about is opening to write without emptying, and to append; each value of the flags meets one rule only."""
    for way in (os.O_RDONLY, _WAYS):
        yield _rule(name, _ALLOW, index, _WAYS, way)
    for way in (os.O_WRONLY, os.O_RDWR):
        yield _rule(name, _ASK, index, _WAYS | os.O_APPEND, way | os.O_APPEND)
        whole = _WAYS | os.O_APPEND | _NOT_EMPTIED
        for emptied in (0, os.O_TRUNC, os.O_EXCL, _NOT_EMPTIED):
            yield _rule(name, _ALLOW if emptied else _ASK, index, whole, way | emptied)


def _rule(name: str, action: str, index: int = 0, mask: int = 0, value: int = 0) -> dict[str, Any]:
    condition = {"index": index, "value": mask, "valueTwo": value, "op": "SCMP_CMP_MASKED_EQ"}
    return {"names": [name], "action": action, "args": [condition] if mask else []}
