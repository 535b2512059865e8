"""Findings of the doctor that no local Snowflake brings about: what the ingress may answer, short clouds, sign-in."""

from __future__ import annotations

import json
import sys
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import pytest

from airflow_provider_raydp_spcs.cluster.config import ClusterConfig
from airflow_provider_raydp_spcs.cluster.doctor import heads, pools, signing_in
from airflow_provider_raydp_spcs.cluster.doctor.findings import HeadAnswer, Patient, Severity
from airflow_provider_raydp_spcs.cluster.doctor.setup import Setup
from airflow_provider_raydp_spcs.cluster.lifecycle import Clusters
from airflow_provider_raydp_spcs.spcs.errors import AuthenticationError, SnowflakeUnreachableError, SpcsError
from airflow_provider_raydp_spcs.spcs.inspection import Surroundings
from airflow_provider_raydp_spcs.spcs.scripts import SetupNames
from airflow_provider_raydp_spcs.spcs.service_info import EndpointInfo, ServiceStatus
from airflow_provider_raydp_spcs.version import __version__
from tests.unit.cluster.fakes import FakeClient

SILENCE = HeadAnswer(0, "")
HERE = f"{sys.version_info.major}.{sys.version_info.minor}"


def patient(client: FakeClient, answer: HeadAnswer = SILENCE, families: tuple[str, ...] = ()) -> Patient:
    asked: Any = SimpleNamespace(instance_families=lambda: frozenset(families))
    names = SetupNames("R", "D", "S", "W")
    return Patient(client, asked, Surroundings("U", "R", "W", "D", "S"), Setup(names), lambda address: answer)  # type: ignore[arg-type]


@pytest.fixture
def running(client: FakeClient) -> FakeClient:
    Clusters(client).create(ClusterConfig("C"))  # type: ignore[arg-type]
    client.services.become(ServiceStatus.RUNNING)
    client.services.endpoints = lambda name: [EndpointInfo("job-files", 8091, True, "h.example")]  # type: ignore[method-assign]
    return client


def versions(package: str = __version__, python: str = HERE) -> str:
    return json.dumps({"package": package, "python": python, "ray": "2.60.0"})


@pytest.mark.parametrize(
    ("answer", "severity", "what", "mend"),
    [
        (HeadAnswer(200, versions()), Severity.OK, f"runs version {__version__} (ray 2.60.0, python {HERE})", ""),
        (HeadAnswer(200, versions("9.9.9")), Severity.ERROR, "runs version 9.9.9", "==9.9.9"),
        (HeadAnswer(200, versions(python="3.1")), Severity.WARNING, "runs Python 3.1", "use Python 3.1 here"),
        (HeadAnswer(200, "<html>"), Severity.ERROR, "runs version unknown", "raydp-spcs cluster delete C"),
        (HeadAnswer(302, ""), Severity.ERROR, "do not accept the session's token", "ROLE_RESTRICTION = 'R';"),
        (
            HeadAnswer(401, ""),
            Severity.ERROR,
            "refuse role R",
            "SERVICE ROLE D.S.C_HEAD!ALL_ENDPOINTS_USAGE TO ROLE R;",
        ),
        (
            HeadAnswer(403, ""),
            Severity.ERROR,
            "refuse role R",
            "SERVICE ROLE D.S.C_HEAD!ALL_ENDPOINTS_USAGE TO ROLE R;",
        ),
        (HeadAnswer(503, "no hosts"), Severity.ERROR, "does not answer (HTTP 503: no hosts)", "cluster logs C"),
        (HeadAnswer(0, "ConnectError: x"), Severity.ERROR, "does not answer (ConnectError: x)", "cluster logs C"),
    ],
)
def test_what_a_head_answers(running: FakeClient, answer: HeadAnswer, severity: Severity, what: str, mend: str) -> None:
    found = [each for each in heads.check(patient(running, answer)) if what in each.what]
    assert [each.severity for each in found] == [severity]
    assert mend in found[0].mend


def test_endpoints_without_an_address_and_no_cluster_at_all(client: FakeClient, running: FakeClient) -> None:
    running.services.endpoints = lambda name: [EndpointInfo("job-files", 8091, True, None)]  # type: ignore[method-assign]
    (found,) = heads.check(patient(running))
    assert (found.severity, "raydp-spcs cluster urls C" in found.mend) == (Severity.WARNING, True)
    (found,) = heads.check(patient(FakeClient()))
    assert (found.severity, found.what) == (Severity.OK, "no cluster runs, so there is no endpoint to try")


@pytest.mark.parametrize(
    ("code", "severity", "mend"),
    [
        ("392508", Severity.ERROR, "ALTER COMPUTE POOL C_WORKER_POOL SET MAX_NODES = 3;"),
        ("392507", Severity.WARNING, "raydp-spcs cluster delete C"),
    ],
)
def test_pools_that_are_short_of_nodes(running: FakeClient, code: str, severity: Severity, mend: str) -> None:
    there = running.compute_pools.there
    there["C_WORKER_POOL"] = replace(there["C_WORKER_POOL"], error_code=code)
    (found,) = pools.check(patient(running, families=("CPU_X64_S",)))
    assert found.severity is severity
    assert mend in found.mend


def test_a_family_that_is_not_to_be_had(client: FakeClient) -> None:
    found = list(pools.check(patient(client, families=("GEN_ARM_G1_2",))))
    assert found[0].severity is Severity.ERROR
    assert "CPU_X64_S" in found[0].what


@pytest.mark.parametrize(
    ("failure", "what", "mend"),
    [
        (AuthenticationError("x", 390100), "user or password of connection mine are wrong: x", "connections.toml"),
        (AuthenticationError("x", 390114), "the token of connection mine has expired", "connections.toml"),
        (AuthenticationError("x", 390144), "the key pair of connection mine", "connections.toml"),
        (AuthenticationError("x", 390303), "the OAuth token of connection mine is not valid", "connections.toml"),
        (AuthenticationError("x", 390422), "a network policy keeps", "network policy"),
        (AuthenticationError("x", 390189), "the role of connection mine", "raydp-spcs setup --admin"),
        (SnowflakeUnreachableError("x"), "does not answer at the host of connection mine", "account, host and port"),
        (SpcsError("x"), "connection mine cannot be opened: x", "snow connection test"),
    ],
)
def test_why_nobody_is_let_in(failure: SpcsError, what: str, mend: str) -> None:
    found = signing_in.explain(failure, "mine", "R")
    assert found.severity is Severity.ERROR
    assert what in found.what
    assert mend in found.mend
