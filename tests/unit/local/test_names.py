"""DNS names of services (SPCS reference 3.4)."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from airflow_provider_raydp_spcs.local.services.names import domain, names_for, names_of
from airflow_provider_raydp_spcs.local.services.records import ServiceRecord


def record(schema: str, name: str) -> ServiceRecord:
    return ServiceRecord("D", schema, name, "P", "", "R", 0)


def running(schema: str, name: str, *addresses: str) -> Any:
    instances = [SimpleNamespace(address=address) for address in addresses]
    return SimpleNamespace(record=record(schema, name), instances=instances)


def test_a_service_has_a_name_near_and_far_for_itself_and_its_instances() -> None:
    whole = domain("D", "S")
    digest = whole.removesuffix(".svc.spcs.internal")
    assert digest.isalnum()
    assert domain("D", "T") != whole
    assert names_of(record("S", "MY_HEAD")) == (
        "my-head",
        f"my-head.{digest}",
        f"my-head.{whole}",
        "instances.my-head",
        f"instances.my-head.{digest}",
        f"instances.my-head.{whole}",
    )


@pytest.mark.parametrize(("schema", "bare"), [("S", "127.1.0.1"), ("T", "127.1.0.2"), ("U", None)])
def test_a_bare_name_means_the_service_of_the_same_schema(schema: str, bare: str | None) -> None:
    services = [running("S", "HEAD", "127.1.0.1", "127.1.0.9"), running("T", "HEAD", "127.1.0.2"), running("S", "LATE")]
    found = names_for(record(schema, "ME"), services)
    assert found.get("head") == found.get("instances.head") == bare
    assert found[f"head.{domain('D', 'S')}"] == "127.1.0.1"
    assert found[f"instances.head.{domain('D', 'T').partition('.')[0]}"] == "127.1.0.2"
    assert not [name for name in found if "late" in name]
