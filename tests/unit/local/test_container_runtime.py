"""The container runtime without containers: command lines of both engines, addresses, images, who is answered."""

from __future__ import annotations

import json
import stat
import subprocess
import sys
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from airflow_provider_raydp_spcs.container_engine import Engine, EngineMissingError, EngineNotRunningError
from airflow_provider_raydp_spcs.local import bridge, daemon
from airflow_provider_raydp_spcs.local.runtimes import container_command, janitor
from airflow_provider_raydp_spcs.local.runtimes.base import ContainerStart
from airflow_provider_raydp_spcs.local.runtimes.choice import UnknownRuntimeError, make_runtime
from airflow_provider_raydp_spcs.local.runtimes.container import ContainerRuntime, UnreachableContainersError
from airflow_provider_raydp_spcs.local.runtimes.container_command import Labels
from airflow_provider_raydp_spcs.local.runtimes.network import candidates
from airflow_provider_raydp_spcs.local.services.engine_images import EngineImages
from airflow_provider_raydp_spcs.local.services.images import ListedImage

REFERENCE = "localhost/d/s/r/web:1"


def start_of(folder: Path, **changes: Any) -> ContainerStart:
    given: dict[str, Any] = {
        "service": "D.S.WEB",
        "instance": 1,
        "container": "main",
        "address": "10.64.0.9",
        "command": ("python", "-c", "run"),
        "env": {"A": "b c"},
        "mounts": {"/raydp, x": folder / "0", "/dev/shm": folder / "1", "/ram": folder / "2"},
        "names": {},
        "platform_env": {"SNOWFLAKE_HOST": "snowflake.spcs.internal"},
        "log": folder / "log",
        "folder": folder,
        "image": REFERENCE,
        "own_names": ("web", "web.ab12.svc.spcs.internal"),
        "memory_volumes": {"/dev/shm": 100, "/ram": 200},
        "memory_bytes": 1000,
        "cpus": 10_000.0,
        "ca_bundle": Path("/ca.pem"),
    }
    return ContainerStart(**given | changes)


def arguments(folder: Path, engine: str, **changes: Any) -> list[str]:
    start = start_of(folder, **changes)
    network = container_command.network_of_its_own(start, "net", "10.64.0.1")
    return container_command.run_arguments(start, "name", Labels("abcdef", "1"), network, engine)


def test_mounts_that_may_only_be_read_are_so(tmp_path: Path) -> None:
    mounts = {"/token": tmp_path / "s", "/own": tmp_path / "0"}
    words = arguments(tmp_path, "podman", mounts=mounts, memory_volumes={}, read_only=("/token",))
    assert f"type=bind,source={tmp_path}/s,target=/token,readonly" in words
    assert f"type=bind,source={tmp_path}/0,target=/own" in words


@pytest.mark.parametrize("changes", [{"env": {"A=B": "x"}}, {"env": {"A\nB": "x"}}, {"command": ("run", "\0")}])
def test_a_container_with_texts_that_no_process_can_have_is_refused(tmp_path: Path, changes: dict[str, Any]) -> None:
    with pytest.raises(OSError, match="no process can have"):
        arguments(tmp_path, "podman", **changes)


@pytest.mark.parametrize("engine", ["podman", "docker"])
def test_a_container_gets_what_the_specification_says(tmp_path: Path, engine: str) -> None:
    words = arguments(tmp_path, engine)
    pairs = {" ".join(pair) for pair in pairwise(words)}
    assert words[-5:] == ["--entrypoint", "python", REFERENCE, "-c", "run"]
    for pair in (
        "--ip 10.64.0.9",
        "--mac-address 02:53:0a:40:00:09",
        "--network-alias web.ab12.svc.spcs.internal",
        "--add-host snowflake.spcs.internal:10.64.0.1",
        "--memory 1000",
        "--shm-size 100",
        "--tmpfs /ram:rw,size=200,mode=1777",
        "--pull never",
        "--label raydp-spcs.server=abcdef",
        f'--mount type=bind,source={tmp_path}/0,"target=/raydp, x"',
        "--mount type=bind,source=/ca.pem,target=/snowflake/ca-bundle.pem,readonly",
    ):
        assert pair in pairs, words
    assert "--privileged" not in words
    assert ("--ulimit" in words) is (engine == "podman")
    cpus = float(words[words.index("--cpus") + 1])
    assert 0 < cpus < 10_000, "engines refuse more than the machine has"


