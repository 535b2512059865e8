"""A real RayDP cluster on the local Snowflake: its jobs through the ingress, its nodes, its end."""

from __future__ import annotations

import asyncio
import shlex
import signal
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from airflow_provider_raydp_spcs.cli.demo.connection import client_of, connect
from airflow_provider_raydp_spcs.cli.exit_codes import ExitCode
from airflow_provider_raydp_spcs.cluster.config import ClusterConfig, HeadConfig, WorkerGroup
from airflow_provider_raydp_spcs.cluster.errors import ClusterError
from airflow_provider_raydp_spcs.cluster.lifecycle import Clusters
from airflow_provider_raydp_spcs.cluster.logs import LogTarget, export_logs
from airflow_provider_raydp_spcs.jobs.aio import AsyncRayJobsClient
from airflow_provider_raydp_spcs.jobs.client import RayJobsClient
from airflow_provider_raydp_spcs.jobs.errors import JobFailedError, JobNotFoundError, NotSignedInError
from airflow_provider_raydp_spcs.jobs.logs import LogView
from airflow_provider_raydp_spcs.jobs.submission import TERMINAL, HeadAddress, JobRequest, JobStatus
from airflow_provider_raydp_spcs.jobs.wait import wait_for_job
from airflow_provider_raydp_spcs.spcs.ingress import AsyncIngressTokens, IngressTokens, session_tokens
from tests.shell import Shell

pytestmark = [pytest.mark.integration, pytest.mark.timeout(240)]
NAME = "ITEST"


@pytest.fixture(scope="module")
def connection(local_snowflake: dict[str, str]) -> Iterator[Any]:
    parameters = {"PYTHON_CONNECTOR_QUERY_RESULT_FORMAT": "json"}
    with connect(local_snowflake, session_parameters=parameters) as made:
        yield made


@pytest.fixture(scope="module")
def clusters(connection: Any) -> Iterator[Clusters]:
    made = Clusters(client_of(connection))
    groups = [WorkerGroup(count=1), WorkerGroup("CPU_X64_XS", name="special", count=1)]
    config = ClusterConfig(NAME, head=HeadConfig(env={"GREETING": "hello"}), worker_groups=groups)
    made.create(config)
    try:
        made.wait_for(NAME, deadline=time.time() + 120, poll=0.5)
    except ClusterError as error:
        pytest.fail("\n".join([str(error), *made.last_words(NAME, lines=200)]))
    yield made
    made.delete(NAME)
    assert made.delete(NAME).services == ()


@pytest.fixture(scope="module")
def tokens(connection: Any) -> IngressTokens:
    return session_tokens(connection)


@pytest.fixture
def client(clusters: Clusters, tokens: IngressTokens, local_snowflake: dict[str, str]) -> Iterator[RayJobsClient]:
    found = clusters.head_endpoints(NAME)
    address = HeadAddress(found["dashboard"], found["job-files"])
    with RayJobsClient(address, tokens=tokens, ca_bundle=local_snowflake["SSL_CERT_FILE"]) as made:
        yield made


def test_nodes_have_the_resources_that_were_asked_for(client: RayJobsClient) -> None:
    nodes = {node["labels"]["raydp-group"]: node["resources_total"] for node in client.nodes()}
    assert set(nodes) == {"head", "worker", "special"}
    assert "CPU" not in nodes["head"]
    assert (nodes["worker"]["CPU"], nodes["worker"]["worker"]) == (3.0, 1.0)
    assert (nodes["special"]["CPU"], nodes["special"]["custom_worker"]) == (1.0, 1.0)


def test_a_job_runs_once_however_often_it_is_submitted(client: RayJobsClient) -> None:
    request = JobRequest(
        "once", "python -c \"import os; print(os.environ['GREETING'])\"; echo last", metadata={"k": "v"}
    )
    assert client.submit(request) is True
    assert client.submit(request) is False
    shown: list[str] = []
    assert wait_for_job(client, "once", LogView(shown.append), poll=0.3).status is JobStatus.SUCCEEDED
    assert shown[-2:] == ["hello", "last"]
    assert b"".join(client.logs("once")).count(b"hello") == 1
    assert "once" in [job.submission_id for job in client.jobs()]


