"""A platform whose supervisor is turned by hand, with containers that the test itself ends."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from airflow_provider_raydp_spcs.local.errors import SnowflakeFault
from airflow_provider_raydp_spcs.local.runtimes.base import ContainerStart, Usage
from airflow_provider_raydp_spcs.local.services.container_start import AccountFacts, Folders
from airflow_provider_raydp_spcs.local.services.fleet import Fleet
from airflow_provider_raydp_spcs.local.services.images import ImageCatalogue
from airflow_provider_raydp_spcs.local.services.platform import Platform
from airflow_provider_raydp_spcs.local.services.pools import Pools
from airflow_provider_raydp_spcs.local.services.supervisor import Supervisor
from airflow_provider_raydp_spcs.local.services.surroundings import Surroundings
from airflow_provider_raydp_spcs.local.sql.catalogue import Catalogue
from airflow_provider_raydp_spcs.local.sql.dispatch import Dispatcher
from airflow_provider_raydp_spcs.local.stages.catalogued import stage_folder
from airflow_provider_raydp_spcs.local.stages.files import StageFiles
from airflow_provider_raydp_spcs.local.store import Store
from airflow_provider_raydp_spcs.local.wire.answers import Answer, RowsAnswer, SessionFacts
from airflow_provider_raydp_spcs.shipped import shipped


class Played:
    """A container that ends when the test says so; told to end it does, unless it is deaf."""

    def __init__(self, start: ContainerStart, *, deaf: bool = False) -> None:
        self.start, self.deaf = start, deaf
        self.code: int | None = None
        self.asked = False
        self.cpu_seconds = 0.0

    def poll(self) -> int | None:
        return self.code

    def terminate(self) -> None:
        self.asked = True
        if not self.deaf and self.code is None:
            self.code = 143

    def kill(self) -> None:
        self.code = 137 if self.code is None else self.code

    def usage(self) -> Usage:
        return Usage(self.cpu_seconds, 5 * 1024**2)

    def lacks(self, names: Mapping[str, str]) -> bool:
        del names
        return False


class PlayedRuntime:
    """Starts :class:`Played` containers."""

    server_name, subnet = "127.0.0.1", None

    def __init__(self) -> None:
        self.started: list[Played] = []
        self.deaf = False

    def open(self) -> None: ...

    def close(self) -> None: ...

    def sweep(self) -> int:
        return 0

    def address(self, number: int) -> str:
        return f"127.9.0.{number}"

    def start(self, start: ContainerStart) -> Played:
        self.started.append(made := Played(start, deaf=self.deaf))
        start.log.parent.mkdir(parents=True, exist_ok=True)
        with start.log.open("a") as file:
            file.write(f"run {len(self.started)}\n")
        return made


class PlayedIngress:
    """Hands out ports, and keeps what may be reached through them."""

    def __init__(self) -> None:
        self.number, self.targets = 40_000, {}  # type: ignore[var-annotated]

    def new_port(self) -> int:
        self.number += 1
        return self.number

    def ports(self) -> list[int]:
        return sorted(self.targets)

    def open(self, port: int, service: str, endpoint: str, targets: Callable[[], list[str]]) -> bool:
        self.targets.setdefault(port, targets)
        return True

    def close_ports(self, ports: Any) -> None:
        for port in ports:
            self.targets.pop(port, None)


class Account:
    """A session as ACCOUNTADMIN in DB.S; ``step`` is one round of the supervisor."""

    def __init__(self, folder: Path, provisioning_seconds: float = 0.0) -> None:
        self.store = Store(folder / "objects.sqlite")
        self.catalogue, self.files = Catalogue(self.store), StageFiles(folder / "stages")
        self.runtime, self.ingress = PlayedRuntime(), PlayedIngress()
        surroundings = Surroundings(
            ImageCatalogue(shipped("images")),
            AccountFacts("LOCAL", "127.0.0.1", 1, folder / "ca"),
            lambda location: stage_folder(self.catalogue, self.files, location),
            lambda service, role: "token",
        )
        self.fleet = Fleet(self.store, Pools(self.store, provisioning_seconds))
        self.fleet.load()
        folders = Folders(folder / "x", folder / "logs", folder / "blocks")
        parts: Any = (self.ingress, folders, surroundings)
        self.supervisor = Supervisor(self.fleet, self.runtime, *parts)  # type: ignore[arg-type]
        self.platform = Platform(self.fleet, *parts)
        self.dispatcher = Dispatcher(self.platform, self.catalogue, self.files)
        self.session = SessionFacts("RAYDP", "ACCOUNTADMIN", "DB", "S")
        if not self.catalogue.has("User", "RAYDP"):
            self.catalogue.create("User", "RAYDP", {"owner": "ACCOUNTADMIN", "LOGIN_NAME": "RAYDP"})

    def step(self, times: int = 1) -> None:
        for _ in range(times):
            with self.fleet.lock:
                self.supervisor._tick()

    def answer(self, text: str, *bindings: object) -> Answer | None:
        return self.dispatcher.answer(text, bindings, self.session)

    def rows(self, text: str, *bindings: object) -> list[dict[str, Any]]:
        answer = self.answer(text, *bindings)
        assert isinstance(answer, RowsAnswer), answer
        return [dict(zip([column.name for column in answer.columns], row, strict=True)) for row in answer.rows]

    def one(self, text: str, *bindings: object) -> dict[str, Any]:
        (row,) = self.rows(text, *bindings)
        return row

    def status(self, text: str, *bindings: object) -> str:
        return str(self.one(text, *bindings)["status"])

    @property
    def running(self) -> list[Played]:
        return [each for each in self.runtime.started if each.code is None]

    def until(self, condition: Callable[[], Any], seconds: float = 20) -> None:
        """Turn the supervisor until something holds."""
        deadline = time.monotonic() + seconds
        while not condition():
            assert time.monotonic() < deadline, "it did not happen"
            self.step()
            time.sleep(0.01)


@contextmanager
def opened(folder: Path, *statements: str) -> Iterator[Account]:
    """An account in which these statements were run."""
    account = Account(folder)
    for statement in statements:
        account.answer(statement)
    yield account
    account.store.close()


def refused(account: Account, role: str, statement: str) -> str:
    """What a role hears that may not do this: number and message."""
    account.session.role = role
    with pytest.raises(SnowflakeFault) as caught:
        account.answer(statement)
    account.session.role = "ACCOUNTADMIN"
    return f"{caught.value.number} {caught.value.message}"


def allowed(account: Account, role: str, statement: str) -> None:
    """A role may do this."""
    account.session.role = role
    account.answer(statement)
    account.session.role = "ACCOUNTADMIN"


def spec(tag: str = "1", *, cpu: float = 1, gpus: int = 0, **more: Any) -> str:
    """A specification with one container."""
    requests: dict[str, Any] = {"cpu": cpu, "memory": "1Gi"}
    resources: dict[str, Any] = {"requests": requests}
    if gpus:
        requests["nvidia.com/gpu"] = gpus
        resources["limits"] = {"nvidia.com/gpu": gpus}
    container = {"name": "main", "image": f"/d/s/r/raydp_head:{tag}", "resources": resources, "env": {"TAG": tag}}
    return json.dumps({"spec": {"containers": [container], **more}})
