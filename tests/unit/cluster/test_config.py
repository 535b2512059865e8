"""What may be asked for, and what is refused before anything is sent."""

from __future__ import annotations

from typing import Any

import pytest

from airflow_provider_raydp_spcs.cluster.config import ClusterConfig, HeadConfig, WorkerGroup
from airflow_provider_raydp_spcs.cluster.errors import ClusterConfigError
from airflow_provider_raydp_spcs.cluster.sizing import size_node
from airflow_provider_raydp_spcs.spcs.instance_families import INSTANCE_FAMILIES


@pytest.mark.parametrize(
    ("change", "part"),
    [
        ({"name": "my-cluster"}, "no plain Snowflake identifier"),
        ({"name": 'a"; DROP DATABASE x; --'}, "no plain Snowflake identifier"),
        ({"name": "A" * 41}, "at most 40"),
        ({"name": "_A"}, "DNS label"),
        ({"name": ""}, "no plain Snowflake identifier"),
        ({"head": {"instance_family": "CPU_X64_XXS"}}, "did you mean CPU_X64_XS"),
        ({"head": {"memory": "14Gi"}}, "more than a node of CPU_X64_S has: 13Gi"),
        ({"head": {"memory": "lots"}}, "unit out of M, Mi, G, Gi"),
        ({"head": {"env": {"RAYDP_X": "1"}}}, "must not start with RAYDP_"),
        ({"head": {"nonsense": 1}}, "unknown ['nonsense']"),
        ({"worker_groups": []}, "no worker group"),
        ({"worker_groups": [{"count": 0}]}, "whole numbers from 1 to 500"),
        ({"worker_groups": [{"count": -3}]}, "whole numbers from 1"),
        ({"worker_groups": [{"count": 10**9}]}, "whole numbers from 1"),
        ({"worker_groups": [{"count": "2"}]}, "whole numbers from 1"),
        ({"worker_groups": [{"count": True}]}, "whole numbers from 1"),
        ({"worker_groups": [{"name": "head"}]}, "cannot be named 'head'"),
        ({"worker_groups": [{}, {}]}, "every name must be another"),
        ({"worker_groups": [{"resources": {"x": -1}}]}, "resource 'x' of worker group worker is -1; allowed are whole"),
        ({"worker_groups": [{"resources": {"x": 0.5}}]}, "is 0.5; allowed are whole numbers from 1"),
        ({"worker_groups": [{"resources": {"x": True}}]}, "is True; allowed are whole numbers"),
        ({"worker_groups": [{"resources": {"x": "1"}}]}, "is '1'; allowed are whole numbers"),
        ({"worker_groups": [{"resources": {"x": 1e300}}]}, "from 1 to 100,000,000,000,000"),
        ({"worker_groups": [{"resources": {"x": float("nan")}}]}, "is nan; allowed"),
        ({"worker_groups": [{"resources": {"": 1}}]}, "no name that Ray can hand out"),
        ({"worker_groups": [{"resources": {"GPU": 1}}]}, "'GPU' of worker group worker is Ray's own"),
        ({"worker_groups": [{"resources": {"node:__internal_head__": 1}}]}, "is Ray's own"),
        ({"worker_groups": [{"resources": ["x"]}]}, "cannot be read"),
        ({"worker_groups": [{"labels": {"-zone": "a"}}]}, "label '-zone' of worker group worker is no key"),
        ({"worker_groups": [{"labels": {"a b/zone": "a"}}]}, "is no key that Ray takes"),
        ({"worker_groups": [{"labels": {"/zone": "a"}}]}, "is no key that Ray takes"),
        ({"worker_groups": [{"labels": {"zone": "a,b"}}]}, "has the value 'a,b'"),
        ({"worker_groups": [{"labels": {"zone": 1}}]}, "has the value 1"),
        ({"worker_groups": [{"labels": {"zone": "a" * 64}}]}, "at most 63"),
        ({"worker_groups": [{"labels": {"ray.io/node-id": "a"}}]}, "the cluster or Ray itself sets"),
        ({"worker_groups": [{"labels": {"raydp-role": "a"}}]}, "choose another key"),
        ({"worker_groups": [{"spark": "yes"}]}, "spark of worker group worker is 'yes'; allowed are True, False"),
        ({"worker_groups": [{"spark": False, "resources": {"worker": 1}}]}, "take that resource away"),
        ({"worker_groups": [{"env": {"A B": "c"}}]}, "names are letters, digits and '_'"),
        ({"image_repository": "a b"}, "no plain Snowflake identifier"),
        ({"artifacts_stage": "@X"}, "no plain Snowflake identifier"),
        ({"query_warehouse": "w;x"}, "no plain Snowflake identifier"),
        ({"external_access_integrations": ["a'b"]}, "no plain Snowflake identifier"),
        ({"max_life_seconds": 59}, "max_life_seconds is 59; allowed are whole numbers from 60 to 31,536,000"),
        ({"max_idle_seconds": 31_536_001}, "max_idle_seconds is 31536001"),
        ({"max_idle_seconds": "600"}, "max_idle_seconds is '600'"),
        ({"warm_idle_seconds": 0}, "warm_idle_seconds is 0; allowed are whole numbers from 1 to 31,536,000"),
        ({"idle_action": "explode"}, "idle_action of cluster C is 'explode'; allowed are suspend, drop"),
        ({"wrong": 1}, "unknown ['wrong']"),
        ({"head": []}, "head is []; it must be a mapping of instance_family"),
        ({"worker_groups": ["worker"]}, "worker group is 'worker'; it must be a mapping of"),
    ],
)
def test_what_cannot_be_is_refused_with_the_value(change: dict[str, Any], part: str) -> None:
    with pytest.raises(ValueError) as caught:  # noqa: PT011 - several classes, one interface
        ClusterConfig.from_mapping({"name": "C", **change})
    assert part in str(caught.value)