def test_a_failing_job_is_an_error_with_its_last_words(client: RayJobsClient) -> None:
    client.submit(JobRequest("fails", "echo so close; exit 7"))
    with pytest.raises(JobFailedError, match=r"FAILED \(exit code 7\)[\s\S]*so close"):
        wait_for_job(client, "fails", LogView(lambda line: None), poll=0.3)


async def test_a_job_can_be_stopped(
    client: RayJobsClient, tokens: IngressTokens, local_snowflake: dict[str, str]
) -> None:
    client.submit(JobRequest("long", "sleep 300"))
    bundle = local_snowflake["SSL_CERT_FILE"]

    async def headers() -> dict[str, str]:
        return tokens.headers()

    async with AsyncRayJobsClient(client.address, tokens=AsyncIngressTokens(headers), ca_bundle=bundle) as other:
        while (await other.info("long")).status is JobStatus.PENDING:  # noqa: ASYNC110 - it is another machine's state
            await asyncio.sleep(0.2)
        assert await other.stop("long") is True
        deadline = time.monotonic() + 30
        while (info := await other.info("long")).status not in TERMINAL:
            assert time.monotonic() < deadline
        assert info.status is JobStatus.STOPPED
        assert (await other.new_logs({"long": 0}, finished=True))["long"].size > 0
    assert client.stop("unknown") is False


def test_unknown_jobs_and_strangers_are_refused(client: RayJobsClient, local_snowflake: dict[str, str]) -> None:
    with pytest.raises(JobNotFoundError, match="unknown"):
        client.info("unknown")
    with RayJobsClient(client.address, ca_bundle=local_snowflake["SSL_CERT_FILE"]) as stranger:
        with pytest.raises(NotSignedInError):
            stranger.info("once")
        with pytest.raises(NotSignedInError):
            stranger.submit(JobRequest("mine", "true"))


def test_log_files_of_every_node_can_be_read(client: RayJobsClient) -> None:
    found = list(client.node_logs())
    assert len({node for node, _ in found}) == 3
    node, file = next((node, file) for node, file in found if file == "raylet.out")
    assert b"raylet" in b"".join(client.read_log(node, file))


def test_creating_it_again_changes_nothing(clusters: Clusters) -> None:
    lines: list[str] = []
    groups = [WorkerGroup(count=1), WorkerGroup("CPU_X64_XS", name="special", count=1)]
    clusters.create(
        ClusterConfig(NAME, head=HeadConfig(env={"GREETING": "hello"}), worker_groups=groups), progress=lines.append
    )
    assert len(lines) == 6
    assert all(line.endswith("exists and is used") for line in lines)


class Instance:
    """What the operator needs of a task instance, outside Airflow."""

    dag_id, run_id, task_id, map_index, try_number, max_tries = "d", "r", "t", -1, 1, 0

    def __init__(self) -> None:
        self.pushed: dict[str, Any] = {}

    def xcom_push(self, key: str, value: Any) -> None:
        self.pushed[key] = value


class Store(dict[str, Any]):
    """A task state store."""

    def set(self, key: str, value: Any) -> None:
        self[key] = value


