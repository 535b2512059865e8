"""What runs in a job's process: the application or the function that was sent, with the exit code that tells its fate."""

from __future__ import annotations

import argparse
import os
import sys
import traceback
from collections.abc import Sequence
from typing import Final

from airflow_provider_raydp_spcs.runtime.errors import InputError

INPUT_EXIT_CODE: Final = 65
"""Tells the task that another try would end the same (``EX_DATAERR`` of sysexits.h)."""


def read(words: Sequence[str]) -> argparse.Namespace:
    """Read the command line: ``command``, ``application``, ``sha256``, ``job``, ``session`` and ``arguments``."""
    parser = argparse.ArgumentParser(prog="airflow_provider_raydp_spcs.runtime")
    commands = parser.add_subparsers(dest="command", required=True)
    for command, about in (
        ("run", "run an application from the artifacts stage"),
        ("call", "call a function that was sent to the artifacts stage"),
    ):
        one = commands.add_parser(command, help=about)
        one.add_argument("--application", required=True, help="path below $RAYDP_ARTIFACTS_DIR")
        one.add_argument("--sha256", required=True, help="checksum of its content")
        one.add_argument("--job", required=True, help="submission id, under which the result is kept")
        one.add_argument("--session", choices=["own", "warm"], default="own", help="whose Spark application it uses")
        one.add_argument("arguments", nargs=argparse.REMAINDER, help="arguments of the application, after --")
    options = parser.parse_args(words)
    if options.arguments[:1] == ["--"]:
        del options.arguments[0]
    return options


def run(words: Sequence[str]) -> None:
    """Run a job; its exceptions and exit codes are the job's."""
    from airflow_provider_raydp_spcs.runtime.launcher import call_function, run_application

    options = read(words)
    os.environ["RAYDP_SUBMISSION_ID"] = options.job
    try:
        if options.command == "run":
            run_application(options.application, options.sha256, options.arguments)
        else:
            call_function(options.application, options.sha256)
    except InputError as error:
        traceback.print_exc()
        sys.stderr.write(f"{error}\n")
        sys.exit(INPUT_EXIT_CODE)
