"""The server process: ``python -m airflow_provider_raydp_spcs.local.server``."""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import ctypes
import fcntl
import json
import os
import socket
import sys
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from airflow_provider_raydp_spcs.container_engine import ContainerEngineError
from airflow_provider_raydp_spcs.local import bridge
from airflow_provider_raydp_spcs.local.discreet_log import set_up_log
from airflow_provider_raydp_spcs.local.errors import LocalSnowflakeError, SnowflakeFault
from airflow_provider_raydp_spcs.local.paths import Paths
from airflow_provider_raydp_spcs.local.runtimes.choice import PROCESS, RUNTIMES, engine_of, make_runtime
from airflow_provider_raydp_spcs.local.security.certificates import certificates, write_private
from airflow_provider_raydp_spcs.local.security.sign_in import (
    ACCOUNT,
    SERVICE_SECONDS,
    SESSION_SECONDS,
    USER,
    Identity,
    SignIn,
    first_password,
)
from airflow_provider_raydp_spcs.spcs.specification_rules import SECRET_KEYS

if TYPE_CHECKING:
    from starlette.applications import Starlette

    from airflow_provider_raydp_spcs.local.ingress.headers import Cors
    from airflow_provider_raydp_spcs.local.runtimes.base import Runtime
    from airflow_provider_raydp_spcs.local.services.collector import Collector
    from airflow_provider_raydp_spcs.local.services.supervisor import Supervisor

HOST = "127.0.0.1"
_RENEWALS = 12
"""How often a service's token is renewed while it is good: every few minutes of an hour (SPCS reference 3.5)."""
_M_ARENA_MAX = -8
"""glibc's number of the option, from its malloc.h."""


class PortTakenError(LocalSnowflakeError):
    """Another program listens on the port."""


class AlreadyRunningError(LocalSnowflakeError):
    """Another server uses this home."""


@dataclass(frozen=True)
class Options:
    """What the server is started with.

    :param session_seconds: for how long a session's token is good.
    :param token_seconds: for how long a service's token is good.
    """

    home: Path
    images: Path
    port: int
    provisioning_seconds: float
    runtime: str = PROCESS
    session_seconds: float = SESSION_SECONDS
    token_seconds: float = SERVICE_SECONDS


def main() -> None:
    """Run until told to stop."""
    parser = argparse.ArgumentParser(description="A local Snowflake with Snowpark Container Services.")
    parser.add_argument("--home", type=Path, required=True)
    parser.add_argument("--images", type=Path, required=True)
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--provisioning-seconds", type=float, default=0.0)
    parser.add_argument("--runtime", choices=RUNTIMES, default=PROCESS)
    parser.add_argument("--session-seconds", type=float, default=SESSION_SECONDS)
    parser.add_argument("--token-seconds", type=float, default=SERVICE_SECONDS)
    given = parser.parse_args()
    set_up_log()
    _share_arenas()
    try:
        serve(Options(**vars(given)))
    except (LocalSnowflakeError, ContainerEngineError) as error:
        sys.exit(f"{type(error).__name__}: {error}")


def _share_arenas() -> None:
    """Let all threads take their memory from two arenas of glibc's.

    It makes eight for each core, each of which keeps the tens of megabytes that a statement of DuckDB's needs for a moment:
    together hundreds, after some hours (``make soak``).
    """
    # Another library than glibc has no such option, and no such need.
    with contextlib.suppress(AttributeError, OSError):
        ctypes.CDLL(None).mallopt(_M_ARENA_MAX, 2)


def serve(options: Options) -> None:
    """Serve until SIGTERM or SIGINT; afterwards nothing of it runs.

    :raises LocalSnowflakeError, ContainerEngineError: it cannot start.
    """
    import uvicorn

    os.umask(0o077)
    paths = Paths(options.home)
    paths.prepare()
    runtime = make_runtime(options.runtime, paths.identity)
    with _only_one(paths), _listen(options.port) as listener, _opened(runtime):
        port = int(listener.getsockname()[1])
        app, supervisor, collector = _build(paths, options, port, runtime)
        made = certificates(paths.security)

        @contextlib.asynccontextmanager
        async def lifespan(_: Starlette) -> AsyncIterator[None]:
            supervisor.start()
            facts = {"pid": os.getpid(), "port": port, "started": _start_time(os.getpid()), "runtime": options.runtime}
            write_private(paths.server, json.dumps(facts).encode())
            yield
            await asyncio.to_thread(supervisor.close)
            await asyncio.to_thread(collector.close)
            await asyncio.to_thread(runtime.close)
            # Not later: uvicorn ends the process with the signal that stopped it.
            paths.server.unlink(missing_ok=True)

        app.router.lifespan_context = lifespan
        listeners = [listener]
        served: bridge.Application = app
        if runtime.subnet is not None:
            listeners.append(bridge.listen(runtime.subnet, port))
            served = bridge.for_containers_only(app, runtime.subnet)
        config = uvicorn.Config(
            served,
            ssl_certfile=str(made.server),
            access_log=False,
            log_config=None,  # uvicorn's own handlers would write the messages of errors
            log_level="warning",
            server_header=False,
            timeout_graceful_shutdown=5,
        )
        asyncio.run(uvicorn.Server(config).serve(sockets=listeners))


