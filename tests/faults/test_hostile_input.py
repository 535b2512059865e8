"""A thousand hostile names and values, through every parameter that there is; and what else may be in files and folders."""

from __future__ import annotations

import gc
import json
import logging
import random
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import unquote

import psutil
import pytest

from airflow_provider_raydp_spcs.cluster.log_pieces import dead_node
from airflow_provider_raydp_spcs.cluster.log_places import Boot
from airflow_provider_raydp_spcs.jobs.application import Application
from airflow_provider_raydp_spcs.jobs.errors import JobInputError, RayJobsError
from airflow_provider_raydp_spcs.local import daemon
from airflow_provider_raydp_spcs.node.log_files import writing
from airflow_provider_raydp_spcs.runtime.errors import ApplicationError
from airflow_provider_raydp_spcs.runtime.launcher import run_application
from airflow_provider_raydp_spcs.spcs.errors import SnowflakeUnreachableError, SpcsError
from tests.faults.hostile import calls_airflow, calls_cli, calls_cluster, calls_spcs
from tests.faults.hostile.addresses import asked_addresses
from tests.faults.hostile.bombs import bombs
from tests.faults.hostile.exempt import EXEMPT
from tests.faults.hostile.folders import (
    PATHS,
    SAFE,
    SECRET,
    Node,
    answers_to_odd_bodies,
    live_files,
    odd_names,
    read_everywhere,
    ship,
)
from tests.faults.hostile.limits import MEMORY, read_bounded
from tests.faults.hostile.surface import parameters
from tests.faults.hostile.trial import Trials
from tests.faults.hostile.values import hostile
from tests.faults.hostile.world import IMAGE, Call, World, make_images
from tests.faults.report import Report
from tests.faults.suite import Suite, suite_on_its_own

pytestmark = pytest.mark.timeout(600)
VALUES = 1000
SETTLE = 15.0
SPECIFICATIONS = ("cluster.config", "spcs.specification", "cluster.lifecycle:Clusters.blueprint")


@pytest.fixture(scope="module")
def attacked(report: Report, temporary: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Suite]:
    """A light system of this module's own: what is tried here would be in the way of clusters."""
    images = make_images(tmp_path_factory.mktemp("images"))
    with suite_on_its_own(report, images, temporary / "attacked") as made:
        yield made


