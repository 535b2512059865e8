"""What Airflow learns of the provider: as its schema wants it, and all of it there."""

from __future__ import annotations

import json
from importlib import import_module
from pathlib import Path
from typing import Any

import airflow
import jsonschema
import pytest
from airflow.configuration import conf
from airflow.sdk import BaseOperatorLink
from airflow.sdk.providers_manager_runtime import ProvidersManagerTaskRuntime

from airflow_provider_raydp_spcs.get_provider_info import get_provider_info
from airflow_provider_raydp_spcs.hooks.spcs import SpcsHook
from airflow_provider_raydp_spcs.jobs import wait
from airflow_provider_raydp_spcs.operators.base import poll_seconds
from airflow_provider_raydp_spcs.version import __version__

INFO = get_provider_info()
ROOT = Path(import_module("airflow_provider_raydp_spcs").__file__ or "").parent


def named(path: str) -> Any:
    module, _, name = path.rpartition(".")
    return getattr(import_module(module), name)


def test_it_is_as_airflows_schema_wants_it() -> None:
    schema = json.loads((Path(airflow.__file__).parent / "provider_info.schema.json").read_text())
    jsonschema.validate(INFO, schema)


@pytest.mark.parametrize("room", ["operators", "sensors", "triggers", "hooks"])
def test_every_public_module_is_listed_and_can_be_imported(room: str) -> None:
    listed = {module for each in INFO[room] for module in each["python-modules"]}
    for module in listed:
        import_module(module)
    shared = {"__init__", "base", "cluster_task", "events", "scope", "shared", "watches"}
    there = {f"airflow_provider_raydp_spcs.{room}.{file.stem}" for file in (ROOT / room).glob("*.py")}
    assert listed == {module for module in there if module.rpartition(".")[2] not in shared}


def test_links_and_decorator_are_there() -> None:
    for path in INFO["extra-links"]:
        assert issubclass(named(path), BaseOperatorLink)
    links = import_module("airflow_provider_raydp_spcs.links.raydp")
    assert {type(link).__name__ for link in links.JOB_LINKS} == {
        path.rpartition(".")[2] for path in INFO["extra-links"]
    }
    (decorator,) = INFO["task-decorators"]
    assert callable(named(decorator["class-name"]))


def test_airflow_finds_it_by_its_entry_point() -> None:
    manager = ProvidersManagerTaskRuntime()
    (kind,) = INFO["connection-types"]
    hook = manager.hooks[kind["connection-type"]]
    assert hook is not None
    assert named(hook.hook_class_name) is SpcsHook
    # Airflow takes both from the class, and complains where the metadata says otherwise.
    assert (hook.connection_type, hook.hook_name) == (kind["connection-type"], kind["hook-name"])
    assert hook.connection_id_attribute_name == "snowflake_conn_id"
    assert manager.providers["airflow-provider-raydp-spcs"].version == __version__
    assert "raydp" in dict(manager.taskflow_decorators.items())


def test_the_connections_fields_are_what_the_hook_reads(monkeypatch: pytest.MonkeyPatch) -> None:
    (kind,) = INFO["connection-types"]
    given = {name: f"its_{name}" for name in kind["conn-fields"] if name != "private_key_content"}
    connection = {"conn_type": kind["connection-type"], "login": "u", "password": "p", "schema": "s", "extra": given}
    monkeypatch.setenv("AIRFLOW_CONN_MINE", json.dumps(connection))
    arguments = SpcsHook("mine").arguments()
    assert {name: arguments[name] for name in given} == given
    secret = kind["conn-fields"]["private_key_content"]["schema"]
    assert secret["format"] == "password"


def test_the_options_are_those_that_are_read(monkeypatch: pytest.MonkeyPatch) -> None:
    options = INFO["config"]["raydp_spcs"]["options"]
    assert float(options["job_poll_interval"]["default"]) == wait.POLL_SECONDS
    assert float(options["deferred_poll_interval"]["default"]) == wait.DEFERRED_POLL_SECONDS
    monkeypatch.setenv("AIRFLOW__RAYDP_SPCS__JOB_POLL_INTERVAL", "3")
    monkeypatch.setenv("AIRFLOW__RAYDP_SPCS__DEFERRED_POLL_INTERVAL", "7")
    assert conf.getfloat("raydp_spcs", "job_poll_interval") == 3
    assert poll_seconds(None, 1.0, deferred=False) == 3
    assert poll_seconds(None, 1.0, deferred=True) == 7
    assert poll_seconds(0.5, 1.0, deferred=True) == 0.5
