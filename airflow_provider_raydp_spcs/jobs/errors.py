"""What can go wrong between us and Ray."""

from __future__ import annotations


class RayJobsError(Exception):
    """Root of the errors about Ray's Jobs API."""


class NotSignedInError(RayJobsError):
    """The ingress sent us to its sign-in page: it knows no such token (SPCS reference 4.5)."""


class NotAllowedError(RayJobsError):
    """The ingress knows us, but our role may not use the endpoint."""


class TokenRefusedError(NotAllowedError):
    """The ingress answers 401: it may not accept our token any more, or knows us and our role may not use the endpoint."""


class RayUnreachableError(RayJobsError):
    """No answer, or one that says try again: worth another try."""


class JobNotFoundError(RayJobsError):
    """Ray knows no job of this submission id."""


class JobExistsError(RayJobsError):
    """A job of this submission id was submitted before."""


class JobLostError(RayJobsError):
    """Ray no longer knows a job that it had taken: the head was started anew, and what ran on it is gone."""


class HeadGoneError(RayJobsError):
    """Ray does not answer, and Snowflake says why: the head's service is not there, or does not run."""


class JobTimeoutError(RayJobsError):
    """The job did not end before its deadline and was stopped."""


class PythonMismatchError(RayJobsError):
    """The cluster's Python is another minor version than the one that sends the function."""


class VersionMismatchError(RayJobsError):
    """The cluster's images are of a version of this package that does not understand this one."""


class NotPicklableError(RayJobsError, TypeError):
    """A function, or something that it refers to, cannot be sent to the cluster by value."""


class JobFailedError(RayJobsError):
    """The job ended, and not well; the message has the driver's last lines."""


class JobInputError(JobFailedError):
    """The job's input is wrong, as it says itself or as is seen before it is submitted; another try would end the same."""


class ApplicationNotFoundError(RayJobsError, FileNotFoundError):
    """The application that is to be submitted is not there."""
