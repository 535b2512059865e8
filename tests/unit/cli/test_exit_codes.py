"""The table of exit codes, and what the command line tells of failures."""

from __future__ import annotations

import pytest

from airflow_provider_raydp_spcs.cli import exit_codes, output
from airflow_provider_raydp_spcs.cli.exit_codes import MEANINGS, ExitCode, code_of
from airflow_provider_raydp_spcs.cluster import errors as cluster
from airflow_provider_raydp_spcs.jobs import errors as jobs
from airflow_provider_raydp_spcs.spcs import errors as spcs
from tests.unit.cli.conftest import run


def test_every_code_has_a_meaning_and_stands_in_the_help() -> None:
    assert set(MEANINGS) == set(ExitCode)
    text = " ".join(run("--help").out.split())
    for code, meaning in MEANINGS.items():
        assert f"{int(code)} {meaning}" in text


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (exit_codes.UsageError(""), 2),
        (spcs.InvalidIdentifierError(""), 2),
        (cluster.ClusterConfigError(""), 2),
        (spcs.ObjectDoesNotExistError("", 2003), 3),
        (cluster.WorkerGroupNotFoundError(""), 3),
        (spcs.CapacityError("", 392507), 4),
        (cluster.ClusterNotReadyError(""), 4),
        (jobs.JobTimeoutError(""), 4),
        (jobs.JobFailedError(""), 5),
        (jobs.JobInputError(""), 5),
        (exit_codes.NotConnectedError(""), 6),
        (spcs.SnowflakeUnreachableError(""), 6),
        (jobs.NotSignedInError(""), 6),
        (spcs.InsufficientPrivilegesError("", 3001), 7),
        (jobs.NotAllowedError(""), 7),
        (cluster.NameTakenError(""), 8),
        (spcs.LeaseTableMissingError(""), 1),
        (RuntimeError(), 1),
        (KeyboardInterrupt(), 130),
    ],
)
def test_codes_keep_their_meaning(error: BaseException, code: int) -> None:
    assert code_of(error) == code


def test_a_defect_keeps_its_traceback() -> None:
    assert not output.explain(RuntimeError("a defect"))


def test_wrong_usage_of_typer_has_the_same_code() -> None:
    run("cluster", "create", code=ExitCode.USAGE)
    run("cluster", "list", "--output", "xml", code=ExitCode.USAGE)
