"""Whether this package and the one in the cluster's images understand each other."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from airflow_provider_raydp_spcs.jobs.errors import JobNotFoundError, VersionMismatchError
from airflow_provider_raydp_spcs.version import __version__

if TYPE_CHECKING:
    from airflow_provider_raydp_spcs.jobs.calls import Versions
    from airflow_provider_raydp_spcs.jobs.client import RayJobsClient


def cluster_versions(client: RayJobsClient, cluster: str) -> Versions:
    """What runs on the head.

    :raises VersionMismatchError: it is so old that it does not tell.
    """
    try:
        return client.versions()
    except JobNotFoundError as error:
        msg = (
            f"the head of cluster {cluster} does not tell its versions, for its image is older than this package "
            f"({__version__}). {_next_step('older')}"
        )
        raise VersionMismatchError(msg) from error


def check_versions(found: Versions, cluster: str, told: Callable[[str], None]) -> None:
    """Refuse a cluster of another minor or major version, between which what both say to each other may change.

    Another patch level is told of only: what it mends may be missing on one of both sides.

    :param told: takes the line about another patch level.
    :raises VersionMismatchError: names both versions, and what to do.
    """
    own, theirs = _parts(__version__), _parts(found.package)
    if own[:2] != theirs[:2]:
        msg = (
            f"this is airflow-provider-raydp-spcs {__version__}, but the images of cluster {cluster} have {found.package}. "
            f"{_next_step('older' if theirs < own else 'newer')}"
        )
        raise VersionMismatchError(msg)
    if found.package != __version__:
        told(
            f"this is airflow-provider-raydp-spcs {__version__}, and cluster {cluster} has {found.package}; both work "
            "together, but what was mended in between may be missing on one side"
        )


def _next_step(images: str) -> str:
    """What to do about images that are older or newer than this package."""
    build = f"build and push images of {__version__} (raydp-spcs images build, raydp-spcs images push) and create the cluster anew"
    pin = "pin the provider to the cluster's version"
    first, second = (build, pin) if images == "older" else (pin, build)
    return f"Either {first}, or {second}. ClusterConfig.image_tag says which images a cluster takes"


def _parts(version: str) -> tuple[int, ...]:
    """The numbers that a version begins with: ``1.2.3rc1`` → (1, 2, 3)."""
    numbers = []
    for part in version.split("."):
        digits = part[: len(part) - len(part.lstrip("0123456789"))]
        if not digits:
            break
        numbers.append(int(digits))
        if digits != part:
            break
    return tuple(numbers)