def test_variables_stay_off_the_command_line(tmp_path: Path) -> None:
    words = arguments(tmp_path, "podman")
    file = Path(words[words.index("--env-file") + 1])
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    lines = file.read_text().splitlines()
    assert {"A=b c", "SNOWFLAKE_HOST=snowflake.spcs.internal", "SSL_CERT_FILE=/snowflake/ca-bundle.pem"} <= set(lines)
    assert not [word for word in words if "b c" in word]
    with pytest.raises(OSError, match="variable A has more than one line"):
        arguments(tmp_path, "podman", env={"A": "b\nc"})


def test_joined_containers_have_no_network_of_their_own(tmp_path: Path) -> None:
    start = start_of(tmp_path)
    assert container_command.network_of("first", start, "docker") == ["--network", "container:first"]
    assert "instance-1" in container_command.network_of("first", start, "podman")


def test_addresses_are_private_and_the_servers_own() -> None:
    subnet, second, *_ = candidates("abcdef")
    assert next(candidates("abcdef")) == subnet != second
    found = [subnet.address(number) for number in range(1, 900)]
    assert len(set(found)) == len(found)
    assert subnet.gateway not in found
    assert all(address in subnet for address in found)
    assert "127.0.0.1" not in subnet
    networks = [each.network for identity in ("000000", "ffffff", "abcdef") for each in candidates(identity)]
    assert all(network.is_private and network.prefixlen == 22 for network in networks)


def test_strangers_are_not_answered_at_the_second_address() -> None:
    subnet = next(candidates("abcdef"))
    for server, client, stranger in (
        (subnet.gateway, subnet.address(1), False),
        (subnet.gateway, subnet.gateway, False),
        (subnet.gateway, "192.0.2.7", True),
        (subnet.gateway, None, True),
        ("127.0.0.1", "127.0.0.1", False),
    ):
        scope = {"server": (server, 1), "client": (client, 2) if client else None}
        assert bridge.is_stranger(scope, subnet) is stranger


async def test_a_stranger_gets_403_and_nothing_else() -> None:
    subnet = next(candidates("abcdef"))
    asked, sent = [], []

    async def application(scope: Any, receive: Any, send: Any) -> None:
        asked.append(scope)

    async def send(message: Any) -> None:
        sent.append(message)

    async def receive() -> Any:
        raise AssertionError

    guarded = bridge.for_containers_only(application, subnet)
    await guarded({"type": "http", "server": (subnet.gateway, 1), "client": ("192.0.2.7", 2)}, receive, send)
    assert asked == []
    assert sent[0]["status"] == 403
    await guarded({"type": "http", "server": (subnet.gateway, 1), "client": (subnet.address(5), 2)}, receive, send)
    assert len(asked) == 1


def test_the_second_address_can_be_taken_before_the_machine_has_it() -> None:
    listener = bridge.listen(next(candidates("abcdef")), 0)
    listener.close()


def fake_engine(folder: Path, name: str, program: str) -> Engine:
    """An engine whose command is a Python program."""
    file = folder / name
    file.write_text(f"#!{sys.executable}\nimport json, sys\nargs = sys.argv[1:]\n{program}\n")
    file.chmod(0o755)
    return Engine(name, str(file))


IMAGES = """
images = {"localhost/d/s/r/web:1": "amd64", "localhost/d/s/r/web:arm": "arm64", "localhost/d/s/other/x:1": "amd64"}
if args[0] == "images":
    print(*images, "<none>:<none>", sep="\\n")
elif args[-1] in images:
    config = {"Entrypoint": ["run"], "Cmd": None, "Env": ["A=b"]}
    print(json.dumps([{"Architecture": images[args[-1]], "Digest": "sha256:1", "Config": config}]))
else:
    sys.exit(f"Error: {args[-1]}: image not known")
"""


