"""What a job can run into inside the cluster."""

from __future__ import annotations


class RuntimeRoomError(Exception):
    """Root of the errors of this room."""


class InputError(RuntimeRoomError):
    """Something that was given is wrong; another try of the job would end the same."""


class SparkSizeError(RuntimeRoomError):
    """The Spark session that was asked for does not fit the cluster; the message has the arithmetic."""


class SparkStartError(RuntimeRoomError):
    """No Spark executor came up in time; the message tells what was asked for and what Ray has."""


class JarsNotFoundError(RuntimeRoomError):
    """The jars of RayDP, Spark or Ray are not where their packages keep them."""


class ClassDataError(RuntimeRoomError):
    """The archive of class data could not be made."""


class DriverStartError(RuntimeRoomError):
    """The JVM of Spark's driver ended before it could be talked to."""


class WarmSessionError(RuntimeRoomError):
    """A warm session cannot be had, or not with these settings."""


class NotInsideSnowflakeError(RuntimeRoomError):
    """Something of the platform is missing: the job does not run in a service."""


class ResultError(InputError):
    """The job's result cannot be handed over."""


class FunctionError(InputError):
    """A function that was sent cannot be called here."""


class ApplicationError(RuntimeRoomError):
    """The job's code is not where the submitter put it, or is not what it put there."""


class TableError(RuntimeRoomError):
    """A table cannot be read or written as asked."""


class ExchangeError(InputError):
    """Data cannot go from Ray to Spark, or back, as it is; the message names the column and a cast that helps."""
