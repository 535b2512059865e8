"""Whether the image repository has this version's images."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from airflow_provider_raydp_spcs.cluster.doctor.findings import Finding, Mender, Patient, Severity, error, ok
from airflow_provider_raydp_spcs.cluster.doctor.setup import REPOSITORY
from airflow_provider_raydp_spcs.spcs.errors import InsufficientPrivilegesError
from airflow_provider_raydp_spcs.version import __version__

CHECK: Final = "images"
NEEDED: Final = ("raydp_head", "raydp_worker")
"""Images without which there is no cluster."""
OPTIONAL: Final = {
    "raydp_base": "what images of your own build upon",
    "raydp_custom_worker": "custom workers",
    "prometheus": "monitoring",
    "grafana": "monitoring",
}
"""Images → what is lacking without them."""


def check(patient: Patient) -> Iterator[Finding]:
    """The repository, and every image of it in the version of this package."""
    schema, role = patient.setup.schema, patient.here.role
    if REPOSITORY not in patient.inspection.image_repositories(schema):
        make = patient.setup.statement(f"CREATE IMAGE REPOSITORY IF NOT EXISTS {REPOSITORY}")
        what = f"the image repository {REPOSITORY} is not in {schema}, or role {role} may not see it"
        yield error("image repository", what, make)
        return
    try:
        found = {image.name: image.tags for image in patient.inspection.images(f"{schema}.{REPOSITORY}")}
    except InsufficientPrivilegesError:
        grant = f"GRANT READ ON IMAGE REPOSITORY {schema}.{REPOSITORY} TO ROLE {role};"
        yield error("image repository", f"role {role} may not read {REPOSITORY}", grant, Mender.ADMIN)
        return
    fine = []
    for image in (*NEEDED, *OPTIONAL):
        if __version__ in found.get(image, ()):
            fine.append(image)
        else:
            yield _missing(image, found.get(image))
    if fine:
        yield ok(CHECK, f"{', '.join(fine)} are there in version {__version__}")


def _missing(image: str, tags: tuple[str, ...] | None) -> Finding:
    mend = "raydp-spcs images build && raydp-spcs images push"
    if tags is None:
        what = f"the image {image} is not in the image repository"
    else:
        what = f"the image {image} is there as {', '.join(tags) or 'no tag'}, and not in this package's version {__version__}"
    if image in NEEDED:
        return Finding(CHECK, Severity.ERROR, what, mend)
    return Finding(CHECK, Severity.WARNING, f"{what}; it is for {OPTIONAL[image]}", mend)
