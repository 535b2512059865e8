"""What a creation would send, without a connection."""

from __future__ import annotations

from collections.abc import Sequence

from airflow_provider_raydp_spcs.cluster.blueprint import draw
from airflow_provider_raydp_spcs.cluster.config import ClusterConfig
from airflow_provider_raydp_spcs.spcs.client import SpcsClient
from airflow_provider_raydp_spcs.spcs.session import Row


class _Recorder:
    """A session that keeps statements instead of executing them."""

    def __init__(self) -> None:
        self.statements: list[str] = []

    def execute(self, sql: str, params: Sequence[object] = ()) -> list[Row]:
        del params
        self.statements.append(f"{sql};")
        return []


def statements(config: ClusterConfig, database: str | None = None, schema: str | None = None) -> list[str]:
    """The statements of a creation where nothing exists yet, specifications included.

    :param database: where neither this nor the configuration names one, ``CURRENT_DATABASE`` stands for it.
    """
    blueprint = draw(config, database or "CURRENT_DATABASE", schema or "CURRENT_SCHEMA")
    recorder = _Recorder()
    client = SpcsClient(recorder)
    for pool in blueprint.pools:
        client.compute_pools.create(pool)
    for service in blueprint.services:
        client.services.create(service)
    return recorder.statements
