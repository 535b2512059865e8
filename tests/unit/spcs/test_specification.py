"""Rules of service specifications (SPCS reference 3.1 to 3.3)."""

from __future__ import annotations

import copy
from typing import Any

import pytest

from airflow_provider_raydp_spcs.spcs.errors import InvalidSpecificationError
from airflow_provider_raydp_spcs.spcs.specification import ServiceSpecification
from airflow_provider_raydp_spcs.spcs.specification_rules import cpu_count, memory_bytes

GOOD: dict[str, Any] = {
    "spec": {
        "containers": [
            {
                "name": "main",
                "image": "/d/s/r/i:1",
                "args": ["a"],
                "env": {"A": "b"},
                "readinessProbe": {"port": 80, "path": "/r"},
                "volumeMounts": [{"name": "v", "mountPath": "/x"}],
                "resources": {"requests": {"cpu": 0.5, "memory": "1Gi", "nvidia.com/gpu": 1}, "limits": {"memory": "2Gi", "nvidia.com/gpu": 1}},
                "sessionTokenConfig": {"path": "/t", "permission": "0600", "mountConnectionConfig": True},
            }
        ],
        "endpoints": [{"name": "e", "port": 80, "protocol": "HTTP", "public": True}, {"name": "r", "portRange": "10-20", "protocol": "TCP"}],
        "volumes": [{"name": "v", "source": "memory", "size": "1Gi"}, {"name": "s", "source": "stage", "stageConfig": {"name": "@a.b.c"}}],
    },
    "serviceRoles": [{"name": "r_1", "endpoints": ["e"]}],
}  # fmt: skip


def with_value(path: str, value: Any) -> dict[str, Any]:
    whole = copy.deepcopy(GOOD)
    *outer, last = [int(part) if part.isdigit() else part for part in path.split("/")]
    place: Any = whole
    for part in outer:
        place = place[part]
    place[last] = value
    return whole


def test_the_good_one_goes_there_and_back() -> None:
    read = ServiceSpecification.from_mapping(GOOD)
    assert read.to_mapping() == GOOD
    assert ServiceSpecification.from_yaml(read.to_yaml()) == read


