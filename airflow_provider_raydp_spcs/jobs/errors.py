"""What can go wrong between us and Ray."""

from __future__ import annotations


class RayJobsError(Exception):
    """Root of the errors about Ray's Jobs API."""


class NotSignedInError(RayJobsError):
    """The ingress sent us to its sign-in page: it knows no such token (SPCS reference 4.5)."""


class NotAllowedError(RayJobsError):
    """The ingress knows us, but our role may not use the endpoint."""


class RayUnreachableError(RayJobsError):
    """No answer, or one that says try again: worth another try."""


class JobNotFoundError(RayJobsError):
    """Ray knows no job of this submission id."""


class JobFailedError(RayJobsError):
    """The job ended, and not well; the message has the driver's last lines."""


class ApplicationNotFoundError(RayJobsError, FileNotFoundError):
    """The application that is to be submitted is not there."""