def test_a_mapping_there_and_back() -> None:
    config = ClusterConfig(
        "c",
        head=HeadConfig("CPU_X64_M", num_cpus=1, env={"A": "b"}),
        worker_groups=[
            WorkerGroup(count=3),
            WorkerGroup("GPU_NV_S", name="gpu", count=1, labels={"zone": "a"}, spark=True),
        ],
        max_life_seconds=31_536_000,
        max_idle_seconds=60,
        idle_action="drop",
        warm_idle_seconds=5,
        tags={"T": "v"},
    )
    assert config.name == "C"
    assert ClusterConfig.from_mapping(config.to_mapping()) == config


@pytest.mark.parametrize(
    ("group", "resources"),
    [
        ({}, {"worker": 1.0}),
        ({"name": "gpu"}, {"custom_worker": 1.0}),
        ({"name": "more", "resources": {"worker": 2}}, {"worker": 2.0}),
        ({"name": "gpu", "spark": True}, {"custom_worker": 1.0, "worker": 1.0}),
        ({"name": "gpu", "spark": True, "resources": {"x": 3}}, {"x": 3.0, "worker": 1.0}),
        ({"spark": True}, {"worker": 1.0}),
        ({"spark": False}, {"custom_worker": 1.0}),
        ({"name": "none", "resources": {}}, {}),
    ],
)
def test_spark_executors_stay_off_custom_workers_unless_asked(
    group: dict[str, Any], resources: dict[str, float]
) -> None:
    made = WorkerGroup(count=1, **group)
    assert made.ray_resources == resources
    assert made.is_spark is ("worker" in resources)


def test_what_ray_takes_as_labels_is_taken_and_nothing_else() -> None:
    from ray._private.label_utils import validate_label_key

    for key in (
        "zone",
        "a/b",
        "example.com/zone",
        "a.b_c-d",
        "x" * 63,
        "-a",
        "a-",
        "",
        "a/",
        "/a",
        "a/b/c",
        "a b",
        "x" * 64,
    ):
        taken = True
        try:
            WorkerGroup(labels={key: "v"})
        except ClusterConfigError:
            taken = False
        # Ray is more generous with what stands before the slash; whatever we take, it must take.
        assert not taken or validate_label_key(key) is None, key
        assert taken or "/" in key or validate_label_key(key) is not None, key


@pytest.mark.parametrize("name", INSTANCE_FAMILIES)
def test_memory_of_every_family_adds_up(name: str) -> None:
    """SPCS reference 8.2, point 6: /dev/shm counts in the container's memory."""
    family = INSTANCE_FAMILIES[name]
    size = size_node(HeadConfig(name), stage_volumes=1)
    assert 0 < size.object_store < size.shm < size.request <= family.memory_bytes - 512 * 1024**2
    assert size.shm + size.work < size.request
    assert size.request_text.endswith("Mi")
