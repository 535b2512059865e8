"""Services as real containers: addresses, names, volumes, limits, the token, the log, and their end in every way."""

from __future__ import annotations

import os
import signal
import ssl
import tomllib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from airflow_provider_raydp_spcs.cli.demo.connection import client_of, connect
from airflow_provider_raydp_spcs.container_engine import Engine
from airflow_provider_raydp_spcs.local import daemon
from airflow_provider_raydp_spcs.local.environment import client_environment
from airflow_provider_raydp_spcs.local.paths import Paths
from airflow_provider_raydp_spcs.shipped import shipped
from airflow_provider_raydp_spcs.spcs.errors import StatementFailedError
from airflow_provider_raydp_spcs.spcs.ingress import session_tokens
from airflow_provider_raydp_spcs.spcs.service_info import ServiceStatus
from airflow_provider_raydp_spcs.spcs.session import ConnectorSession
from tests.integration.containers import until
from tests.local_snowflake import local_snowflake
from tests.system.containers.conftest import PYTHON_BASE
from tests.system.containers.services import DOCKERFILE, REPOSITORY, SERVER, SPEC, TWO_CONTAINERS

pytestmark = [pytest.mark.system, pytest.mark.timeout(300, func_only=True)]
Look = Callable[..., Any]


@pytest.fixture(scope="module")
def environment(engine: Engine, tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    context = tmp_path_factory.mktemp("web")
    (context / "server.py").write_text(SERVER)
    (context / "Dockerfile").write_text(DOCKERFILE)
    (context / "Dockerfile.arm").write_text("FROM scratch\nCOPY server.py /\n")
    base = ["--build-arg", f"BASE_IMAGE={PYTHON_BASE}"]
    for platform, tag, file in (("linux/amd64", "1", "Dockerfile"), ("linux/arm64", "arm", "Dockerfile.arm")):
        name = f"localhost/{REPOSITORY}/web:{tag}"
        engine.run("build", "--platform", platform, *base, "--tag", name, "--file", str(context / file), str(context))
    with local_snowflake(runtime=engine.name) as found:
        with connect(found) as connection:
            session = ConnectorSession(connection)
            session.execute("CREATE COMPUTE POOL WEB_POOL MIN_NODES=1 MAX_NODES=2 INSTANCE_FAMILY=CPU_X64_S")
            session.execute("CREATE COMPUTE POOL ARM_POOL MIN_NODES=1 MAX_NODES=1 INSTANCE_FAMILY=GEN_ARM_G1_2")
        yield found


@pytest.fixture
def session(environment: dict[str, str]) -> Iterator[ConnectorSession]:
    with connect(environment) as connection:
        yield ConnectorSession(connection)


def create(session: ConnectorSession, name: str, spec: str = SPEC, pool: str = "WEB_POOL", count: int = 1) -> None:
    session.execute(
        f"CREATE SERVICE {name} IN COMPUTE POOL {pool} MIN_INSTANCES = {count} FROM SPECIFICATION $${spec}$$"
    )


def wait_for(session: ConnectorSession, name: str) -> None:
    services = client_of(session.connection).services
    try:
        until(lambda: services.describe(name).status is ServiceStatus.RUNNING, 40)
    except AssertionError:
        containers = services.containers(name)
        pytest.fail(f"{containers}\n{services.logs(name, '0', containers[0].container_name)}")


@pytest.fixture(scope="module")
def web(environment: dict[str, str]) -> Look:
    """Asks the server of service WEB, through the ingress, what it sees in its container; WEB_B has two instances."""
    with connect(environment) as connection:
        session = ConnectorSession(connection)
        create(session, "WEB")
        create(session, "WEB_B", count=2)
        wait_for(session, "WEB")
        wait_for(session, "WEB_B")
    return looking(environment, "WEB")


def looking(environment: dict[str, str], service: str) -> Look:
    context = ssl.create_default_context(cafile=environment["SSL_CERT_FILE"])

    def look(path: str = "all") -> Any:
        with connect(environment) as connection:
            services = client_of(connection).services
            (host,) = until(lambda: [each.ingress_host for each in services.endpoints(service) if each.ingress_host])
            reply = httpx.get(
                f"https://{host}/{path}", headers=session_tokens(connection).headers(), verify=context, timeout=30
            )
        assert reply.status_code == 200, reply.text
        return reply.json()

    return look


def test_an_instance_has_an_address_of_its_own(session: ConnectorSession, web: Look) -> None:
    services = client_of(session.connection).services
    own = {each.ip_address for each in services.instances("WEB")}
    others = {each.ip_address for each in services.instances("WEB_B")}
    assert {web()["address"]} == own
    assert len(own | others) == 3


def test_services_find_each_other_by_their_names(session: ConnectorSession, web: Look) -> None:
    """SPCS reference 3.4."""
    services = client_of(session.connection).services
    others = sorted(str(each.ip_address) for each in services.instances("WEB_B"))
    full = services.describe("WEB_B").dns_name
    for name in ("web-b", full, f"instances.{full}"):
        assert web(f"names/{name}") == others, name
    assert web("connect/web-b:8000") == "connected"


def test_it_finds_what_the_platform_promises_and_runs_unprivileged(environment: dict[str, str], web: Look) -> None:
    found = web()
    env = found["env"]
    assert (env["GREETING"], env["TWO"]) == ("hello", "words, and a comma")
    assert (env["SNOWFLAKE_SERVICE_NAME"], env["SNOWFLAKE_PORT"]) == ("WEB", environment["SNOWFLAKE_PORT"])
    assert "SNOWFLAKE_PASSWORD" not in env
    assert not int(found["capabilities"], 16) & (1 << 21 | 1 << 12), "neither SYS_ADMIN nor NET_ADMIN"
    assert web("mode/mnt/token/token").endswith("440")
    collectors = {env[f"OTEL_EXPORTER_OTLP_{kind}_ENDPOINT"].removeprefix("http://") for kind in ("METRICS", "TRACES")}
    assert [web(f"connect/{collector}") for collector in collectors] == ["connected"]
    assert env["SNOWFLAKE_HOME"] == "/snowflake/config"
    connection = tomllib.loads(web("read/snowflake/config/connections.toml"))["default"]
    assert connection["token_file_path"] == "/mnt/token/token"
    assert web(f"connect/{connection['host']}:{connection['port']}") == "connected"
    assert web("mode/snowflake/config/connections.toml").endswith("440")


def test_it_reaches_snowflake_and_nothing_else_of_the_machine(environment: dict[str, str], web: Look) -> None:
    host, port = web()["env"]["SNOWFLAKE_HOST"], environment["SNOWFLAKE_PORT"]
    assert web(f"connect/{host}:{port}") == "connected"
    assert web("trust")
    gateway = web(f"names/{host}")[0]
    assert "refused" in web(f"connect/{gateway}:22")
    assert "unreachable" in web("connect/192.0.2.1:443"), "there is no way out"


def test_volumes_and_limits_are_those_of_the_specification(
    session: ConnectorSession, environment: dict[str, str], engine: Engine, web: Look
) -> None:
    assert web("size/dev/shm") == 200 * 1024**2
    assert web("size/mnt/ram") == 100 * 1024**2
    assert web("write/mnt/own/x") == "written"
    assert web("write/mnt/stage/from-inside.txt") == "written"
    names = [each.path for each in client_of(session.connection).stages.files("@RAYDP_ARTIFACTS/from-inside")]
    assert names == ["from-inside.txt"]
    (name,) = engine.run("ps", "--format", "{{.Names}}", "--filter", "name=-web-0-main").split()
    limits = engine.run("inspect", "--format", "{{.HostConfig.Memory}} {{.HostConfig.Privileged}}", name).split()
    assert limits == [str(512 * 1024**2), "false"]
    command = Path(
        f"/proc/{engine.run('inspect', '--format', '{{.State.ConmonPid}}', name).strip()}/cmdline"
    ).read_bytes()
    assert b"words, and a comma" not in command


@pytest.mark.parametrize("attempt", ["append", "inplace", "position", "cut", "link", "byway"])
def test_a_stage_mount_refuses_what_stages_cannot_take(web: Look, attempt: str) -> None:
    """SPCS reference 3.3; what is no stage takes it."""
    assert web(f"try/{attempt}/mnt/stage") == "Operation not supported"
    assert web(f"try/{attempt}/mnt/own") == "done"


@pytest.mark.parametrize("attempt", ["anew", "pieces", "rename"])
def test_a_stage_mount_takes_whole_files(web: Look, attempt: str) -> None:
    assert web(f"try/{attempt}/mnt/stage") == "done"


def test_logs_and_exit_codes_are_the_containers(
    session: ConnectorSession, web: Look, environment: dict[str, str]
) -> None:
    services = client_of(session.connection).services
    assert "listening" in services.logs("WEB", "0", "main")
    create(session, "ENDS")
    wait_for(session, "ENDS")
    assert looking(environment, "ENDS")("exit/5") == "going"
    (container,) = until(lambda: [each for each in services.containers("ENDS") if each.restart_count])
    assert container.last_exit_code == "5"
    wait_for(session, "ENDS")
    services.drop("ENDS")


def test_containers_of_one_instance_share_their_network(
    session: ConnectorSession, environment: dict[str, str], engine: Engine
) -> None:
    create(session, "TWO", TWO_CONTAINERS)
    wait_for(session, "TWO")
    look = looking(environment, "TWO")
    assert look("connect/127.0.0.1:8001") == "connected"
    services = client_of(session.connection).services
    assert [each.ip_address for each in services.instances("TWO")] == [look()["address"]]
    services.drop("TWO")
    until(lambda: services.show("TWO") == [], 60)
    until(lambda: engine.run("ps", "--all", "--quiet", "--filter", "name=-two-") == "", 30)


def test_a_missing_image_and_one_for_another_processor_are_said_so(session: ConnectorSession, web: Look) -> None:
    """SPCS reference 2.6 and 2.9."""
    del web
    services = client_of(session.connection).services
    create(session, "LOST", SPEC.replace("web:1", "web:2"))
    until(lambda: [each for each in services.containers("LOST") if each.message == "Failed to pull image"])
    services.drop("LOST")
    with pytest.raises(
        StatementFailedError, match=r"SPCS only supports image for amd64 architecture.*--platform linux/amd64"
    ):
        create(session, "ARM", SPEC.replace("web:1", "web:arm"))


def test_the_repository_holds_what_the_engine_holds(session: ConnectorSession) -> None:
    found = client_of(session.connection).image_repositories.images("RAYDP_SIS_IMAGE_REPO")
    assert {("web", "1"), ("web", "arm")} <= {(each.name, each.tag) for each in found}
    assert all(each.digest.startswith("sha256:") for each in found)


def test_suspending_asks_first(session: ConnectorSession, engine: Engine, web: Look) -> None:
    """SIGTERM: the server exits with a code of its own, which a killed one could not."""
    services = client_of(session.connection).services
    services.suspend("WEB_B")
    until(lambda: services.describe("WEB_B").status is ServiceStatus.SUSPENDED, 25)
    assert engine.run("ps", "--all", "--quiet", "--filter", "name=-web_b-") == ""
    services.resume("WEB_B")
    wait_for(session, "WEB_B")
    assert web("connect/web-b:8000") == "connected"


def test_a_killed_server_leaves_no_container_and_the_next_one_goes_on(
    environment: dict[str, str], engine: Engine, web: Look
) -> None:
    home = Path(environment["SNOWFLAKE_HOME"]).parent
    identity = Paths(home).identity
    mine = ["--filter", f"label=raydp-spcs.server={identity}"]
    assert len(engine.run("ps", "--quiet", *mine).split()) >= 3
    os.kill(daemon.status(home).pid, signal.SIGKILL)
    until(lambda: engine.run("ps", "--all", "--quiet", *mine) == "", 60)
    until(lambda: f"spcs-{identity}" not in engine.run("network", "ls", "--format", "{{.Name}}"), 60)
    again = daemon.up(home, port=0, images=shipped("images"))
    assert again.runtime == engine.name, "restarts keep the runtime"
    environment.update(client_environment(again))
    os.environ.update(environment)
    with connect(environment) as connection:
        wait_for(ConnectorSession(connection), "WEB")
    assert web("trust")
    with pytest.raises(daemon.OtherRuntimeError, match="local down"):
        daemon.up(home, port=0, images=shipped("images"), runtime="process")


def test_taking_it_down_leaves_nothing(environment: dict[str, str], engine: Engine) -> None:
    home = Path(environment["SNOWFLAKE_HOME"]).parent
    assert "nothing of it runs" in daemon.down(home)
    mine = f"label=raydp-spcs.server={Paths(home).identity}"
    assert engine.run("ps", "--all", "--quiet", "--filter", mine) == ""
    assert Paths(home).identity not in engine.run("network", "ls")