@pytest.mark.parametrize(
    ("path", "value", "part"),
    [
        ("nonsense", 1, "unknown option 'nonsense'"),
        ("spec/nonsense", 1, "unknown option 'nonsense' for 'spec'."),
        ("spec/endpoints/0/authenticationPolicy", 1, "unknown option 'authenticationPolicy' for 'endpoints[0]'."),
        ("spec", None, "'spec' must be a mapping"),
        ("spec/containers", [], "0 containers"),
        ("spec/containers", [GOOD["spec"]["containers"][0]] * 2, "two containers are named 'main'"),
        ("spec/containers/0/name", "Main", "lower-case letter"),
        ("spec/containers/0/name", "a" * 64, "at most 63"),
        ("spec/containers/0/name", "a-", "end with a letter or digit"),
        ("spec/containers/0/image", "", "missing 'image'"),
        ("spec/containers/0/args", "text", "list of texts"),
        ("spec/containers/0/readinessProbe/port", 0, "1 to 65535"),
        ("spec/containers/0/readinessProbe/path", "r", "must start with /"),
        ("spec/containers/0/volumeMounts/0/name", "w", "unknown volume 'w'"),
        ("spec/containers/0/volumeMounts/0/mountPath", "x", "absolute path"),
        ("spec/containers/0/volumeMounts/0/mountPath", "/a/../b", "absolute path"),
        ("spec/containers/0/resources/requests/memory", "1", "unit out of M, Mi, G, Gi"),
        ("spec/containers/0/resources/requests/memory", "3Gi", "above its limit"),
        ("spec/containers/0/resources/requests/cpu", "half", "invalid cpu"),
        ("spec/containers/0/resources/requests/nvidia.com/gpu", 2, "both must be given and equal"),
        ("spec/containers/0/sessionTokenConfig", {"permission": "0600"}, "needs a path"),
        ("spec/containers/0/sessionTokenConfig", {}, "at least one field"),
        ("spec/containers/0/sessionTokenConfig/permission", "0666", "no wider than 0644"),
        ("spec/containers/0/sessionTokenConfig/permission", "0200", "lets the owner read"),
        ("spec/containers/0/sessionTokenConfig/permission", "600", "four octal digits"),
        ("spec/containers/0/sessionTokenConfig/permission", 384, "quoted text"),
        ("spec/containers/0/sessionTokenConfig/mountConnectionConfig", "true", "true or false"),
        ("spec/containers/0/sessionTokenConfig/path", "t", "absolute path"),
        ("spec/containers/0/sessionTokenConfig/path", "/t/../u", "absolute path"),
        ("spec/containers/0/sessionTokenConfig/path", "/t/./u", "normal path"),
        ("spec/containers/0/sessionTokenConfig/path", "/t/", "normal path"),
        ("spec/containers/0/sessionTokenConfig/path", "//t", "normal path"),
        ("spec/containers/0/sessionTokenConfig/path", "/a b", "normal path"),
        ("spec/containers/0/sessionTokenConfig/path", "/", "normal path"),
        ("spec/containers/0/sessionTokenConfig/path", "/x/inside", "overlaps"),
        ("spec/containers/0/sessionTokenConfig/path", "/proc/self", "overlaps"),
        ("spec/containers/0/mountSessionToken", False, "needs mountSessionToken"),
        ("spec/endpoints/0/portRange", "1-2", "exactly one of port and portRange"),
        ("spec/endpoints/0/protocol", "UDP", "allowed are HTTP, HTTPS, TCP"),
        ("spec/endpoints/0/protocol", "TCP", "protocol must be HTTP"),
        ("spec/endpoints/1/public", True, "public"),
        ("spec/endpoints/1/protocol", "HTTP", "protocol must be TCP"),
        ("spec/endpoints/1/portRange", "20-10", "first-last"),
        ("spec/volumes/0/source", "nfs", "allowed are local, memory, block, stage"),
        ("spec/volumes/0/size", None, "needs a size"),
        ("spec/volumes/1/stageConfig/name", "a.b.c", "of the form @database.schema.stage"),
        ("spec/volumes/0", {"name": "v", "source": "block", "size": "1500Mi"}, "whole Gi"),
        ("serviceRoles/0/name", "r-1", "letters, digits and underscores"),
        ("serviceRoles/0/endpoints", ["nope"], "unknown endpoints"),
    ],
)
def test_each_broken_rule_is_named(path: str, value: Any, part: str) -> None:
    path = path.replace("nvidia.com/gpu", "nvidia.com|gpu")
    changed = with_value(path, value)
    if "nvidia.com|gpu" in path:
        requests = changed["spec"]["containers"][0]["resources"]["requests"]
        requests["nvidia.com/gpu"] = requests.pop("nvidia.com|gpu")
    with pytest.raises(InvalidSpecificationError) as caught:
        ServiceSpecification.from_mapping(changed)
    assert part in str(caught.value)
    assert (caught.value.number, caught.value.sqlstate) == (395018, "22023")


@pytest.mark.parametrize("text", ["a: [", "- 1", "", "just text"])
def test_what_is_no_mapping_is_refused(text: str) -> None:
    with pytest.raises(InvalidSpecificationError):
        ServiceSpecification.from_yaml(text)


def test_singular_keys_and_old_stage_volumes_are_taken() -> None:
    text = '{"spec": {"container": [{"name": "a", "image": "/d/s/r/i"}], "volume": [{"name": "o", "source": "@st/p"}]}}'
    read = ServiceSpecification.from_yaml(text)
    assert (read.volumes[0].source, read.volumes[0].stage) == ("stage", "@st/p")


@pytest.mark.parametrize(
    ("text", "number"), [("1Gi", 1024**3), ("1.5G", 1_500_000_000), ("2Mi", 2 * 1024**2), ("3M", 3_000_000)]
)
def test_units(text: str, number: int) -> None:
    assert memory_bytes(text) == number
    assert cpu_count("250m") == 0.25


@pytest.mark.parametrize(
    "text", ['spec: "\\UFFFFFFFF"', 'spec: "\\UAC52BFFF"', "[" * 5000, "{" * 5000, "spec: &a [*a]"]
)
def test_what_yamls_reader_stumbles_over_is_refused(text: str) -> None:
    with pytest.raises(InvalidSpecificationError):
        ServiceSpecification.from_yaml(text)
