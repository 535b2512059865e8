"""The demo from its first to its last step."""

from __future__ import annotations

import datetime as dt
import os
import signal
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from airflow_provider_raydp_spcs.cli.demo import leftovers, report
from airflow_provider_raydp_spcs.cli.demo.airflow_run import Airflow, DagRunFailedError, DagRunReport
from airflow_provider_raydp_spcs.cli.demo.phases import Phases
from airflow_provider_raydp_spcs.cli.demo.preflight import check_machine
from airflow_provider_raydp_spcs.cli.output import console
from airflow_provider_raydp_spcs.cluster.log_places import LIVE
from airflow_provider_raydp_spcs.shipped import shipped

if TYPE_CHECKING:
    from airflow_provider_raydp_spcs.spcs.client import SpcsClient

DAG_ID = "flights_daily_etl"
RESULT = "RAYDP_SIS_DB.RAYDP_SIS_CORE_SCHEMA.FLIGHTS_DAILY"
LOGS_STAGE = "RAYDP_SIS_DB.RAYDP_SIS_CORE_SCHEMA.RAYDPLOGS"


class Demo:
    """One demo: everything it makes lies in ``folder``, and nothing of it runs afterwards.

    :param folder: state of the local Snowflake, Airflow's home and logs; kept, so that a second run finds the
        tables loaded.
    :param days: logical dates to run, one DAG run each.
    :param report_file: where the figures go as JSON, if anywhere.
    """

    def __init__(self, folder: Path, days: Sequence[dt.date], report_file: Path | None = None) -> None:
        self._folder = folder
        self._days = days
        self._report_file = report_file
        self._phases = Phases()

    def run(self) -> None:
        """Run it to its end.

        :raises DagRunFailedError: the DAG failed; the message holds the last lines of the log.
        :raises leftovers.LeftoversError: something was left running.
        """
        from airflow_provider_raydp_spcs.local import daemon
        from airflow_provider_raydp_spcs.local.environment import client_environment

        check_machine(self._folder)
        # Ended by a signal, it must still take down what it has brought up.
        signal.signal(signal.SIGTERM, lambda number, frame: sys.exit(128 + number))
        home = self._folder / "snowflake"
        try:
            with self._phases.phase("local Snowflake up"):
                server = daemon.up(home, port=0, images=shipped("images"))
                environment = client_environment(server)
            result = self._with_snowflake(environment)
        finally:
            with self._phases.phase("local Snowflake down"):
                daemon.down(home)
        leftovers.check_processes_gone(self._folder)
        result |= {"phases": self._phases.seconds, "total_seconds": self._phases.total}
        report.show(result)
        if self._report_file:
            report.write(result, self._report_file)

    def _with_snowflake(self, environment: dict[str, str]) -> dict[str, Any]:
        # The connector reads its certificate bundle and its home from the environment.
        os.environ.update({name: value for name, value in environment.items() if not name.startswith("AIRFLOW")})
        from airflow_provider_raydp_spcs.cli.demo.connection import client_of, connect, run_script
        from airflow_provider_raydp_spcs.local.sample_data import load_flights
        from airflow_provider_raydp_spcs.spcs.session import ConnectorSession

        with self._phases.phase("set-up SQL"):
            for script in ("step0_admin_setup.sql", "step1_user_setup.sql"):
                run_script(environment, shipped("sql") / script)
        with connect(environment) as connection:
            session = ConnectorSession(connection)
            with self._phases.phase("336,776 flights into Snowflake tables"):
                load_flights(session, progress=lambda line: console.print(f"  [dim]{line}[/]"))
            client = client_of(connection)
            leftovers.delete_earlier(client, console.print)
            runs = self._run_dag(environment)
            rows = self._rows(session)
            files = self._log_files(client)
            with self._phases.phase("check that no service is left"):
                leftovers.check_services_gone(client)
        return {
            "rows": rows,
            "files": files,
            "tasks": {str(day): run.task_seconds for day, run in runs.items()},
            "log": [str(run.log) for run in runs.values()],
        }

    def _run_dag(self, environment: dict[str, str]) -> dict[dt.date, DagRunReport]:
        dags = shipped("dags")
        airflow = Airflow(self._folder / "airflow", dags, environment)
        with self._phases.phase("Airflow database"):
            airflow.prepare()
        runs = {}
        for day in self._days:
            with self._phases.phase(f"DAG {DAG_ID}, {day}"):
                run = airflow.run(DAG_ID, dags / f"{DAG_ID}.py", day, show=console.print)
            if not run.succeeded:
                tail = "\n".join(run.last_lines)
                msg = f"The DAG run of {day} failed. Its last lines:\n{tail}\nThe whole log: {run.log}"
                raise DagRunFailedError(msg)
            runs[day] = run
        return runs

    def _rows(self, session: Any) -> list[dict[str, Any]]:
        marks = ", ".join(["%s"] * len(self._days))
        sql = f"SELECT * FROM {RESULT} WHERE FLIGHT_DATE IN ({marks}) ORDER BY FLIGHT_DATE, CARRIER, ORIGIN"  # noqa: S608 - constants and binds
        return list(session.execute(sql, [str(day) for day in self._days]))

    @staticmethod
    def _log_files(client: SpcsClient) -> list[tuple[str, int]]:
        found = client.stages.files(f"@{LOGS_STAGE}")
        # What nodes shipped while they ran is in the exported logs, too.
        return [(file.name, file.size) for file in found if not file.path.startswith(f"{LIVE}/")]
