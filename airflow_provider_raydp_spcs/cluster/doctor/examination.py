"""All checks, one after another."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

from airflow_provider_raydp_spcs.cluster.doctor import heads, images, objects, places, pools, privileges
from airflow_provider_raydp_spcs.cluster.doctor.findings import Check, Finding, Patient, Probe, Severity, error, ok
from airflow_provider_raydp_spcs.cluster.doctor.setup import Setup
from airflow_provider_raydp_spcs.spcs.client import SpcsClient
from airflow_provider_raydp_spcs.spcs.errors import SpcsError
from airflow_provider_raydp_spcs.spcs.inspection import Inspection
from airflow_provider_raydp_spcs.spcs.scripts import SetupNames

_FIRST: Final[Sequence[tuple[str, Check]]] = (
    ("privileges", privileges.check),
    ("warehouse", places.warehouse),
    ("schema", places.schema),
)
_INSIDE: Final[Sequence[tuple[str, Check]]] = (
    ("stages", objects.stages),
    ("leases", objects.leases),
    ("images", images.check),
    ("integrations", objects.integration),
    ("compute pools", pools.check),
    ("ingress", heads.check),
)
"""Checks that make no sense without a role, a database and a schema."""


def examine(client: SpcsClient, names: SetupNames, probe: Probe) -> Iterator[Finding]:
    """Look at everything; what cannot be looked at is a finding too.

    :param names: of the set-up.
    """
    inspection = Inspection(client.session)
    patient = Patient(client, inspection, inspection.surroundings(), Setup(names), probe)
    yield ok("sign-in", f"signed in as {patient.here.user} with role {patient.here.role}")
    first = [finding for name, check in _FIRST for finding in _careful(name, check, patient)]
    yield from first
    if not any(finding.severity is Severity.ERROR and finding.check in _GATES for finding in first):
        for name, check in _INSIDE:
            yield from _careful(name, check, patient)


_GATES: Final = frozenset({"schema"})


def _careful(name: str, check: Check, patient: Patient) -> Iterator[Finding]:
    try:
        yield from check(patient)
    except SpcsError as failure:
        yield error(name, f"this cannot be looked at: {failure}", f"SHOW GRANTS TO ROLE {patient.here.role};")


def is_healthy(findings: Sequence[Finding]) -> bool:
    """Whether clusters can be made and used."""
    return all(finding.severity is not Severity.ERROR for finding in findings)
