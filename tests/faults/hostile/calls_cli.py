"""The command line, each argument and option of it that takes a text; typed in this process, with connections of its own."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any
from unittest.mock import patch

from typer import testing
from typer.main import get_command

from airflow_provider_raydp_spcs.cli.app import app
from airflow_provider_raydp_spcs.cli.exit_codes import ExitCode
from tests.faults.hostile.calls_cluster import CLUSTER, _gone
from tests.faults.hostile.world import Call, World


class CommandRefusedError(Exception):
    """The command ended with one of the documented exit codes, and told why."""


CommandRefusedError.__module__ = "airflow_provider_raydp_spcs.cli"

COMMAND = get_command(app)
OPTIONS = {
    "eai": "--eai", "tag": "--tag", "worker_group": "--worker-group", "job_id": "--id", "artifacts_stage": "--artifacts-stage",
}  # fmt: skip
ARGUMENTS = ("name", "path", "cluster", "job", "jobs", "file", "arguments", "folder", "count", "names")
COMMANDS: tuple[tuple[str, dict[str, Any], tuple[str, ...]], ...] = (
    ("cluster create", {"name": CLUSTER, "worker_family": "CPU_X64_XS", "head_family": "CPU_X64_XS", "worker_memory": "1Gi",
                        "head_memory": "1Gi", "worker_group": "name=gpu,family=CPU_X64_XS,count=1,env.A=x,resources.licence=1",
                        "query_warehouse": "RAYDP_SIS_XSW", "eai": "RAYDP_ACCESS_INTEGRATION", "image_tag": "1", "tag": "COST=x",
                        "max_life": "1h", "max_idle": "1h", "idle_action": "drop", "auto_suspend": "60", "owner": "o",
                        "timeout": "1m"}, ("--dry-run",)),
    ("cluster status", {"name": "OTHER"}, ()),
    ("cluster urls", {"name": "OTHER"}, ()),
    ("cluster logs", {"name": "OTHER", "group": "head", "container": "raydp"}, ()),
    ("cluster scale", {"name": "OTHER", "group": "worker", "timeout": "1m", "count": "2"}, ("--no-wait",)),
    ("cluster suspend", {"name": "OTHER", "timeout": "1m"}, ("--no-wait",)),
    ("cluster resume", {"name": "OTHER", "timeout": "1m"}, ("--no-wait",)),
    ("cluster delete", {"name": "OTHER", "timeout": "1m"}, ("--yes",)),
    ("cluster reap", {"owner": "o", "max_age": "1d"}, ("--dry-run",)),
    ("reap", {"owner": "o", "max_age": "1d"}, ("--dry-run",)),
    ("job submit", {"cluster": "OTHER", "file": "app.py", "job_id": "j", "timeout": "1m", "artifacts_stage": "RAYDP_ARTIFACTS",
                    "runtime_env": "env.yaml", "session": "own", "arguments": "x"}, ()),
    ("job list", {"cluster": "OTHER"}, ()),
    ("job status", {"cluster": "OTHER", "job": "j"}, ()),
    ("job logs", {"cluster": "OTHER", "job": "j"}, ()),
    ("job stop", {"cluster": "OTHER", "jobs": "j"}, ()),
    ("logs export", {"cluster": "OTHER", "jobs": "j", "run": "r", "stage": "RAYDPLOGS"}, ()),
    ("logs ls", {"path": "a", "stage": "RAYDPLOGS"}, ()),
    ("logs prune", {"cluster": "OTHER", "keep": "1d", "stage": "RAYDPLOGS"}, ()),
    ("logs get", {"path": "nothing", "folder": "here", "stage": "RAYDPLOGS"}, ()),
    ("images list", {"repository": "RAYDP_SIS_IMAGE_REPO", "tag": "1"}, ()),
    ("doctor", {"integration": "RAYDP_ACCESS_INTEGRATION"}, ()),
    ("setup", {"integration": "I"}, ("--dry-run",)),
    ("app", {"name": "HOSTILE_APP", "stage": "HOSTILE_STAGE"}, ("--deploy",)),
    ("*", {"connection": "env", "database": "RAYDP_SIS_DB", "schema": "RAYDP_SIS_CORE_SCHEMA", "role": "RAYDP_SIS_ROLE",
           "warehouse": "RAYDP_SIS_XSW", "output": "json"}, ()),
)  # fmt: skip
"""Command → harmless arguments, and flags with which it does no more than is tried."""


def type_in(world: World, words: str, flags: tuple[str, ...], **given: Any) -> None:
    """A command; files that it names are in the world's folder.

    :raises CommandRefusedError: it ends with another exit code than 0.
    :raises AssertionError: it ends with a traceback, or with an exit code that nobody documents.
    """
    files = {"file": world.folder / "app.py", "runtime_env": world.folder / "env.yaml"}
    for key in ("file", "runtime_env", "folder"):
        if key in given and "\0" not in given[key]:
            given[key] = str(world.folder / "typed" / given[key].strip("/.")) if key == "folder" else (
                str(files[key]) if given[key] == files[key].name else str(world.folder / given[key].lstrip("/"))
            )  # fmt: skip
    options = [
        f"{OPTIONS.get(key, '--' + key.replace('_', '-'))}={value}"
        for key, value in given.items()
        if key not in ARGUMENTS
    ]
    arguments = [given[key] for key in ARGUMENTS if key in given]
    command = ["cluster", "list"] if words == "*" else words.split()
    with patch.object(testing, "_get_command", lambda app: COMMAND):  # it would be made anew each time
        result = testing.CliRunner().invoke(app, [*command, *options, *flags, "--", *arguments])
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    assert result.exit_code in set(ExitCode), result.output
    if result.exit_code:
        raise CommandRefusedError(result.output)


def calls() -> Iterator[Call]:
    def ready(world: World) -> None:
        (world.folder / "app.py").write_text("print('x')")
        (world.folder / "env.yaml").write_text("env_vars: {A: x}")

    for words, harmless, flags in COMMANDS:
        yield Call(
            f"cli:{words}",
            lambda world, words=words, flags=flags, **given: type_in(world, words, flags, **given),
            harmless,
            _gone if words == "cluster create" else ready,
            is_data=True,
            is_slow="--deploy" in flags,
        )
