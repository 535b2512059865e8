"""What a check finds."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from airflow_provider_raydp_spcs.cluster.doctor.setup import Setup
    from airflow_provider_raydp_spcs.spcs.client import SpcsClient
    from airflow_provider_raydp_spcs.spcs.inspection import Inspection, Surroundings


class Severity(StrEnum):
    """How bad it is."""

    OK = "ok"
    WARNING = "warning"
    """Something that not everybody needs is not there."""
    ERROR = "error"
    """Clusters cannot be made or used."""


class Mender(StrEnum):
    """Who can mend it."""

    USER = "you"
    """In a session of this role, or on this machine."""
    ADMIN = "an administrator"
    """With ACCOUNTADMIN, or whoever owns the object."""


@dataclass(frozen=True)
class Finding:
    """One thing that was looked at.

    :param check: which check, in a word or two.
    :param what: what is so, or what is wrong.
    :param mend: the statements (they end with ``;``) or the commands that mend it; empty where nothing is to be done.
    """

    check: str
    severity: Severity
    what: str
    mend: str = ""
    by: Mender = Mender.USER

    @property
    def is_statement(self) -> bool:
        """Whether the mend is SQL."""
        return self.mend.endswith(";")


@dataclass(frozen=True)
class HeadAnswer:
    """What a head's public endpoint answered.

    :param status: of HTTP; 0 where nobody answered.
    :param body: its text, or why there is none.
    """

    status: int
    body: str


Probe = Callable[[str], HeadAnswer]
"""Sends a GET to an address, signed in as the session, without following redirects."""


@dataclass(frozen=True)
class Patient:
    """What is looked at.

    :param here: what the session has.
    :param setup: what ought to be there.
    """

    client: SpcsClient
    inspection: Inspection
    here: Surroundings
    setup: Setup
    probe: Probe


Check = Callable[[Patient], Iterator[Finding]]


def ok(check: str, what: str) -> Finding:
    """Nothing is to be done."""
    return Finding(check, Severity.OK, what)


def error(check: str, what: str, mend: str, by: Mender = Mender.USER) -> Finding:
    """Clusters cannot be made or used."""
    return Finding(check, Severity.ERROR, what, mend, by)


def warning(check: str, what: str, mend: str, by: Mender = Mender.USER) -> Finding:
    """Something that not everybody needs."""
    return Finding(check, Severity.WARNING, what, mend, by)
