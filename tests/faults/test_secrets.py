"""Secrets of every kind, used well and badly, at the loudest logging; afterwards they are looked for everywhere."""

from __future__ import annotations

import base64
import contextlib
import json
import logging
import os
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import psutil
import pytest
from snowflake.connector.errors import Error as ConnectorError

from airflow_provider_raydp_spcs.cli.demo.connection import connect
from airflow_provider_raydp_spcs.hooks.ray_jobs import tokens_of
from airflow_provider_raydp_spcs.hooks.spcs import SpcsHook
from airflow_provider_raydp_spcs.jobs.errors import RayJobsError
from airflow_provider_raydp_spcs.local import daemon
from airflow_provider_raydp_spcs.local.paths import Paths
from airflow_provider_raydp_spcs.operators.create_cluster import CreateRayDPClusterOperator
from airflow_provider_raydp_spcs.operators.delete_cluster import DeleteRayDPClusterOperator
from airflow_provider_raydp_spcs.operators.export_logs import ExportRayDPLogsOperator
from airflow_provider_raydp_spcs.operators.submit_job import SubmitRayDPJobOperator
from airflow_provider_raydp_spcs.spcs.errors import SpcsError
from airflow_provider_raydp_spcs.spcs.session import ConnectorSession
from tests.faults.report import Report
from tests.faults.secrets_places import search_account
from tests.faults.secrets_search import SecretsSearch
from tests.faults.suite import Suite, suite_on_its_own
from tests.integration.containers import until
from tests.integration.light import make_images
from tests.unit.airflow.fakes import Airflow
from tests.users import PASSWORD, User, make_user

pytestmark = pytest.mark.timeout(600)
KINDS: Final = (
    "password",
    "private key in a file",
    "private key in the connection",
    "access token (PAT)",
    "OAuth token",
)
SMALL: Final = {"instance_family": "CPU_X64_XS"}
CLUSTER: Final = {"head": SMALL, "worker_groups": [{**SMALL, "name": "worker", "count": 1}]}


@pytest.fixture(scope="module")
def secretive(report: Report, temporary: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Suite]:
    """A system whose clusters are light, with a user who has every kind of credential."""
    images = make_images(tmp_path_factory.mktemp("images"))
    with suite_on_its_own(report, images, temporary / "secretive") as made:
        yield made


@pytest.fixture(scope="module")
def user(secretive: Suite) -> User:
    return make_user(secretive.environment, "ANN")


@dataclass
class Traces:
    """What a run leaves behind in this process.

    :param airflow: the store and the XComs of its tasks.
    :param log: everything that was logged, by whomever.
    """

    log: Path
    airflow: Airflow = field(default_factory=Airflow)
    rendered: list[Any] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)
    tokens: dict[str, str] = field(default_factory=dict)


@contextlib.contextmanager
def logging_everything(file: Path) -> Iterator[None]:
    """Each line of each logger at DEBUG, to a file."""
    handler, root = logging.FileHandler(file), logging.getLogger()
    before = root.level
    handler.setFormatter(logging.Formatter("%(name)s %(message)s"))
    root.addHandler(handler)
    root.setLevel(logging.DEBUG)
    try:
        yield
    finally:
        root.removeHandler(handler)
        root.setLevel(before)
        handler.close()


def connection_of(
    environment: Mapping[str, str], user: User, kind: str, folder: Path, *, wrong: bool = False
) -> dict[str, Any]:
    """A connection as Airflow keeps it, that signs in in this way; a wrong one looks as a right one does."""
    other = User()
    extra = {
        name: environment[f"SNOWFLAKE_{name.upper()}"]
        for name in ("account", "host", "port", "database", "role", "warehouse")
    }
    login: dict[str, Any] = {
        "conn_type": "snowflake",
        "login": "ANN",
        "schema": environment["SNOWFLAKE_SCHEMA"],
        "extra": extra,
    }
    key = other if wrong else user
    if kind == "password":
        login["password"] = f"{PASSWORD}-wrong" if wrong else PASSWORD
    elif kind == "private key in a file":
        file = folder / "key.p8"
        file.touch(mode=0o600)
        file.write_text(key.pem)
        extra["private_key_file"] = str(file)
    elif kind == "private key in the connection":
        extra["private_key_content"] = base64.b64encode(key.pem.encode()).decode()
    else:
        login["password"] = f"{user.pat[:-9]}wrongtail" if wrong else user.pat
        extra["authenticator"] = "PROGRAMMATIC_ACCESS_TOKEN"
    return login


