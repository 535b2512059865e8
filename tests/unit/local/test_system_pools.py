"""The compute pools that every account has (SPCS reference 1.5)."""

from __future__ import annotations

from pathlib import Path

from airflow_provider_raydp_spcs.local.services import system_pools
from airflow_provider_raydp_spcs.local.services.pools import Pools
from airflow_provider_raydp_spcs.local.store import Store


def test_what_an_administrator_dropped_stays_away(tmp_path: Path) -> None:
    store = Store(tmp_path / "state.sqlite")
    pools = Pools(store, 0)
    made = system_pools.furnish(store, pools)
    assert set(made) == system_pools.SYSTEM_POOLS == {pool.name for pool in pools.all()}
    system_pools.remember(store, made)
    pools.drop("SYSTEM_COMPUTE_POOL_GPU")
    assert system_pools.furnish(store, pools) == []
    assert [pool.name for pool in pools.all()] == ["SYSTEM_COMPUTE_POOL_CPU"]
    store.close()


def test_a_server_that_died_before_it_was_complete_begins_anew(tmp_path: Path) -> None:
    store = Store(tmp_path / "state.sqlite")
    pools = Pools(store, 0)
    assert system_pools.furnish(store, pools) == system_pools.furnish(store, pools)
    store.close()
