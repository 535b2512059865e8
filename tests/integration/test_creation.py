"""What a cluster's life costs: its statements, counted over a session that has no warehouse."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterator

import pytest

from airflow_provider_raydp_spcs.cli.demo.connection import connect
from airflow_provider_raydp_spcs.cluster.config import ClusterConfig, HeadConfig, WorkerGroup
from airflow_provider_raydp_spcs.cluster.lifecycle import Clusters
from airflow_provider_raydp_spcs.cluster.target import Target
from airflow_provider_raydp_spcs.spcs.client import SpcsClient
from airflow_provider_raydp_spcs.spcs.errors import StatementFailedError
from airflow_provider_raydp_spcs.spcs.services import Services
from airflow_provider_raydp_spcs.spcs.session import ConnectorSession
from tests.integration.light import light_snowflake
from tests.integration.recorder import Recorder

pytestmark = [pytest.mark.integration, pytest.mark.timeout(180)]
GROUPS = (WorkerGroup("CPU_X64_XS", count=1), WorkerGroup("CPU_X64_XS", name="special", count=1))
CONFIG = ClusterConfig("COUNTED", head=HeadConfig("CPU_X64_XS"), worker_groups=GROUPS)
LOOKS = ("SHOW ", "DESCRIBE ")


@pytest.fixture(scope="module")
def recorder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Recorder]:
    with (
        light_snowflake(tmp_path_factory.mktemp("images")) as environment,
        connect(environment, warehouse=None) as connection,
    ):
        yield Recorder(ConnectorSession(connection))


def test_three_services_live_for_twelve_statements_without_a_warehouse(recorder: Recorder) -> None:
    client = SpcsClient(recorder)
    assert client.current_warehouse() == ""
    clusters = Clusters(client)
    recorder.statements.clear()
    clusters.create(CONFIG)
    created = list(recorder.statements)
    clusters.wait_for("COUNTED", deadline=time.time() + 60)
    polls = recorder.statements[len(created) :]
    clusters.delete("COUNTED")
    clusters.wait_for("COUNTED", Target.GONE, deadline=time.time() + 60)
    assert polls
    assert all(each.startswith(LOOKS) for each in polls), "what is asked again and again needs no warehouse"
    acts = Counter(each for each in recorder.statements if not each.startswith(LOOKS))
    assert acts.pop("SELECT CURRENT_DATABASE()") == 1, "which is answered without a warehouse as well"
    kinds = ("CREATE COMPUTE", "CREATE SERVICE", "DROP SERVICE", "DROP COMPUTE")
    assert acts == dict.fromkeys(kinds, 3)
    assert Counter(each for each in created if each.startswith(LOOKS)) == {"SHOW SERVICES": 1, "SHOW COMPUTE": 1}


def test_a_pool_on_which_something_else_runs_is_dropped_all_the_same(
    recorder: Recorder, monkeypatch: pytest.MonkeyPatch
) -> None:
    client = SpcsClient(recorder)
    clusters = Clusters(client)
    clusters.create(CONFIG)
    pool = clusters.pools("COUNTED")[0].name
    with pytest.raises(StatementFailedError, match="still exist"):
        client.compute_pools.drop(pool)
    monkeypatch.setattr(Services, "drop", lambda *args, **kwargs: None)  # as if they were others'
    recorder.statements.clear()
    assert len(clusters.drop_pools("COUNTED")) == 3
    assert recorder.statements.count("ALTER COMPUTE") == 3
    clusters.wait_for("COUNTED", Target.GONE, deadline=time.time() + 60)