@pytest.fixture(scope="module")
def world(attacked: Suite, tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    made = World(attacked.environment, tmp_path_factory.mktemp("world"))
    made.make()
    yield made
    made.close()


@pytest.fixture
def airflow_connection(attacked: Suite, monkeypatch: pytest.MonkeyPatch) -> None:
    known = {name: attacked.environment[f"SNOWFLAKE_{name.upper()}"] for name in (
        "account", "host", "port", "database", "role", "warehouse", "user", "password", "schema",
    )}  # fmt: skip
    login = {"login": known.pop("user"), "password": known.pop("password"), "schema": known.pop("schema")}
    monkeypatch.setenv(
        "AIRFLOW_CONN_SNOWFLAKE_DEFAULT", json.dumps({"conn_type": "snowflake", "extra": known, **login})
    )


@pytest.fixture(autouse=True)
def _silent_connector(caplog: pytest.LogCaptureFixture) -> None:
    """What it logs of an upload that fails holds the upload, and its temporary folder, for as long as pytest keeps the line."""
    caplog.set_level(logging.CRITICAL, "snowflake.connector")


def all_calls() -> list[Call]:
    return [call for room in (calls_spcs, calls_cluster, calls_airflow, calls_cli) for call in room.calls()]


def test_no_parameter_is_forgotten() -> None:
    there, tried = set(parameters()), {name for call in all_calls() for name in call.parameters}
    assert tried <= there, "what is tried is there"
    untried = there - tried
    forgotten = {name for name in untried if not any(re.fullmatch(pattern, name) for pattern in EXEMPT)}
    assert forgotten == set(), "try these in tests/faults/hostile, or say in exempt.py why not"
    useless = [pattern for pattern in EXEMPT if not any(re.fullmatch(pattern, name) for name in untried)]
    assert useless == [], "these reasons are no longer needed"


def rounds(calls: list[Call], total: int) -> Iterator[tuple[Call, str]]:
    """Parameters, over and over until there are enough; those of slow calls once only."""
    pairs = [(call, name) for call in calls for name in call.harmless]
    left = total
    while left > 0:
        for call, name in pairs:
            yield call, name
            left -= 1
        pairs = [(call, name) for call, name in pairs if not call.is_slow]


@pytest.mark.parametrize("family", ["SQL", "specifications"])
@pytest.mark.usefixtures("airflow_connection")
def test_no_other_statement_than_the_one_meant(attacked: Suite, world: World, family: str) -> None:
    is_specification = family == "specifications"
    calls = [call for call in all_calls() if call.of.startswith(SPECIFICATIONS) is is_specification]
    total = VALUES // 5 if is_specification else VALUES
    fault, expected = {
        "SQL": (
            "hostile names and values in every parameter that reaches SQL",
            "a clear error before anything is sent, or the statement that was meant, with the value in it as it is",
        ),
        "specifications": (
            "hostile names and values in clusters' configurations and services' specifications",
            "a clear error, or the specification that was meant, which Snowflake shows with the value as it is",
        ),
    }[family]
    with attacked.fault("Input", fault, expected, settle=SETTLE) as one:
        canaries = world.canary()
        trials = Trials(world)
        for number, (call, parameter) in enumerate(rounds(calls, total)):
            trials.attempt(call, parameter, random.Random(f"{one.chance.random()} {number}"))
        world.clean()
        gc.collect()  # an upload of the connector's that failed has its folder until it is collected, with the error's frames
        assert not trials.wrong, "\n".join(trials.wrong)
        assert world.canary() == canaries, "what nobody named was touched"
        one.struck(trials.tried)
        one.seen(
            f"{trials.refused} refused with nothing sent, {trials.refused_by_snowflake} refused by Snowflake, {trials.done} as "
            f"meant, of which {trials.arrived} were read back and the same; no other statement"
        )
        assert trials.done > trials.tried / 20, "what is tried is so wrong that nothing arrives"
        assert trials.refused > trials.tried / 20


READ_SPECIFICATIONS = """
import sys
from airflow_provider_raydp_spcs.spcs.errors import InvalidSpecificationError
from airflow_provider_raydp_spcs.spcs.specification import ServiceSpecification
for text in sys.stdin.read().split("\\0"):
    try:
        print(f"read: {ServiceSpecification.from_yaml(text)!r:.40}")
    except InvalidSpecificationError as error:
        print(f"refused: {error!s:.100}".replace("\\n", " "))
"""
READ_CONFIGURATIONS = """
import pathlib, sys
from airflow_provider_raydp_spcs.cli.asked import cluster_config
from airflow_provider_raydp_spcs.cli.exit_codes import UsageError
from airflow_provider_raydp_spcs.cluster.errors import ClusterError
from airflow_provider_raydp_spcs.spcs.errors import SpcsError
for text in sys.stdin.read().split("\\0"):
    file = pathlib.Path("asked.yaml")
    file.write_text(text)
    try:
        print(f"read: {cluster_config('C', file, {}, {}, {}, [])!r:.40}")
    except (UsageError, ClusterError, SpcsError) as error:
        print(f"refused: {error!s:.100}".replace("\\n", " "))
"""


def test_yaml_that_explodes(attacked: Suite, world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(world.folder)
    with attacked.fault(
        "Input",
        "YAML of a few lines that stands for billions of values, in specifications and in files of the command line",
        "refused by the package and by the local Snowflake, in a gigabyte of memory and a minute at most",
    ) as one:
        texts = dict(bombs(one.chance, IMAGE))
        for program in (READ_SPECIFICATIONS, READ_CONFIGURATIONS):
            said = read_bounded(program, *texts.values())
            assert [line for line in zip(texts, said, strict=True) if not line[1].startswith("refused: ")] == []
        assert not (world.folder / "bombed").exists()
        pid = daemon.status(attacked.home).pid
        grown = psutil.Process(pid).memory_info().rss
        for name, text in texts.items():
            for source in ("SPECIFICATION", "SPECIFICATION_TEMPLATE"):
                using = " USING (a => 1)" if "TEMPLATE" in source else ""
                statement = f"CREATE SERVICE HOSTILE_BOMB IN COMPUTE POOL HOSTILE_POOL FROM {source} $${text}$${using}"
                with pytest.raises(SpcsError) as refused:
                    world.sql(statement)
                assert type(refused.value) is not SnowflakeUnreachableError, name
        grown = psutil.Process(pid).memory_info().rss - grown
        assert daemon.status(attacked.home).pid == pid, "the server was lost"
        assert grown < MEMORY, f"the server grew by {grown:,} bytes"
        one.struck(len(texts) * 4)
        one.seen(f"{len(texts)} texts refused four ways each; the server grew by {grown // 2**20} MiB")


def test_folders_are_not_left(attacked: Suite, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RAYDP_ARTIFACTS_DIR", str(tmp_path / "stage"))
    node = Node(tmp_path, "127.0.88.1")
    try:
        with attacked.fault(
            "Input",
            "names of jobs, results, applications and folders that lead out of theirs, and links and pipes in their place",
            "nothing outside is read or written; the others are served",
        ) as one:
            names = [*PATHS, *(hostile(one.chance) for _ in range(100))]
            times = read_everywhere(node, names)
            for body, status in answers_to_odd_bodies(node):
                assert status in (200, 400, 404), (body[:40], status)
                times += 1
            for number, name in enumerate(names):
                answer = node.order(f"C/{name}" if number % 2 else name, f"t{number}", [name])
                assert "error" in answer or "refused" in answer or {"files", "missing"} <= set(answer), answer
                times += 1
            assert all(path.startswith("C/") for path in node.staged()), node.staged()
            for name in names:
                with pytest.raises(ApplicationError, match=r"outside the artifacts stage|is not there|no file name"):
                    run_application(name, "0" * 64, [], wait_seconds=0)
                times += 1
            assert node.outside() == node.before
            assert node.ask("GET", "/logs/good") == (200, b'"good"')
            one.struck(times)
            one.seen("404, or a refusal that says why; nothing outside was read or written, and the good ones came")
    finally:
        node.close()


def test_names_of_logs(attacked: Suite, tmp_path: Path) -> None:
    node = Node(tmp_path, "127.0.88.2")
    try:
        with attacked.fault(
            "Input",
            "log files with hostile names on a node: shipped, exported, and put together after its death",
            "each log is on the stage once, under a plain name in its run's folder; nothing else",
        ) as one:
            names = odd_names(one.chance, 150)
            for number, name in enumerate(names):
                (node.logs / name).write_text(f"log {number}\n")
            said: list[str] = []
            ship(node, said)
            answer = node.order("C/d/r/t/1", "names", ["good"])
            assert SECRET not in json.dumps(answer)
            exported = node.stage / "C" / "d" / "r" / "t" / "1"
            content = sorted(path.read_text() for path in exported.rglob("executors/*/*"))
            lost = {f"log {number}\n" for number in range(len(names))} - set(content)
            one.row.lost += [names[int(each.split()[1])] for each in sorted(lost)]
            one.row.doubled += sorted({each for each in content if content.count(each) > 1})
            assert all(
                set(part) <= SAFE and part.strip(".")
                for path in exported.rglob("*")
                for part in path.relative_to(exported).parts
            )
            shipped = live_files(node)
            gone = tmp_path / "gone"
            (boot,) = (node.stage / "live" / "C").iterdir()
            joined = list(dead_node(boot, gone, Boot.read(boot.name) or pytest.fail("no boot"), ["good"], (), writing))
            assert {(gone / path).read_text() for path, _, _ in joined} >= set(content)
            assert all((gone / path).resolve().is_relative_to(gone.resolve()) for path, _, _ in joined)
            assert node.outside().items() >= node.before.items()
            one.struck(len(names))
            one.seen(
                f"{len(names)} logs exported under plain names, {len(shipped)} pieces shipped; links and pipes left alone"
            )
    finally:
        node.close()


SHOW_ARGUMENTS = "import json, pathlib, sys\npathlib.Path({out!r}).write_text(json.dumps(sys.argv[1:]))\n"


def test_arguments_arrive_as_they_are(attacked: Suite, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """By a real shell, as Ray runs an entry point, and the module that runs the application there."""
    out, file = tmp_path / "argv.json", tmp_path / "app.py"
    file.write_text(SHOW_ARGUMENTS.format(out=str(out)))
    monkeypatch.setenv("RAYDP_ARTIFACTS_DIR", str(tmp_path))
    with attacked.fault(
        "Input",
        "shell metacharacters, quotes, newlines and 10 kB in the arguments of applications",
        "they arrive in the application as they are, and no shell runs them; what no process can be given is refused",
    ) as one:
        values = [hostile(one.chance) for _ in range(300)]
        sendable = [value for value in values if _is_sendable(value)]
        for value in values:
            if not _is_sendable(value):
                with pytest.raises(JobInputError):
                    Application.read(file, [value])
        for start in range(0, len(sendable), 30):
            some = sendable[start : start + 30]
            application = Application.read(file, some)
            place = tmp_path / application.folder("C")
            place.mkdir(parents=True, exist_ok=True)
            (place / file.name).write_text(file.read_text())
            entrypoint = application.entrypoint("C", "job-1").replace("python ", f"{sys.executable} ", 1)
            subprocess.run(["/bin/sh", "-c", entrypoint], cwd=tmp_path, check=True, timeout=60)
            assert json.loads(out.read_text()) == some
            out.unlink()
        assert {path.name for path in tmp_path.iterdir()} == {"app.py", "C"}, "a shell ran something"
        one.struck(len(values))
        one.seen(f"{len(sendable)} arrived as they were, {len(values) - len(sendable)} were refused")


def _is_sendable(value: str) -> bool:
    return not re.search("[\0\ud800-\udfff]", value)


def test_an_id_stays_one_part_of_an_address(attacked: Suite) -> None:
    """Asked of a server that writes down what it was asked."""
    with (
        attacked.fault(
            "Input",
            "hostile ids of jobs in the addresses of Ray's API and of the head's job files",
            "refused, or asked for as that very id; never another address",
        ) as one,
        asked_addresses() as (client, asked),
    ):
        values = [hostile(one.chance) for _ in range(200)]
        refused = 0
        for value in values:
            for ask, beginning, end in (
                (client.info, "/api/jobs/", ""), (client.stop, "/api/jobs/", "/stop"), (client.result, "/results/", ""),
                (lambda job: list(client.logs(job)), "/logs/", ""),
            ):  # fmt: skip
                asked.clear()
                try:
                    ask(value)
                except JobInputError:
                    refused += 1
                    assert asked == []
                except RayJobsError:
                    pass
                if asked:
                    (path,) = asked
                    assert path.startswith(beginning)
                    assert path.endswith(end)
                    part = path[len(beginning) : len(path) - len(end)]
                    assert "/" not in part
                    assert unquote(part) == value
        one.struck(len(values) * 4)
        one.seen(f"{len(values) * 4 - refused} asked for as they are, {refused} refused; never another address")