def secrets_of(kind: str, user: User, folder: Path) -> dict[str, str]:
    return {
        "password": {"password": PASSWORD, "wrong password": f"{PASSWORD}-wrong"},
        "private key in a file": {"private key": user.pem},
        "private key in the connection": {"private key": user.pem},
        "access token (PAT)": {"PAT": user.pat, "wrong PAT": f"{user.pat[:-9]}wrongtail"},
        "OAuth token": {"OAuth token": (folder / "token").read_text(), "wrong token": f"wrong-{user.pat}"},
    }[kind]


@pytest.fixture(scope="module")
def token_of_a_service(secretive: Suite) -> Path:
    """The file that the platform gives a container; a driver signs in with what is in it, which is renewed now and then."""
    with connect(secretive.environment) as connection:
        session = ConnectorSession(connection)
        image = "/raydp_sis_db/raydp_sis_core_schema/raydp_sis_image_repo/raydp_head:1"
        session.execute("CREATE COMPUTE POOL TOKENS MIN_NODES = 1 MAX_NODES = 1 INSTANCE_FAMILY = CPU_X64_XS")
        session.execute(
            f"CREATE SERVICE TOKENS IN COMPUTE POOL TOKENS FROM SPECIFICATION $$spec: {{containers: [{{name: m, image: {image}, "
            "sessionTokenConfig: {path: /mnt/t}}]}$$"
        )
        shown = "SHOW SERVICE CONTAINERS IN SERVICE TOKENS"
        until(lambda: [row["status"] for row in session.execute(shown)] == ["READY"])
    (file,) = until(lambda: list(Paths(secretive.home).scratch.rglob("token")))
    return Path(file)


def run_everything(traces: Traces, application: Path) -> None:
    """A cluster is made, a job is submitted, which a light head cannot run, its logs are exported, and all is taken down."""
    where: dict[str, Any] = {"cluster_name": "SECRETIVE"}
    tasks = (
        CreateRayDPClusterOperator(task_id="create", cluster=CLUSTER, timeout=120, **where),
        SubmitRayDPJobOperator(task_id="job", application=application, application_args=["x"], **where),
        ExportRayDPLogsOperator(task_id="export", job_task_id="job", **where),
        DeleteRayDPClusterOperator(task_id="delete", **where),
    )
    for task in tasks:
        traces.rendered.append({name: getattr(task, name) for name in task.template_fields})
        try:
            traces.airflow.xcoms[task.task_id, "return_value"] = task.execute(traces.airflow.context(task.task_id))
        except RayJobsError as error:  # a light head runs no jobs
            traces.errors.append(f"{error!r} {error.__cause__!r}")
    with SpcsHook() as hook:
        token = tokens_of(hook).current()
        traces.errors.append(repr(token))
        rest: Any = hook.connection.rest
        traces.tokens |= {
            "token for endpoints": token.value,
            "session token": rest.token,
            "master token": rest.master_token,
        }
        for statement in ("SELECT * FROM NOWHERE", "DESCRIBE SERVICE NOWHERE", "SELECT ("):
            with pytest.raises(SpcsError) as caught:
                hook.client.session.execute(statement)
            traces.errors.append(f"{caught.value!r} {caught.value.__cause__!r}")
        traces.errors += [repr(hook), repr(hook.client), str(vars(hook.client.session))]


def sign_in_badly(traces: Traces) -> None:
    with SpcsHook() as hook, pytest.raises(SpcsError) as caught:
        hook.client.services.show()
    traces.errors.append(f"{caught.value!r} {caught.value.__cause__!r}")