def _build(paths: Paths, options: Options, port: int, runtime: Runtime) -> tuple[Starlette, Supervisor, Collector]:
    """Put the rooms together."""
    from airflow_provider_raydp_spcs.local.ingress.doors import Ingress
    from airflow_provider_raydp_spcs.local.ingress.proxy import Gate
    from airflow_provider_raydp_spcs.local.security.access import ADMIN
    from airflow_provider_raydp_spcs.local.services import system_pools
    from airflow_provider_raydp_spcs.local.services.collector import Collector
    from airflow_provider_raydp_spcs.local.services.container_start import AccountFacts, Folders
    from airflow_provider_raydp_spcs.local.services.engine_images import EngineImages
    from airflow_provider_raydp_spcs.local.services.fleet import Fleet
    from airflow_provider_raydp_spcs.local.services.images import ImageCatalogue
    from airflow_provider_raydp_spcs.local.services.platform import Platform
    from airflow_provider_raydp_spcs.local.services.pools import Pools
    from airflow_provider_raydp_spcs.local.services.supervisor import Supervisor
    from airflow_provider_raydp_spcs.local.services.surroundings import Surroundings
    from airflow_provider_raydp_spcs.local.services.telemetry import Telemetry
    from airflow_provider_raydp_spcs.local.sql.catalogue import Catalogue
    from airflow_provider_raydp_spcs.local.sql.dispatch import Dispatcher
    from airflow_provider_raydp_spcs.local.stages.catalogued import (
        drop_temporary,
        drop_temporary_of,
        stage_folder,
    )
    from airflow_provider_raydp_spcs.local.stages.files import StageFiles
    from airflow_provider_raydp_spcs.local.store import Store
    from airflow_provider_raydp_spcs.local.tables.engine import Engine
    from airflow_provider_raydp_spcs.local.wire.app import Wire
    from airflow_provider_raydp_spcs.local.wire.chunks import Chunks
    from airflow_provider_raydp_spcs.local.wire.history import History
    from airflow_provider_raydp_spcs.local.wire.oauth import OAuth
    from airflow_provider_raydp_spcs.local.wire.queries import Queries
    from airflow_provider_raydp_spcs.local.wire.sessions import Sessions
    from airflow_provider_raydp_spcs.local.wire.sql_api import SqlApi
    from airflow_provider_raydp_spcs.local.wire.transfers import Transfers

    made = certificates(paths.security)
    store = Store(paths.objects)
    catalogue, files = Catalogue(store), StageFiles(paths.stages)
    sign_in = SignIn(catalogue)
    password, is_new = first_password(paths.security)
    is_first = sign_in.users.ensure_first(USER, password, ADMIN, anew=is_new)
    drop_temporary(catalogue, files)
    tables = Engine(paths.databases)

    def issue_token(service: str, role: str) -> str:
        return sign_in.issue(Identity(service.rpartition(".")[2], role, service), "service", options.token_seconds)

    def may_write(location: str, role: str) -> bool:
        try:
            dispatcher.access.require(role, "WRITE", "Stage", location.removeprefix("@").partition("/")[0].upper())
        except SnowflakeFault:
            return False
        return True

    def user_of(token: str) -> str | None:
        identity = sign_in.at_endpoint(token)
        return identity.user if identity else None

    def hosts_of(service: str, endpoint: str) -> list[str]:
        with contextlib.suppress(SnowflakeFault):  # it may be dropped meanwhile
            return [row["ingress_url"] for row in platform.views.endpoints(service) if row["name"] == endpoint]
        return []

    def may_enter(token: str, service: str, endpoint: str) -> bool:
        identity = sign_in.at_endpoint(token)
        access = dispatcher.access
        if identity is None:
            return False
        if identity.service is None and identity.role not in access.of_user(identity.user, "PUBLIC"):
            return False
        if platform.owner("Service", service) is None:
            return True  # it was dropped: nobody is there, and that is what the ingress tells
        if identity.host is not None and identity.host not in hosts_of(service, endpoint):
            return False
        return access.enters(identity.role, service, endpoint, platform.service_roles(service))

    def cors(service: str, endpoint: str) -> Cors:
        with fleet.lock:
            found = fleet.services.get(service)
            endpoints = found.record.specification.endpoints if found else ()
            return next((each.cors for each in endpoints if each.name == endpoint), {})

    def secret(name: str, role: str) -> dict[str, str]:
        dispatcher.access.require(role, "READ", "Secret", name)
        body = catalogue.get("Secret", name)
        return {key: str(body[key.upper()]) for key in SECRET_KEYS if body.get(key.upper()) is not None}

    engine = engine_of(options.runtime)
    collector = Collector(
        lambda: runtime.subnet.gateway if runtime.subnet else HOST,
        runtime.server_name,
        runtime.whose,
        Telemetry(paths.logs),
    )
    surroundings = Surroundings(
        images=ImageCatalogue(options.images) if engine is None else EngineImages(engine),
        facts=AccountFacts(ACCOUNT, runtime.server_name, port, made.bundle),
        stage_folder=lambda location: stage_folder(catalogue, files, location),
        issue_token=issue_token,
        may_write=may_write,
        secret=secret,
        token_renewal_seconds=options.token_seconds / _RENEWALS,
        collector=collector.env,
        isolated=engine is not None,
    )
    folders = Folders(paths.scratch, paths.logs, paths.blocks)
    pools = Pools(store, options.provisioning_seconds)
    furnished = system_pools.furnish(store, pools)
    fleet = Fleet(store, pools)
    fleet.load()
    ingress = Ingress(made.server, Gate(user_of, may_enter, sign_in.browser_token, USER, cors))
    supervisor = Supervisor(fleet, runtime, ingress, folders, surroundings)
    platform = Platform(fleet, ingress, folders, surroundings)
    platform.snapshots.keep({body["folder"] for _, body in catalogue.all("Snapshot")})
    dispatcher = Dispatcher(platform, catalogue, files)
    for pool in furnished:
        dispatcher.access.grant("ROLE", "PUBLIC", "USAGE", "Compute pool", pool, by=system_pools.OWNER)
    system_pools.remember(store, furnished)
    if is_first:
        dispatcher.access.grant("USER", USER, "USAGE", "Role", ADMIN, by="")
    transfers = Transfers(files, sign_in)
    sessions = Sessions(sign_in, tables, dispatcher.access, options.session_seconds)
    sessions.on_close = lambda session: drop_temporary_of(session, catalogue, files)
    history = History()
    chunks = Chunks(history, sign_in)
    queries = Queries(sessions, tables, dispatcher, transfers, history, chunks)
    sql_api = SqlApi(sign_in, sessions, queries, history)
    wire = Wire(sessions, queries, transfers, chunks, OAuth(sign_in, dispatcher.access), sql_api)
    return wire.app(), supervisor, collector


