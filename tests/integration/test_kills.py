"""SIGKILL of the local Snowflake at random moments, in the middle of CREATE SERVICE, PUT and COPY."""

from __future__ import annotations

import hashlib
import itertools
import multiprocessing
import os
import random
import signal
from collections.abc import Iterator
from contextlib import suppress
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any, Final

import psutil
import pytest

from airflow_provider_raydp_spcs.cli.demo.connection import connect
from airflow_provider_raydp_spcs.local import daemon
from airflow_provider_raydp_spcs.local.environment import client_environment
from airflow_provider_raydp_spcs.local.paths import Paths
from airflow_provider_raydp_spcs.local.runtimes.process import containers_of_processes, marked_processes
from airflow_provider_raydp_spcs.local.services.records import ServiceRecord
from airflow_provider_raydp_spcs.local.store import Store
from tests.integration.containers import until

pytestmark = pytest.mark.integration
KILLS: Final = int(os.environ.get("RAYDP_KILLS", "10"))
"""How many times the server is killed; a third of them for each kind of statement."""
LAST_MOMENT: Final = 0.8
"""Seconds after a client's first statement in which the server is killed at the latest."""
FILES, ROWS = 40, 3_000
SCHEMA: Final = "RAYDP_SIS_DB.RAYDP_SIS_CORE_SCHEMA"
STAGE: Final = Path("RAYDP_SIS_DB", "RAYDP_SIS_CORE_SCHEMA", "KILLS")
SPEC: Final = """
spec:
  containers:
  - name: main
    image: /raydp_sis_db/raydp_sis_core_schema/raydp_sis_image_repo/stray:1
    volumeMounts: [{name: own, mountPath: /own}]
  volumes: [{name: own, source: local}]
"""


@pytest.fixture(scope="module")
def stray(images: Path) -> str:
    """An image whose processes try to get lost, and a word by which they are found all the same."""
    word = str(random.randrange(10**8, 10**9))
    (images / "stray").mkdir()
    lost = f"env -i setsid sleep {word} & (setsid sleep {word} &) ; exec sleep {word}"
    (images / "stray" / "Dockerfile").write_text(f'FROM scratch\nENTRYPOINT ["/bin/sh", "-c", "{lost}"]\n')
    return word


