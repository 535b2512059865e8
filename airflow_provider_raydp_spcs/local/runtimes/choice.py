"""Which runtimes there are."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from airflow_provider_raydp_spcs.local.errors import LocalSnowflakeError

if TYPE_CHECKING:
    from airflow_provider_raydp_spcs.container_engine import Engine
    from airflow_provider_raydp_spcs.local.runtimes.base import Runtime

PROCESS: Final = "process"
RUNTIMES: Final = (PROCESS, "podman", "docker")


class UnknownRuntimeError(LocalSnowflakeError):
    """There is no runtime of this name."""


def engine_of(name: str) -> Engine | None:
    """The container engine behind a runtime; None where containers are processes.

    :raises UnknownRuntimeError: there is no such runtime.
    :raises EngineMissingError: its program is not installed.
    """
    from airflow_provider_raydp_spcs.container_engine import Engine

    if name not in RUNTIMES:
        msg = f"{name!r} is no runtime; allowed are {', '.join(RUNTIMES)}"
        raise UnknownRuntimeError(msg)
    return None if name == PROCESS else Engine.find(name)


def make_runtime(name: str, identity: str) -> Runtime:
    """A runtime by its name.

    :param identity: six hexadecimal digits that stand for the server.
    :raises LocalSnowflakeError, ContainerEngineError: it cannot work on this machine.
    """
    from airflow_provider_raydp_spcs.local.runtimes.container import ContainerRuntime
    from airflow_provider_raydp_spcs.local.runtimes.process import ProcessRuntime

    engine = engine_of(name)
    return ProcessRuntime(identity) if engine is None else ContainerRuntime(engine, identity)