@contextlib.contextmanager
def _only_one(paths: Paths) -> Iterator[None]:
    """Hold the home's lock; it ends with the process, however that ends."""
    with (paths.home / "lock").open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            msg = f"another local Snowflake uses {paths.home}; see: raydp-spcs local status --home {paths.home}"
            raise AlreadyRunningError(msg) from error
        yield


@contextlib.contextmanager
def _opened(runtime: Runtime) -> Iterator[None]:
    """A runtime that is ready; closed also where the server does not get as far as serving."""
    runtime.open()
    try:
        yield
    finally:
        runtime.close()


def _listen(port: int) -> socket.socket:
    listener = socket.socket()
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    # Connections inherit it; without it the second part of an answer waits 40 ms for the client to say that it has the first.
    listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    try:
        listener.bind((HOST, port))
    except OSError as error:
        listener.close()
        msg = f"port {port} on {HOST} is taken or not allowed ({error}); give another with --port, or --port 0 for a free one"
        raise PortTakenError(msg) from error
    return listener


def _start_time(pid: int) -> float:
    """When a process started, to tell it from a later one with the same number."""
    import psutil

    return float(psutil.Process(pid).create_time())


def is_alive(facts: dict[str, Any]) -> bool:
    """Whether the process that wrote these facts still runs."""
    import psutil

    try:
        process = psutil.Process(int(facts["pid"]))
        same = abs(process.create_time() - float(facts["started"])) < 1
        return same and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


if __name__ == "__main__":
    main()
