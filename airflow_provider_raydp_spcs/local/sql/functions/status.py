"""Functions that tell of services and pools, wait for them and cancel jobs (SPCS reference 1.3, 2.2, 2.7)."""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING, Any, Final

from airflow_provider_raydp_spcs.local.errors import SnowflakeFault, cannot, does_not_exist
from airflow_provider_raydp_spcs.local.interruption import pause
from airflow_provider_raydp_spcs.local.sql.cursor import Cursor
from airflow_provider_raydp_spcs.local.sql.functions.registry import Arguments, invalid_argument, scalar
from airflow_provider_raydp_spcs.local.sql.scope import full_name

if TYPE_CHECKING:
    from airflow_provider_raydp_spcs.local.sql.registry import Context

MAX_SECONDS: Final = 172_800.0
"""No wait is longer than the default of STATEMENT_TIMEOUT_IN_SECONDS."""
_STATUSES: Final = [
    "PENDING",
    "RUNNING",
    "FAILED",
    "DONE",
    "CANCELLING",
    "CANCELLED",
    "SUSPENDING",
    "SUSPENDED",
    "DELETING",
    "DELETED",
    "INTERNAL_ERROR",
]


def service_of(context: Context, name: str | None, function: str, *privileges: str) -> str:
    """The full name of a service that an argument names; the role has one of the privileges on it.

    :raises SnowflakeFault: no name, no such service, or none of the privileges.
    """
    if not name:
        raise invalid_argument(function, name, "it must be the name of a service")
    found = full_name(Cursor(name).name(), context.session, "SELECT")
    check_any(context, found, *privileges)
    return found


def check_any(context: Context, service: str, *privileges: str) -> None:
    """The role has one of the privileges on a service.

    :raises SnowflakeFault: it has none.
    """
    for privilege in privileges[:-1]:
        try:
            context.needs(privilege, "Service", service)
        except SnowflakeFault:
            continue
        return
    context.needs(privileges[-1], "Service", service)


def seconds_of(value: str | None, function: str) -> float:
    """Seconds that an argument names.

    :raises SnowflakeFault: no number, or below 0.
    """
    try:
        found = float(value or "")
    except ValueError:
        found = -1.0
    if not 0 <= found < float("inf"):
        raise invalid_argument(function, value, "it must be a number of seconds, 0 or more")
    return min(found, MAX_SECONDS)


@scalar("SYSTEM$GET_SERVICE_STATUS", 1, 2)
def service_status(context: Context, arguments: Arguments) -> str:
    """The containers as JSON; with a number of seconds, once none of them is pending."""
    name = service_of(context, arguments[0], "SYSTEM$GET_SERVICE_STATUS", "MONITOR")
    timeout = seconds_of(arguments[1], "SYSTEM$GET_SERVICE_STATUS") if len(arguments) > 1 else 0.0
    end = time.monotonic() + timeout
    while True:
        rows = context.platform.views.containers(name)
        if all(row.get("status") in ("READY", "FAILED", "DONE") for row in rows) or time.monotonic() >= end:
            return json.dumps([_container(row) for row in rows])
        pause()


def _container(row: dict[str, Any]) -> dict[str, Any]:
    return {
        "status": row.get("status") or row["service_status"],
        "message": row.get("message") or "",
        "containerName": row.get("container_name") or "",
        "instanceId": row.get("instance_id") or "",
        "serviceName": row["service_name"],
        "image": row.get("image_name") or "",
        "restartCount": row.get("restart_count") or 0,
        "startTime": row.get("start_time") or "",
        **({"lastExitCode": int(row["last_exit_code"])} if row.get("last_exit_code") is not None else {}),
    }


@scalar("SYSTEM$WAIT_FOR_SERVICES", 2, 1000)
def wait_for_services(context: Context, arguments: Arguments) -> str:
    """``OK`` once every service runs and every job is done."""
    function = "SYSTEM$WAIT_FOR_SERVICES"
    seconds = seconds_of(arguments[0], function)
    names = [service_of(context, name, function, "MONITOR") for name in arguments[1:]]
    end = time.monotonic() + seconds
    while True:
        states = {name: _settled(context.platform.views.service(name)) for name in names}
        if failed := sorted(name for name, status in states.items() if status in ("FAILED", "CANCELLED")):
            raise cannot(f"Service {', '.join(failed)} reached status {states[failed[0]]}.")
        waiting = sorted(name for name, status in states.items() if status not in ("RUNNING", "DONE"))
        if not waiting:
            return "OK"
        if time.monotonic() >= end:
            told = ", ".join(f"{name} ({states[name]})" for name in waiting)
            raise cannot(f"Services {told} were not running within {seconds:g} seconds.")
        pause()


