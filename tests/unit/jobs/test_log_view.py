"""What of a job's log is shown, and what its end says about a failure."""

from __future__ import annotations

from typing import Any

import pytest

from airflow_provider_raydp_spcs.jobs.errors import JobFailedError, RayUnreachableError
from airflow_provider_raydp_spcs.jobs.logs import LAST_LINES, TAIL_BYTES, LogView
from airflow_provider_raydp_spcs.jobs.submission import JobInfo, JobStatus, LogPiece
from airflow_provider_raydp_spcs.jobs.wait import check_end, look, overdue

FAILED = JobInfo("j", JobStatus.FAILED, message="Ray's word", driver_exit_code=1)


class Log:
    """A job that has ended, and its log, handed out in pieces of some bytes."""

    def __init__(self, text: str, piece: int = 1 << 20) -> None:
        self.text, self.piece = text, piece
        self.silent = False

    def info(self, job: str) -> JobInfo:
        return JobInfo(job, JobStatus.SUCCEEDED)

    def new_log(self, job: str, position: int, *, finished: bool = False) -> LogPiece:
        del job, finished
        if self.silent:
            raise RayUnreachableError("nobody")
        text = self.text[position : position + self.piece]
        return LogPiece(text, position + len(text), len(self.text))


def numbered(count: int) -> list[str]:
    return [f"line {number}" for number in range(count)]


def shown(log: Log, **values: Any) -> list[str]:
    lines: list[str] = []
    look(log, "j", LogView(lines.append, **values))  # type: ignore[arg-type]
    return lines


@pytest.mark.parametrize("piece", [7, 70, 1 << 20])
def test_every_line_comes_once_whatever_the_pieces(piece: int) -> None:
    text = "".join(f"{line}\n" for line in numbered(50))
    # The head hands out whole lines; so pieces end there.
    whole = max(piece, 8) - max(piece, 8) % 8
    assert "".join(shown(Log(text, whole))) == "".join(numbered(50))


@pytest.mark.parametrize("count", [3, 4, 5, 30, 50, 100])
def test_a_long_log_is_cut_and_ends_with_its_last_lines_each_once(count: int) -> None:
    lines = shown(Log("".join(f"{line}\n" for line in numbered(count))), max_lines=3)
    told = [line for line in lines if not line.startswith("…")]
    assert told == [*numbered(count)[:3], *numbered(count)[3:][-LAST_LINES:]]
    assert [number for number, line in enumerate(lines) if line.startswith("…")] == [3]


def test_the_end_of_a_very_long_log_is_read_from_its_end() -> None:
    lines = numbered(100_000)
    log = Log("".join(f"{line}\n" for line in lines), piece=2 * TAIL_BYTES)
    told = shown(log, max_lines=10)
    assert told[:10] == lines[:10]
    assert told[-LAST_LINES:] == lines[-LAST_LINES:]
    assert len(told) == 10 + 1 + LAST_LINES
    assert len(log.text) > 10 * TAIL_BYTES


def test_looking_again_at_the_end_shows_nothing_again() -> None:
    log, lines = Log("1\n2\n3\n4\n"), []  # type: tuple[Log, list[str]]
    view = LogView(lines.append, max_lines=2)
    look(log, "j", view)  # type: ignore[arg-type]
    before = list(lines)
    look(log, "j", view)  # type: ignore[arg-type]
    assert lines == before


def test_no_lines_at_all_but_the_last_ones() -> None:
    assert shown(Log("1\n2\n"), max_lines=0) == ["1", "2"]


@pytest.mark.parametrize("position", [0, 2, 4])
def test_a_failure_tells_the_last_lines_wherever_the_view_began(position: int) -> None:
    log = Log("1\n2\n")
    view = LogView(lambda line: None, position=position)
    look(log, "j", view)  # type: ignore[arg-type]
    with pytest.raises(JobFailedError, match="last lines:\n1\n2"):
        check_end(log, FAILED, view)  # type: ignore[arg-type]
    assert str(overdue(log, "j", view)).endswith("last lines:\n1\n2")  # type: ignore[arg-type]
    with pytest.raises(JobFailedError, match="last lines:\n1\n2"):
        check_end(log, FAILED)  # type: ignore[arg-type]


def test_a_job_that_wrote_nothing_has_rays_word() -> None:
    with pytest.raises(JobFailedError, match="Ray's word The driver wrote nothing"):
        check_end(Log(""), FAILED)  # type: ignore[arg-type]


def test_a_silence_hides_no_failure() -> None:
    log = Log("1\n")
    log.silent = True
    with pytest.raises(JobFailedError, match="Ray's word"):
        check_end(log, FAILED, LogView(lambda line: None, position=2))  # type: ignore[arg-type]
