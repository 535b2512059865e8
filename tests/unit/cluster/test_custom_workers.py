"""Custom worker groups: what their services and pools ask for."""

from __future__ import annotations

import json

import yaml

from airflow_provider_raydp_spcs.cluster.blueprint import draw
from airflow_provider_raydp_spcs.cluster.config import ClusterConfig, WorkerGroup

CONFIG = ClusterConfig(
    "C",
    worker_groups=[
        WorkerGroup(count=2),
        WorkerGroup("GPU_NV_M", name="gpu", count=3, labels={"zone": "a"}, env={"A": "b"}),
        WorkerGroup("HIGHMEM_X64_S", name="large", count=1, spark=True, image="mine:7", resources={"licence": 2}),
        WorkerGroup("CPU_X64_M", name="plain", count=1),
    ],
)


def specification(group: str) -> dict[str, object]:
    services = {each.name.rpartition(".")[2]: each for each in draw(CONFIG, "D", "S").services}
    return yaml.safe_load(services[f"C_{group}"].specification.to_yaml())["spec"]


def container(group: str) -> dict[str, dict[str, object]]:
    return specification(group)["containers"][0]  # type: ignore[index]


def test_every_group_has_a_pool_of_its_own_family_and_count() -> None:
    pools = {pool.name: (pool.instance_family, pool.min_nodes, pool.max_nodes) for pool in draw(CONFIG, "D", "S").pools}
    assert pools["C_GPU_POOL"] == ("GPU_NV_M", 3, 3)
    assert pools["C_LARGE_POOL"] == ("HIGHMEM_X64_S", 1, 1)
    assert len(pools) == 5


def test_all_gpus_of_the_node_are_asked_for() -> None:
    """Requests and limits must be equal (SPCS reference 3.2)."""
    resources = container("GPU")["resources"]
    assert resources["requests"]["nvidia.com/gpu"] == resources["limits"]["nvidia.com/gpu"] == 4  # type: ignore[index]
    assert container("GPU")["env"]["RAYDP_NUM_GPUS"] == "4"
    for group in ("HEAD", "WORKER", "LARGE", "PLAIN"):
        assert "nvidia.com/gpu" not in str(container(group)["resources"])
        assert container(group)["env"]["RAYDP_NUM_GPUS"] == "0"


def test_resources_labels_environment_and_image_are_each_groups_own() -> None:
    env = {group: container(group)["env"] for group in ("WORKER", "GPU", "LARGE", "PLAIN")}
    resources = {group: json.loads(str(found["RAYDP_RESOURCES"])) for group, found in env.items()}
    assert resources == {
        "WORKER": {"worker": 1.0},
        "GPU": {"custom_worker": 1.0},
        "LARGE": {"licence": 2.0, "worker": 1.0},
        "PLAIN": {"custom_worker": 1.0},
    }
    assert json.loads(str(env["GPU"]["RAYDP_LABELS"])) == {"zone": "a"}
    assert "RAYDP_LABELS" not in env["PLAIN"]
    assert env["GPU"]["A"] == "b"
    assert "A" not in env["PLAIN"]
    images = {group: str(container(group)["image"]).rpartition("/")[2].partition(":")[0] for group in env}
    assert images == {
        "WORKER": "raydp_worker",
        "GPU": "raydp_custom_worker",
        "LARGE": "mine",
        "PLAIN": "raydp_custom_worker",
    }