def test_the_submit_task_finds_its_job_again_after_the_workers_death(
    client: RayJobsClient, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from airflow_provider_raydp_spcs.operators import submit_job

    application = tmp_path / "once.py"
    application.write_text(
        "import sys, time\nfrom airflow_provider_raydp_spcs.runtime import set_result\n"
        "print('ran with', sys.argv[1:], flush=True)\ntime.sleep(4)\nset_result({'n': 1})\nprint('the end')\n"
    )
    instance, store = Instance(), Store()
    context: Any = {"ti": instance, "task_state_store": store}
    operator = submit_job.SubmitRayDPJobOperator(
        task_id="t", cluster_name=NAME, application=application, application_args=["a b", "$HOME"], poll_interval=0.3
    )
    shown: list[str] = []
    monkeypatch.setattr(operator, "say", shown.append)

    def dies(*args: Any, **kwargs: Any) -> None:
        raise SystemExit("SIGKILL")

    with monkeypatch.context() as patch:
        patch.setattr(submit_job, "wait_for_job", dies)
        with pytest.raises(SystemExit):
            operator.execute(context)
    assert operator.execute(context) == {"n": 1}
    job = instance.pushed["raydp_job"]["submission_id"]
    assert instance.pushed["_link_RayJobLink"].endswith(f"/#/jobs/{job}")
    assert [line.split()[0] for line in shown if job in line and "entrypoint" not in line] == ["submitted", "found"]
    assert b"".join(client.logs(job)).count(b"ran with ['a b', '$HOME']") == 1
    assert [shown.count(line) for line in ("ran with ['a b', '$HOME']", "the end")] == [1, 1]
    assert operator.execute(context) == {"n": 1}, "done, but the worker died before it could say so: not run again"
    assert b"".join(client.logs(job)).count(b"ran with") == 1
    instance.max_tries = 1
    operator.execute(context)
    assert instance.pushed["raydp_job"]["submission_id"] != job, "cleared: really run again"


def test_results_come_back_and_large_ones_by_way_of_the_stage(client: RayJobsClient, connection: Any) -> None:
    program = "from airflow_provider_raydp_spcs.runtime import set_result; set_result({})"
    environment = "RAYDP_SUBMISSION_ID={} python -c "
    for job, value in (("small", "[1, 'é', None]"), ("large", "'x' * 100_000")):
        client.submit(JobRequest(job, environment.format(job) + shlex.quote(program.format(value))))
        wait_for_job(client, job, LogView(print), poll=0.3)
    assert client.result("small") == {"value": [1, "é", None]}
    found = client.result("large")
    assert found["bytes"] == 100_002
    stage, _, path = found["stage_path"].removeprefix("@").partition("/")
    assert [file.path for file in client_of(connection).stages.files(f"@{stage}/{path}")] == [path]
    assert client.result("once") is None


TABLES = """
from airflow_provider_raydp_spcs.runtime import read_dataset, read_table, set_result, spark_session, write_table
values = read_dataset("INTO_SPARK")
with spark_session() as spark:
    frame = values.to_spark(spark).orderBy("F")
    small = [frame.schema.simpleString(), [[str(value) for value in row] for row in frame.collect()]]
    large = read_table(spark, "INTO_LARGE").repartition(3)
    written = write_table(large, "INTO_COPY", mode="overwrite")
    set_result([small, large.rdd.getNumPartitions(), written])
"""


def test_tables_go_through_the_executors_of_a_cluster_as_they_are(client: RayJobsClient, connection: Any) -> None:
    """Also where NULLs stand beside whole numbers that no float can hold."""
    cursor = connection.cursor()
    cursor.execute("CREATE TABLE INTO_SPARK (N NUMBER(18), D NUMBER(10, 2), F FLOAT, T VARCHAR, DAY DATE, B BOOLEAN)")
    cursor.execute(
        "INSERT INTO INTO_SPARK VALUES (9007199254740993, -0.01, 1, 'é', '1600-01-01', TRUE), (NULL, NULL, 2, NULL, NULL, NULL)"
    )
    numbers = "SELECT SEQ8() AS N, SEQ8()::VARCHAR AS T FROM TABLE(GENERATOR(ROWCOUNT => 200000))"
    cursor.execute(f"CREATE TABLE INTO_LARGE AS {numbers}")
    cursor.execute("CREATE TABLE INTO_COPY (N NUMBER(18), T VARCHAR)")
    client.submit(JobRequest("tables", f"RAYDP_SUBMISSION_ID=tables python -c {shlex.quote(TABLES)}"))
    wait_for_job(client, "tables", LogView(print), poll=0.3)
    schema = "struct<N:bigint,D:decimal(10,2),F:double,T:string,DAY:date,B:boolean>"
    rows = [
        ["9007199254740993", "-0.01", "1.0", "é", "1600-01-01", "True"],
        ["None", "None", "2.0", "None", "None", "None"],
    ]
    assert client.result("tables") == {"value": [[schema, rows], 3, 200_000]}
    found = cursor.execute("SELECT COUNT(*), COUNT(DISTINCT N), SUM(T::NUMBER(18)) FROM INTO_COPY").fetchone()
    assert [int(each) for each in found] == [200_000, 200_000, sum(range(200_000))]
    assert cursor.execute("SHOW STAGES LIKE 'RAYDP_WRITE%'").fetchall() == []


def test_a_million_lines_are_all_exported_once_and_in_order(client: RayJobsClient, connection: Any) -> None:
    program = "import sys\nfor n in range(1_000_000): sys.stdout.write(f'line {n}\\n')"
    client.submit(JobRequest("million", f"python -c {shlex.quote(program)}"))
    shown: list[str] = []
    wait_for_job(client, "million", LogView(shown.append, max_lines=1000), poll=0.3)
    own = [line for line in shown if line.startswith("line ")]
    assert own[:900] == [f"line {n}" for n in range(900)]
    assert own[-1] == "line 999999"
    clusters, target = Clusters(client_of(connection)), LogTarget("RAYDPLOGS", NAME, "d", "r", "million", 1)
    export_logs(clusters.client, clusters, target, ["million"], client)
    with tempfile.TemporaryDirectory() as folder:
        clusters.client.stages.get(f"{target.path}/driver.log", folder)
        lines = (Path(folder) / "driver.log").read_text().splitlines()
    numbered = [line for line in lines if line.startswith("line ")]
    assert numbered == [f"line {n}" for n in range(1_000_000)]


@pytest.fixture(scope="module")
def shell(clusters: Clusters, local_snowflake: dict[str, str], tmp_path_factory: pytest.TempPathFactory) -> Shell:
    return Shell(local_snowflake, tmp_path_factory.mktemp("shell"))


SUMS = """
import sys
import pyspark.sql.functions as F
from airflow_provider_raydp_spcs.runtime import set_result, spark_session
with spark_session("cli") as spark:
    total = spark.range(int(sys.argv[1])).agg(F.sum("id")).first()[0]
print("the sum is", total)
set_result({"total": total})
"""
WAITS = "import time\nprint('it waits', flush=True)\ntime.sleep(300)"


def test_the_command_line_runs_a_spark_job_and_fetches_its_logs(shell: Shell) -> None:
    file = shell.write("sums.py", SUMS)
    done = shell.ask("job", "submit", NAME, file, "--id", "sums", "--", "1000")
    assert (done["status"], done["result"]) == ("SUCCEEDED", {"total": 499500})
    out, err = shell.run("job", "submit", NAME, file, "--id", "sums", "--", "1")
    assert "the sum is 499500" in out.splitlines()
    assert "had been submitted already" in err
    assert "the sum is 499500" in shell.run("job", "logs", NAME, "sums", "--lines", "5")[0]
    exported = shell.ask("logs", "export", NAME, "sums", "--run", "mine")
    assert exported["missing"] == []
    shell.run("logs", "get", f"{NAME}/cli/mine", "here")
    assert "the sum is 499500" in (shell.folder / "here" / NAME / "cli/mine/jobs/1/driver.log").read_text()
    files = [path for path in (shell.folder / "here").rglob("*") if path.is_file()]
    assert len(files) == len(exported["files"])


def test_the_command_lines_exit_code_is_the_jobs_fate(shell: Shell) -> None:
    file = shell.write("unlucky.py", "raise SystemExit('no luck today')")
    failed = shell.ask("job", "submit", NAME, file, "--id", "unlucky", code=ExitCode.JOB_FAILED)
    assert failed["status"] == "FAILED"
    assert "no luck today" in failed["error"]["message"]
    for connection in ("local", "airflow:snowflake_default"):
        found = {
            each["submission_id"]: each["status"] for each in shell.ask("job", "list", NAME, "-c", connection)["jobs"]
        }
        assert found["unlucky"] == "FAILED"
    shell.run("job", "status", NAME, "nobody", code=ExitCode.NOT_FOUND)


def test_ctrl_c_leaves_the_job_and_says_how_to_stop_it(shell: Shell) -> None:
    with shell.start("job", "submit", NAME, shell.write("waits.py", WAITS), "--id", "waits") as submitting:
        assert submitting.stdout is not None
        while "it waits" not in (line := submitting.stdout.readline()):
            assert line, "the log ended before the job had begun"
        submitting.send_signal(signal.SIGINT)
        _, err = submitting.communicate(timeout=60)
    assert submitting.returncode == ExitCode.INTERRUPTED
    assert f"raydp-spcs job stop {NAME} waits" in err
    with shell.start("job", "logs", NAME, "waits", "--follow") as following:
        assert [each["status"] for each in shell.ask("job", "stop", NAME, "waits")["jobs"]] == ["STOPPED"]
        out, _ = following.communicate(timeout=60)
    assert "it waits" in out
    assert following.returncode == ExitCode.OK, "the log ends with the job"
    assert shell.ask("job", "status", NAME, "waits", "--wait", code=ExitCode.JOB_FAILED)["status"] == "STOPPED"