def sign_in_as_a_driver(traces: Traces, wrong: str) -> None:
    """With the token that a container has, as jobs do; Airflow's connections know no such token."""
    from airflow_provider_raydp_spcs.runtime import connection

    with connection(session_parameters={"PYTHON_CONNECTOR_QUERY_RESULT_FORMAT": "json"}) as snowflake:
        session: Any = ConnectorSession(snowflake)
        traces.errors.append(repr(snowflake))
        rest: Any = snowflake.rest
        traces.tokens |= {"session token": rest.token, "master token": rest.master_token}
        for statement in ("SELECT * FROM NOWHERE", "SELECT ("):
            with pytest.raises(SpcsError) as caught:
                session.execute(statement)
            traces.errors.append(f"{caught.value!r} {caught.value.__cause__!r}")
    with pytest.raises(ConnectorError) as refused:
        connection(token=wrong)
    traces.errors.append(f"{refused.value!r} {refused.value.__cause__!r}")


@pytest.mark.parametrize("kind", KINDS)
def test_no_secret_is_left_anywhere(
    secretive: Suite, user: User, token_of_a_service: Path, kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    own = tmp_path / "own"
    own.mkdir(mode=0o700)
    (own / "token").touch(mode=0o600)
    (own / "token").write_text(token_of_a_service.read_text())
    application = tmp_path / "app.py"
    application.write_text("print('x')")
    traces = Traces(tmp_path / "debug.log")
    with secretive.fault(
        "Secrets",
        f"{kind}: signing in well and badly, statements that fail, a cluster's life and its logs, all logged at DEBUG",
        "afterwards it is nowhere but where the user has put it",
    ) as one:
        with logging_everything(traces.log):
            if kind == "OAuth token":
                for name in ("HOST", "PORT", "ACCOUNT", "DATABASE", "SCHEMA"):
                    monkeypatch.setenv(f"SNOWFLAKE_{name}", secretive.environment[f"SNOWFLAKE_{name}"])
                monkeypatch.setenv("RAYDP_SESSION_DIR", str(own))
                sign_in_as_a_driver(traces, f"wrong-{user.pat}")
            else:
                for wrong in (True, False):
                    login = connection_of(secretive.environment, user, kind, own, wrong=wrong)
                    monkeypatch.setenv("AIRFLOW_CONN_SNOWFLAKE_DEFAULT", json.dumps(login))
                    sign_in_badly(traces) if wrong else run_everything(traces, application)
        found = everywhere(secretive, {**secrets_of(kind, user, own), **traces.tokens}, traces, own)
        secretive.sql("REMOVE @RAYDP_ARTIFACTS/SECRETIVE")  # what is submitted stays, for a job that is tried again
        one.row.leaked += [str(each) for each in found.found]
        one.struck(found.places)
        one.seen(
            f"in none of {found.places:,} logs, files, XComs, fields, specifications, rows, arguments and environments"
        )


def everywhere(system: Suite, secrets: Mapping[str, str], traces: Traces, own: Path) -> SecretsSearch:
    """Everything that the run and the system have left; the user's own folder is where a secret may be."""
    scratch = Paths(system.home).scratch
    search = SecretsSearch(
        secrets,
        # The platform gives each container a token of its own, in a file that only it may read.
        lambda name, file: file.is_relative_to(own) or (name == "OAuth token" and file.is_relative_to(scratch)),
    )
    search.file(traces.log)
    search.values("XCom", {str(key): value for key, value in traces.airflow.xcoms.items()})
    search.values("task store", vars(traces.airflow.store))
    search.values("rendered field", traces.rendered)
    search.values("error", traces.errors)
    search.folders(system.home, own)
    for place in Path(tempfile.gettempdir()).iterdir():
        if place.name.startswith(("raydp", "spcs-")):
            search.folders(place) if place.is_dir() else search.file(place)
    search.processes(
        may_have=lambda process: process.pid in {os.getpid(), *(each.pid for each in psutil.Process().parents())}
    )
    search_account(search, system.environment)
    assert daemon.status(system.home).pid, "the server lives"
    return search


def test_the_search_finds_what_is_there(secretive: Suite, user: User, tmp_path: Path) -> None:
    """A canary in each kind of place, in each form, is found: else the search above proves nothing."""
    canary = 'Canary "bird" + \\sings/ 7%ä?'
    secrets = {"canary": canary, "key": user.pem}
    with secretive.fault(
        "Secrets", "a canary is put into each kind of place on purpose, in each form", "the search finds every one"
    ) as one:
        plants = dict(plant_everywhere(tmp_path, canary))
        missed = []
        for place, path in plants.items():
            search = SecretsSearch(secrets)
            search.file(path)
            missed += [] if search.found else [place]
        for index, line in enumerate([line for line in user.pem.splitlines() if len(line) > 40]):
            search = SecretsSearch(secrets)
            search.data("a line", f"x {line} y")
            missed += [] if search.found else [f"line {index} of the key"]
        one.row.lost += [*missed, *list(not_found_in_processes(canary)), *not_found_by_mode(tmp_path, canary)]
        search = SecretsSearch(secrets)
        search.values("XCom", {"a": [{"b": ("c", {canary: 1})}]})
        search.data("nothing", "Canary sings 7")
        assert [each.place for each in search.found] == ["XCom: a: b, a key"]
        assert canary not in "".join(map(str, search.found)), "a report of secrets tells none"
        one.struck(len(plants) + 30)
        one.seen(f"all of {len(plants) + 30} found, none told")


def plant_everywhere(folder: Path, canary: str) -> Iterator[tuple[str, Path]]:
    import gzip
    import zipfile
    from urllib.parse import quote

    texts = {
        "as it is": canary, "in an address": f"https://x/?a={quote(canary, safe='')}", "in JSON": json.dumps({"a": canary}),
        "in JSON in JSON": json.dumps(json.dumps({"a": canary})), "in Python": repr([canary]), "in digits": canary.encode().hex(),
        **{f"in base64 behind {skip}": base64.b64encode(b"u" * skip + canary.encode() + b"tail").decode() for skip in range(3)},
        "in base64 for addresses": base64.urlsafe_b64encode(canary.encode()).decode(),
    }  # fmt: skip
    for place, text in texts.items():
        file = folder / f"{len(place)}-{place.replace(' ', '-')}"
        file.write_text(f"before {text} after")
        yield place, file
    large = folder / "large.log"
    large.write_bytes(b"x" * (8 * 1024 * 1024 - 5) + canary.encode() + b"y" * 100)
    yield "across two pieces of a large file", large
    packed = folder / "log.gz"
    with gzip.open(packed, "wt") as sink:
        sink.write(canary)
    yield "in a packed log", packed
    archive = folder / "archive.zip"
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as writer:
        writer.writestr("inside", canary * 3)
    yield "in an archive", archive
    database = folder / "airflow.db"
    with contextlib.closing(sqlite3.connect(database)) as connection, connection:
        connection.execute("CREATE TABLE xcom (value BLOB)")
        connection.execute("INSERT INTO xcom VALUES (?)", ("p" * 4050 + canary + "q" * 9000,))
    yield "in a database, over two of its pages", database
    named = folder / base64.urlsafe_b64encode(canary.encode()).decode()
    named.write_text("")
    yield "in a file's name", named


def not_found_in_processes(canary: str) -> Iterator[str]:
    wait = "import sys; sys.stdin.read()"
    for place, words, environment in (
        ("arguments", [sys.executable, "-c", wait, f"--password={canary}"], dict(os.environ)),
        ("environment", [sys.executable, "-c", wait], {**os.environ, "X": canary}),
    ):
        with subprocess.Popen(words, env=environment, stdin=subprocess.PIPE) as process:
            search = SecretsSearch({"canary": canary})
            deadline = time.monotonic() + 10
            while not search.found and time.monotonic() < deadline:
                search.processes()
            if not any(f"{place} of process {process.pid}" in each.place for each in search.found):
                yield f"{place} of a process"
            process.communicate(b"")


def not_found_by_mode(folder: Path, canary: str) -> Iterator[str]:
    folder.chmod(0o755)
    # The test's folder lies in one that only its owner may enter, so modes are tried in one that anybody may.
    open_folder = Path(tempfile.mkdtemp(prefix="secrets-"))
    try:
        open_folder.chmod(0o755)
        for mode, is_well in ((0o600, True), (0o640, False), (0o604, False), (0o644, False)):
            file = open_folder / f"{mode:o}"
            file.write_text(canary)
            file.chmod(mode)
            search = SecretsSearch({"canary": canary}, lambda name, path: True)
            search.file(file)
            if bool(search.found) is is_well or not search.meant:
                yield f"a file of mode {mode:o}"
            file.unlink()
    finally:
        open_folder.rmdir()
