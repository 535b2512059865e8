"""Whether the heads of running clusters let us in, and have this package's version (SPCS reference 4.2, 4.3, 4.5)."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from typing import Final

from airflow_provider_raydp_spcs.cluster.comment import ClusterComment
from airflow_provider_raydp_spcs.cluster.doctor.findings import Finding, HeadAnswer, Mender, Patient, error, ok, warning
from airflow_provider_raydp_spcs.cluster.endpoints import JOB_FILES
from airflow_provider_raydp_spcs.cluster.lifecycle import Clusters
from airflow_provider_raydp_spcs.cluster.naming import HEAD, service_name
from airflow_provider_raydp_spcs.spcs.service_info import UP, ServiceInfo
from airflow_provider_raydp_spcs.version import __version__

INGRESS: Final = "ingress"
VERSIONS: Final = "versions"


def check(patient: Patient) -> Iterator[Finding]:
    """Ask the head of every running cluster for its versions, through its public endpoint."""
    clusters = Clusters(patient.client, patient.setup.names.database, patient.setup.names.schema)
    seen = 0
    for service in clusters.all_services():
        comment = ClusterComment.read(service.comment)
        if comment is None or comment.group != HEAD or service.status not in UP:
            continue
        address = clusters.head_endpoints(comment.cluster).get(JOB_FILES)
        seen += 1
        if address is None:
            what = f"the endpoints of cluster {comment.cluster} have no address yet"
            yield warning(INGRESS, what, f"wait some minutes, then: raydp-spcs cluster urls {comment.cluster}")
            continue
        yield from _read(patient, service, comment.cluster, patient.probe(f"{address}/version"))
    if not seen:
        yield ok(INGRESS, "no cluster runs, so there is no endpoint to try")


def _read(patient: Patient, service: ServiceInfo, cluster: str, answer: HeadAnswer) -> Iterator[Finding]:
    role = patient.here.role
    if answer.status == 200:
        yield ok(INGRESS, f"the endpoints of cluster {cluster} let role {role} in")
        yield from _versions(cluster, answer.body)
    elif answer.status == 302:
        what = f"the endpoints of cluster {cluster} do not accept the session's token (they answer 302, to sign in)"
        mend = (
            "connect with a programmatic access token of the user that is restricted to the role: "
            f"ALTER USER ADD PROGRAMMATIC ACCESS TOKEN RAYDP ROLE_RESTRICTION = '{role}';"
        )
        yield error(INGRESS, what, mend)
    elif answer.status in (401, 403):
        what = f"the endpoints of cluster {cluster} refuse role {role} (they answer {answer.status})"
        grant = f"GRANT SERVICE ROLE {service.full_name}!ALL_ENDPOINTS_USAGE TO ROLE {role};"
        yield error(INGRESS, what, grant, Mender.ADMIN)
    else:
        told = f"HTTP {answer.status}: {answer.body[:200]}" if answer.status else answer.body[:200]
        what = f"the head of cluster {cluster} does not answer ({told})"
        yield error(INGRESS, what, f"raydp-spcs cluster logs {cluster} --group head")


def _versions(cluster: str, body: str) -> Iterator[Finding]:
    try:
        found = {str(key): str(value) for key, value in json.loads(body).items()}
    except (ValueError, AttributeError):
        found = {}
    package, python = found.get("package", "unknown"), found.get("python", "")
    if package != __version__:
        name = service_name(cluster, HEAD)
        what = f"cluster {cluster} runs version {package} of the package (service {name}), and {__version__} is installed here"
        mend = f"raydp-spcs cluster delete {cluster}  # and create it anew; or: pip install airflow-provider-raydp-spcs=={package}"
        yield error(VERSIONS, what, mend)
        return
    here = f"{sys.version_info.major}.{sys.version_info.minor}"
    if python and python != here:
        what = f"cluster {cluster} runs Python {python}, and here runs {here}: functions of @task.raydp cannot be sent to it"
        yield warning(VERSIONS, what, f"use Python {python} here, or images built on Python {here}")
    told = ", ".join(f"{key} {found[key]}" for key in ("ray", "raydp", "spark", "python") if found.get(key))
    yield ok(VERSIONS, f"cluster {cluster} runs version {package} ({told})")
