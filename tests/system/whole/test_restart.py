"""The whole cluster asleep and awake again: what is kept. The last of this folder, for what the head had in memory is lost."""

from __future__ import annotations

import json
import time

import pytest

from airflow_provider_raydp_spcs.cluster import power
from airflow_provider_raydp_spcs.cluster.target import Target
from airflow_provider_raydp_spcs.node.notebook import STARTER
from tests.system.whole.conftest import WholeCluster

pytestmark = [pytest.mark.system, pytest.mark.timeout(900)]


def test_notebooks_survive_and_the_token_does_not(whole_cluster: WholeCluster) -> None:
    first = whole_cluster.notebook_token()
    book = json.loads(STARTER.read_text())
    book["cells"] = book["cells"][:2]
    with whole_cluster.browse("notebook") as jupyter:
        for name in ("kept.ipynb", STARTER.name):
            model = {"type": "notebook", "content": book}
            jupyter.put(f"/api/contents/{name}?token={first}", json=model).raise_for_status()
    power.suspend(whole_cluster.clusters, whole_cluster.name)
    whole_cluster.clusters.wait_for(whole_cluster.name, Target.SUSPENDED, deadline=time.time() + 120, poll=0.2)
    power.resume(whole_cluster.clusters, whole_cluster.name)
    whole_cluster.clusters.wait_for(whole_cluster.name, deadline=time.time() + 240, poll=0.5)
    second = whole_cluster.notebook_token()
    assert first != second
    with whole_cluster.browse("notebook") as jupyter:
        assert jupyter.get(f"/api/contents?token={first}").status_code == 403
        for name in ("kept.ipynb", STARTER.name):
            found = jupyter.get(f"/api/contents/{name}?token={second}").raise_for_status().json()
            assert len(found["content"]["cells"]) == 2, "the starter is put there only where it is missing"