@pytest.fixture(scope="module")
def sources(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """Files to PUT, of one name and of several megabytes each."""
    found = []
    for number in range(2):
        file = tmp_path_factory.mktemp(f"source{number}") / "big.bin"
        file.write_bytes(random.randbytes(3_000_000 + number))
        found.append(file)
    return found


@pytest.fixture(scope="module")
def kept(environment: dict[str, str], stray: str, tmp_path_factory: pytest.TempPathFactory) -> None:
    """A service that runs, a table, and files to load into it."""
    del stray
    folder = tmp_path_factory.mktemp("rows")
    for number in range(FILES):
        (folder / f"{number}.csv").write_text("".join(f"{number},{row}\n" for row in range(ROWS)))
    with connect(environment) as connection:
        cursor = connection.cursor()
        cursor.execute("CREATE COMPUTE POOL KILL_POOL MIN_NODES=1 MAX_NODES=50 INSTANCE_FAMILY=CPU_X64_S")
        cursor.execute(f"CREATE SERVICE KEPT IN COMPUTE POOL KILL_POOL FROM SPECIFICATION $${SPEC}$$")
        cursor.execute("CREATE STAGE KILLS ENCRYPTION=(TYPE='SNOWFLAKE_SSE')")
        cursor.execute("CREATE TABLE LOADED (FILE INTEGER, NUMBER INTEGER)")
        cursor.execute(f"PUT 'file://{folder}/*.csv' @KILLS/rows AUTO_COMPRESS=FALSE")


def statements(kind: str, which: int, sources: list[Path]) -> Iterator[str]:
    """One statement after another, without end."""
    if kind == "SERVICE":
        for number in itertools.count():
            yield f"CREATE SERVICE K{which}_{number} IN COMPUTE POOL KILL_POOL FROM SPECIFICATION $${SPEC}$$"
            if number >= 3:
                yield f"DROP SERVICE K{which}_{number - 3}"
    elif kind == "PUT":
        for number in itertools.count():
            options = f"AUTO_COMPRESS=FALSE OVERWRITE=TRUE PARALLEL={1 + number % 4}"
            yield f"PUT 'file://{sources[number % 2]}' @KILLS/put{which}_{number // 2 % 3} {options}"
    else:
        while True:
            yield "COPY INTO LOADED FROM @KILLS/rows FILE_FORMAT=(TYPE=CSV) FORCE=TRUE"


def client(environment: dict[str, str], kind: str, which: int, sources: list[Path], told: Connection) -> None:
    """Run statements until the end, and tell of each before and after."""
    with connect(environment) as connection:
        cursor = connection.cursor()
        for statement in statements(kind, which, sources):
            told.send(("begun", statement))
            cursor.execute(statement).fetchall()
            told.send(("done", statement))


def kill_in_the_middle(environment: dict[str, str], home: Path, kind: str, which: int, sources: list[Path]) -> Any:
    """Kill the server at some moment while a client is busy; answer what the client was told done, and what it began."""
    ours, theirs = multiprocessing.Pipe(duplex=False)
    arguments = (environment, kind, which, sources, theirs)
    busy = multiprocessing.get_context("fork").Process(target=client, args=arguments, daemon=True)
    busy.start()
    theirs.close()
    told = [ours.recv()]
    busy.join(random.uniform(0, LAST_MOMENT))
    assert busy.is_alive(), "the client goes on until the server is killed"
    os.kill(daemon.status(home).pid, signal.SIGKILL)
    busy.kill()
    busy.join()
    with suppress(EOFError):
        while True:
            told.append(ours.recv())
    return [what for how, what in told if how == "done"], told[-1][1] if told[-1][0] == "begun" else None


def running(word: str) -> list[psutil.Process]:
    found = []
    for process in psutil.process_iter():
        with suppress(psutil.Error):
            if process.cmdline()[-2:] == ["sleep", word]:
                found.append(process)
    return found


def sha(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def check_services(home: Path, cursor: Any, done: list[str], begun: str | None) -> None:
    """The services are those whose creation was told, less those whose drop was; each has its processes, nobody else has."""
    expected = {"KEPT"}
    for statement in done:
        verb, _, name, *_ = statement.split()
        (expected.add if verb == "CREATE" else expected.discard)(name)
    there = {row[0] for row in cursor.execute("SHOW SERVICES").fetchall()}
    unsure = {begun.split()[2]} if begun and "SERVICE" in begun else set()
    assert there - unsure == expected - unsure, (done, begun)

    def served() -> bool:
        found = containers_of_processes(identity).values()
        return {container.service.rpartition(".")[2] for container in found} == there

    identity = Paths(home).identity
    until(served)
    for name in there:
        record = cursor.execute(f"DESCRIBE SERVICE {name}").fetchone()
        assert record is not None
    for name in there - {"KEPT"}:
        cursor.execute(f"DROP SERVICE {name}")


def check_files(home: Path, cursor: Any, sources: list[Path], done: list[str], begun: str | None) -> None:
    """Files are whole, those told of are there, and beside them there is nothing."""
    root = Paths(home).stages / STAGE
    whole = {sha(source) for source in sources}
    there = {str(path.parent.relative_to(root)) for path in root.rglob("*") if path.is_file() and path.suffix != ".csv"}
    told = {statement.partition("@KILLS/")[2].split()[0] for statement in done if statement.startswith("PUT")}
    assert told <= there
    for path in root.rglob("*"):
        assert path.is_dir() or path.suffix == ".csv" or (path.name == "big.bin" and sha(path) in whole), path
    listed = {row[0].split("/")[1] for row in cursor.execute("LIST @KILLS/put").fetchall()}
    assert listed == there
    # The last file told of is the one that is there, unless another was on its way to the same place.
    if told and not (begun and begun.partition("@KILLS/")[2] == done[-1].partition("@KILLS/")[2]):
        last = done[-1].split("'")[1].removeprefix("file://")
        assert sha(root / done[-1].partition("@KILLS/")[2].split()[0] / "big.bin") in {sha(Path(last))} | (
            whole if begun else set()
        )
    cursor.execute("REMOVE @KILLS/put")


def check_rows(cursor: Any, before: int, done: list[str], begun: str | None) -> int:
    """All rows of a statement, or none of them."""
    (count,) = cursor.execute("SELECT COUNT(*) FROM LOADED").fetchone()
    copies = sum(statement.startswith("COPY") for statement in done)
    assert (count - before) % (FILES * ROWS) == 0
    assert (count - before) // (FILES * ROWS) - copies in ((0, 1) if begun and begun.startswith("COPY") else (0,))
    return int(count)


@pytest.mark.usefixtures("kept")
@pytest.mark.timeout(60 + 40 * KILLS)
def test_a_server_that_is_killed_starts_again_with_everything_in_order(
    environment: dict[str, str],
    home: Path,
    images: Path,
    stray: str,
    sources: list[Path],
    capsys: pytest.CaptureFixture[str],
) -> None:
    rows = 0
    for which in range(KILLS):
        kind = ("SERVICE", "PUT", "COPY")[which % 3]
        done, begun = kill_in_the_middle(environment, home, kind, which, sources)
        until(lambda: not running(stray) and not marked_processes(Paths(home).identity))
        environment.update(client_environment(daemon.up(home, port=0, images=images)))
        os.environ.update(environment)
        with connect(environment) as connection:
            cursor = connection.cursor()
            check_services(home, cursor, done, begun)
            check_files(home, cursor, sources, done, begun)
            rows = check_rows(cursor, rows, done, begun)
            until(lambda at=cursor: len(at.execute("SHOW SERVICES").fetchall()) == 1)
        assert not list((home / "uploads").iterdir())
    store = Store(Paths(home).objects)
    assert [ServiceRecord.from_json(body).name for _, body in store.all("Service")] == ["KEPT"]
    store.close()
    with capsys.disabled():
        print(f"\nThe server was killed {KILLS} times in the middle of CREATE SERVICE, PUT and COPY.")
