"""Every parameter through which something of the user's comes into the package, found by looking at the code.

So a parameter that is added is found too, and the test says that nobody has tried it yet.
"""

from __future__ import annotations

import enum
import importlib
import inspect
from collections.abc import Callable, Iterator
from types import ModuleType
from typing import Any, Final

import typer

PACKAGE: Final = "airflow_provider_raydp_spcs"
MODULES: Final = (
    *(f"spcs.{name}" for name in (
        "client", "compute_pools", "image_repositories", "inspection", "leases", "scripts", "services", "snowsight",
        "specification", "stages", "streamlit_apps", "table_loads", "write_ledger", "write_stages",
    )),
    *(f"cluster.{name}" for name in (
        "comment", "config", "lifecycle", "live_logs", "logs", "reaper", "leasing", "container_logs",
    )),
    *(f"jobs.{name}" for name in ("application", "client", "functions", "submission")),
    *(f"hooks.{name}" for name in ("ray_jobs", "scope", "spcs")),
    *(f"operators.{name}" for name in (
        "base", "cluster_task", "create_cluster", "delete_cluster", "export_logs", "reap_clusters", "resume_cluster", "scale_cluster",
        "submit_job", "suspend_cluster",
    )),
    "sensors.base", "sensors.cluster", "sensors.ray_job", "triggers.cluster", "triggers.lease", "triggers.ray_job", "decorators.raydp",
    "task_groups", "streamlit.deployment",
)  # fmt: skip
"""Where users' names and values come in; ``runtime`` and the command line are looked at besides."""
_COMMON: Final = ("connection", "database", "schema", "role", "warehouse", "output")
"""Options that all commands share."""


def parameters() -> Iterator[str]:
    """``module:Class.method(parameter)`` of every one that is public, and ``cli:command(parameter)``."""
    for path in MODULES:
        yield from _of_module(importlib.import_module(f"{PACKAGE}.{path}"), path)
    runtime = importlib.import_module(f"{PACKAGE}.runtime")
    for name in runtime.__all__:
        yield from _of_function(getattr(runtime, name), f"runtime:{name}")
    from airflow_provider_raydp_spcs.cli.app import app

    yield from _of_command(typer.main.get_command(app), [])


def _of_module(module: ModuleType, path: str) -> Iterator[str]:
    for name, found in vars(module).items():
        if name.startswith("_") or getattr(found, "__module__", "") != module.__name__:
            continue
        if inspect.isclass(found):
            if not issubclass(found, BaseException | enum.Enum) and not getattr(found, "_is_protocol", False):
                yield from _of_class(found, f"{path}:{name}")
        elif inspect.isfunction(found):
            yield from _of_function(found, f"{path}:{name}")


def _of_class(kind: type, label: str) -> Iterator[str]:
    if "__init__" in vars(kind):
        yield from _of_function(vars(kind)["__init__"], label)
    for name, found in vars(kind).items():
        function = found.__func__ if isinstance(found, classmethod | staticmethod) else found
        if not name.startswith("_") and inspect.isfunction(function):
            yield from _of_function(function, f"{label}.{name}")


def _of_function(function: Callable[..., Any], label: str) -> Iterator[str]:
    for each in inspect.signature(function).parameters.values():
        if each.name not in ("self", "cls", "kwargs") and each.kind is not each.VAR_KEYWORD:
            yield f"{label}({each.name})"


def _of_command(command: Any, words: list[str]) -> Iterator[str]:
    if hasattr(command, "commands"):
        for name, found in command.commands.items():
            yield from _of_command(found, [*words, name])
    else:
        for each in command.params:
            yield f"cli:{'*' if each.name in _COMMON else ' '.join(words)}({each.name})"
