"""``python -m airflow_provider_raydp_spcs.runtime run …``: what a Ray job's entry point calls."""

from __future__ import annotations

import argparse
import sys

from airflow_provider_raydp_spcs.runtime.errors import ApplicationError
from airflow_provider_raydp_spcs.runtime.launcher import run_application


def main() -> None:
    """Read the command line and run the application; its exceptions and exit codes are the job's."""
    parser = argparse.ArgumentParser(prog="airflow_provider_raydp_spcs.runtime")
    commands = parser.add_subparsers(dest="command", required=True)
    run = commands.add_parser("run", help="run an application from the artifacts stage")
    run.add_argument("--application", required=True, help="path below $RAYDP_ARTIFACTS_DIR")
    run.add_argument("--sha256", required=True, help="checksum of its content")
    run.add_argument("arguments", nargs=argparse.REMAINDER, help="arguments of the application, after --")
    options = parser.parse_args()
    arguments = options.arguments[1:] if options.arguments[:1] == ["--"] else options.arguments
    try:
        run_application(options.application, options.sha256, arguments)
    except ApplicationError as error:
        sys.exit(str(error))


main()
