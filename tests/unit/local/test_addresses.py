"""Addresses of local Snowflakes that run side by side."""

from __future__ import annotations

import pytest

from airflow_provider_raydp_spcs.local.runtimes import process
from airflow_provider_raydp_spcs.local.runtimes.process import NoAddressesError, ProcessRuntime
from airflow_provider_raydp_spcs.node.node_ports import node_ports


def test_two_that_run_at_once_share_neither_addresses_nor_ports() -> None:
    first, second = ProcessRuntime("abcdef"), ProcessRuntime("abcdef")
    first.open()
    try:
        second.open()
        try:
            ours, theirs = ({each.address(number) for number in range(50)} for each in (first, second))
            assert not ours & theirs
            gcs = [{node_ports(address).gcs for address in addresses} for addresses in (ours, theirs)]
            assert not gcs[0] & gcs[1]
        finally:
            second.close()
    finally:
        first.close()


def test_one_that_ended_gives_its_addresses_back(monkeypatch: pytest.MonkeyPatch) -> None:
    # The last one: no other server of this machine comes so far while the test runs.
    monkeypatch.setattr(process, "_PARTS", process._PARTS[-1:])
    first, second = ProcessRuntime("abcdef"), ProcessRuntime("fedcba")
    first.open()
    address = first.address(1)
    with pytest.raises(NoAddressesError, match="1 local Snowflakes run"):
        second.open()
    first.close()
    second.open()
    assert second.address(1) == address
    second.close()