def test_images_are_those_that_the_engine_holds(tmp_path: Path) -> None:
    images = EngineImages(fake_engine(tmp_path, "podman", IMAGES))
    found = images.find("/D/S/r/web:1")
    assert found is not None
    assert (found.entrypoint, found.command, found.reference) == (("run",), (), REFERENCE)
    assert found.env == {}, "the engine itself sets the image's variables"
    assert images.find("o-a.registry.snowflakecomputing.com/d/s/r/web:1") == found
    arm = images.find("/d/s/r/web:arm")
    assert arm is not None
    assert arm.architecture == "arm64"
    assert images.find("/d/s/r/web:2") is None
    assert images.find("web:1") is None
    assert images.listing("d/s/r") == [ListedImage("web", "1", "sha256:1"), ListedImage("web", "arm", "sha256:1")]


def test_an_engine_that_cannot_do_it_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    docker = fake_engine(tmp_path, "docker", 'sys.exit("Cannot connect to the Docker daemon")')
    with pytest.raises(EngineNotRunningError, match=r"Cannot connect.*systemctl start docker"):
        ContainerRuntime(docker, "abcdef").open()
    podman = fake_engine(tmp_path, "podman", 'print("true" if "Rootless" in args[-1] else "{}")')
    with pytest.raises(UnreachableContainersError, match="--runtime process"):
        ContainerRuntime(podman, "abcdef").open()
    with monkeypatch.context() as patched:
        patched.setattr(sys, "platform", "darwin")
        with pytest.raises(UnreachableContainersError, match=r"on darwin .* Linux virtual machine"):
            ContainerRuntime(podman, "abcdef").open()


CLEANED = """
import pathlib
state = pathlib.Path(__file__ + ".state")
there = state.read_text().split() if state.exists() else ["one", "two"]
with open(__file__ + ".log", "a") as log: print(*args, file=log)
if args[0] == "ps": print(*there, sep="\\n")
if args[:2] == ["network", "ls"]: print("net1")
if args[0] == "rm": state.write_text(" ".join(each for each in there if each != args[-1]))
"""


def test_the_janitor_removes_what_has_the_label_when_the_pipe_ends(tmp_path: Path) -> None:
    engine = fake_engine(tmp_path, "podman", CLEANED)
    command = [sys.executable, "-S", "-E", janitor.__file__, engine.program, "a=b"]
    process = subprocess.Popen(command, stdin=subprocess.PIPE)
    assert process.poll() is None
    assert process.stdin is not None
    process.stdin.close()
    assert process.wait(timeout=60) == 0
    done = Path(engine.program + ".log").read_text().splitlines()
    assert done[0].endswith("--filter label=a=b")
    assert done[1:5] == ["kill --signal KILL one", "kill --signal KILL two", "rm --force one", "rm --force two"]
    assert "network rm net1" in done


def test_runtimes_are_named_and_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(UnknownRuntimeError, match="'vm' is no runtime; allowed are process, podman, docker"):
        make_runtime("vm", "abcdef")
    monkeypatch.setattr("shutil.which", lambda name: None)
    monkeypatch.setattr(daemon, "MIN_MEMORY_BYTES", 0)
    with pytest.raises(EngineMissingError, match="podman is not on PATH"):
        daemon.up(tmp_path, port=0, images=tmp_path, runtime="podman")
    assert not (tmp_path / "runtime").exists(), "what cannot be used is not remembered"


def test_a_runtime_is_told_in_server_json(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(daemon, "is_alive", lambda facts: True)
    monkeypatch.setattr(daemon, "_answers", lambda server: True)
    (tmp_path / "server.json").write_text(json.dumps({"pid": 1, "port": 2, "started": 3, "runtime": "podman"}))
    assert daemon.up(tmp_path, port=0, images=tmp_path).runtime == "podman"
    with pytest.raises(daemon.OtherRuntimeError, match=r"runs with the runtime 'podman', not 'process'.*local down"):
        daemon.up(tmp_path, port=0, images=tmp_path, runtime="process")
