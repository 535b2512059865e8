"""The jars of RayDP, Spark and Ray: found without importing any of the three, which takes seconds."""

from __future__ import annotations

import importlib.util
import os
from pathlib import Path
from typing import Final

from airflow_provider_raydp_spcs.runtime.errors import JarsNotFoundError

PACKAGES: Final = ("raydp", "pyspark", "ray")
"""In the order in which RayDP itself puts their jars on a class path."""
AGENT: Final = "raydp-agent-*.jar"


def find_jars() -> tuple[Path, ...]:
    """Every jar, each named, always in the same order: archives of class data belong to one exact class path.

    :raises JarsNotFoundError: a package is not installed, or brings no jars.
    """
    return tuple(jar for package in PACKAGES for jar in _jars_of(package))


def class_path(jars: tuple[Path, ...]) -> str:
    """The jars as Java wants them."""
    return os.pathsep.join(map(str, jars))


def find_agent() -> Path:
    """RayDP's Java agent, which makes Spark's and Ray's logging get along."""
    found = sorted((_home("raydp") / "jars").glob(AGENT))
    if not found:
        msg = f"RayDP brings no {AGENT}; is it a release for Spark 3.5?"
        raise JarsNotFoundError(msg)
    return found[0]


def _jars_of(package: str) -> list[Path]:
    found = sorted((_home(package) / "jars").glob("*.jar"))
    if not found:
        msg = f"the package {package} brings no jars; install it anew from its wheel"
        raise JarsNotFoundError(msg)
    return found


def _home(package: str) -> Path:
    spec = importlib.util.find_spec(package)
    if spec is None or spec.origin is None:
        msg = f"the package {package} is not installed; the images of this project bring it along"
        raise JarsNotFoundError(msg)
    return Path(spec.origin).parent
