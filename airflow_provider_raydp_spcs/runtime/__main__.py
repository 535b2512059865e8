"""``python -m airflow_provider_raydp_spcs.runtime run|call …``: what a Ray job's entry point calls."""

from __future__ import annotations

import argparse
import os
import sys
import traceback
from typing import Final

from airflow_provider_raydp_spcs.runtime.errors import InputError
from airflow_provider_raydp_spcs.runtime.launcher import call_function, run_application

INPUT_EXIT_CODE: Final = 65
"""Tells the task that another try would end the same (``EX_DATAERR`` of sysexits.h)."""


def main() -> None:
    """Read the command line and run the job; its exceptions and exit codes are the job's."""
    parser = argparse.ArgumentParser(prog="airflow_provider_raydp_spcs.runtime")
    commands = parser.add_subparsers(dest="command", required=True)
    for command, words in (
        ("run", "run an application from the artifacts stage"),
        ("call", "call a function that was sent to the artifacts stage"),
    ):
        one = commands.add_parser(command, help=words)
        one.add_argument("--application", required=True, help="path below $RAYDP_ARTIFACTS_DIR")
        one.add_argument("--sha256", required=True, help="checksum of its content")
        one.add_argument("--job", required=True, help="submission id, under which the result is kept")
        one.add_argument("arguments", nargs=argparse.REMAINDER, help="arguments of the application, after --")
    options = parser.parse_args()
    os.environ["RAYDP_SUBMISSION_ID"] = options.job
    arguments = options.arguments[1:] if options.arguments[:1] == ["--"] else options.arguments
    try:
        if options.command == "run":
            run_application(options.application, options.sha256, arguments)
        else:
            call_function(options.application, options.sha256)
    except InputError as error:
        traceback.print_exc()
        sys.stderr.write(f"{error}\n")
        sys.exit(INPUT_EXIT_CODE)


main()