def _settled(row: dict[str, Any]) -> str:
    """The status, which is that of a pending service while it is upgraded; a running job has not settled either."""
    if row["is_upgrading"] == "true" or (row["is_job"] == "true" and row["status"] == "RUNNING"):
        return "PENDING"
    return str(row["status"])


@scalar("SPCS_WAIT_FOR", 2, 2, of_service=True)
def wait_for(context: Context, arguments: Arguments) -> str:
    """Wait until a service or job has a status."""
    name, status, seconds = arguments
    check_any(context, str(name), "MONITOR", "OPERATE", "USAGE")
    wanted = str(status or "").upper()
    if wanted not in _STATUSES:
        raise invalid_argument("SPCS_WAIT_FOR", status, f"allowed are {', '.join(_STATUSES)}")
    return context.platform.jobs.wait_for(str(name), wanted, seconds_of(seconds, "SPCS_WAIT_FOR"))


@scalar("SPCS_CANCEL_JOB", 0, 0, of_service=True)
def cancel_job_of(context: Context, arguments: Arguments) -> str:
    """Cancel a job."""
    name = str(arguments[0])
    context.needs("OPERATE", "Service", name)
    return context.platform.jobs.cancel(name)


@scalar("SYSTEM$CANCEL_JOB", 1, 1)
def cancel_job(context: Context, arguments: Arguments) -> str:
    """Cancel a job; the older form."""
    return context.platform.jobs.cancel(service_of(context, arguments[0], "SYSTEM$CANCEL_JOB", "OPERATE"))


@scalar("SYSTEM$GET_JOB_STATUS", 1, 1)
def job_status(context: Context, arguments: Arguments) -> str:
    """The older form of SYSTEM$GET_SERVICE_STATUS, for jobs."""
    return service_status(context, arguments)


@scalar("SYSTEM$GET_SERVICE_DNS_DOMAIN", 1, 1)
def dns_domain(context: Context, arguments: Arguments) -> str:
    """The DNS domain of a schema's services."""
    schema = full_name(f"{Cursor(arguments[0] or '').name()}.X", context.session, "SELECT").rpartition(".")[0]
    context.needs("USAGE", "Schema", schema)
    database, name = schema.split(".")
    return context.platform.views.domain(database, name)


@scalar("SYSTEM$GET_COMPUTE_POOL_STATUS", 1, 1)
def pool_status(context: Context, arguments: Arguments) -> str:
    """State and message of a compute pool as JSON."""
    name = Cursor(arguments[0] or "").name()
    context.needs("MONITOR", "Compute pool", name)
    row = context.platform.pools.describe(name)
    return json.dumps({"status": row["state"], "message": row["status_message"]}, separators=(",", ":"))


@scalar("SYSTEM$GET_COMPUTE_POOL_PENDING_MAINTENANCE", 0, 0)
def pending_maintenance(context: Context, arguments: Arguments) -> str:
    """Maintenance of nodes to come: none."""
    del context, arguments  # nodes of this machine are never replaced
    return "[]"


@scalar("SYSTEM$REGISTRY_LIST_IMAGES", 1, 1)
def list_images(context: Context, arguments: Arguments) -> str:
    """The names of the images in a repository as JSON."""
    function = "SYSTEM$REGISTRY_LIST_IMAGES"
    parts = (arguments[0] or "").strip("/").upper().split("/")
    if len(parts) != 3:
        raise invalid_argument(function, arguments[0], "it must be of the form /database/schema/repository")
    name = ".".join(parts)
    context.needs("READ", "Image repository", name)
    if not context.catalogue.has("Image repository", name):
        raise does_not_exist("Image repository", name)
    images = sorted({row["image_name"] for row in context.platform.show_images(name)})
    return json.dumps({"images": images}, separators=(",", ":"))
