"""What the command's exit code says. Scripts go by it, so a code keeps its meaning."""

from __future__ import annotations

from enum import IntEnum


class ExitCode(IntEnum):
    """Exit codes; :data:`MEANINGS` has them in words."""

    OK = 0
    FAILURE = 1
    USAGE = 2
    NOT_FOUND = 3
    NOT_READY = 4
    JOB_FAILED = 5
    NOT_CONNECTED = 6
    NOT_ALLOWED = 7
    CONFLICT = 8
    INTERRUPTED = 130


MEANINGS: dict[ExitCode, str] = {
    ExitCode.OK: "it is done",
    ExitCode.FAILURE: "it failed, for a reason without a code of its own",
    ExitCode.USAGE: "wrong usage: an option, a name, a configuration or a file cannot be used; nothing was sent",
    ExitCode.NOT_FOUND: "there is no such cluster, worker group, job, file or object, or the role may not see it",
    ExitCode.NOT_READY: "not ready, not in time, or no capacity: worth another try",
    ExitCode.JOB_FAILED: "the job ended, and not well",
    ExitCode.NOT_CONNECTED: "Snowflake or the cluster's head cannot be reached, or does not know us",
    ExitCode.NOT_ALLOWED: "the role lacks a privilege",
    ExitCode.CONFLICT: "what is there is somebody else's, in use, or of another version",
    ExitCode.INTERRUPTED: "interrupted (Ctrl-C)",
}


class UsageError(Exception):
    """What was asked for on the command line cannot be."""


class NotFoundError(Exception):
    """What was named on the command line is not there."""


class NotConnectedError(Exception):
    """It is not said where to connect to, or nothing is known of the connection that was named."""


def code_of(error: BaseException) -> ExitCode:
    """The exit code for an error, by the nearest of its classes that has one."""
    codes = _codes()
    return next((codes[kind] for kind in type(error).__mro__ if kind in codes), ExitCode.FAILURE)


def _codes() -> dict[type, ExitCode]:
    from airflow_provider_raydp_spcs.cluster import errors as cluster
    from airflow_provider_raydp_spcs.images import errors as images
    from airflow_provider_raydp_spcs.jobs import errors as jobs
    from airflow_provider_raydp_spcs.spcs import errors as spcs

    groups: dict[ExitCode, tuple[type, ...]] = {
        ExitCode.USAGE: (
            UsageError,
            spcs.InvalidIdentifierError,
            spcs.InvalidSpecificationError,
            spcs.InvalidValueError,
            spcs.UnknownInstanceFamilyError,
            cluster.ClusterConfigError,
            jobs.ApplicationNotFoundError,
            images.RegistryNotSetError,
            images.UnknownImageError,
            images.WheelMissingError,
            images.WrongArchitectureError,
        ),
        ExitCode.NOT_FOUND: (
            NotFoundError,
            spcs.ObjectDoesNotExistError,
            cluster.ClusterNotFoundError,
            images.ImageNotBuiltError,
            cluster.ContainerNotFoundError,
            cluster.MetricsMissingError,
            cluster.WorkerGroupNotFoundError,
            jobs.JobNotFoundError,
        ),
        ExitCode.NOT_READY: (
            spcs.CapacityError,
            cluster.ClusterFailedError,
            cluster.ClusterNotDeletedError,
            cluster.ClusterNotReadyError,
            cluster.ClustersNotReapedError,
            jobs.JobTimeoutError,
        ),
        ExitCode.JOB_FAILED: (jobs.JobFailedError, jobs.JobLostError),
        ExitCode.NOT_CONNECTED: (
            NotConnectedError,
            spcs.AuthenticationError,
            spcs.NoWarehouseError,
            spcs.SessionEndedError,
            spcs.SnowflakeUnreachableError,
            jobs.HeadGoneError,
            jobs.NotSignedInError,
            jobs.RayUnreachableError,
            images.NotSignedInError,
            images.RegistryUnreachableError,
        ),
        ExitCode.NOT_ALLOWED: (spcs.InsufficientPrivilegesError, spcs.NoCurrentSchemaError, jobs.NotAllowedError),
        ExitCode.CONFLICT: (
            spcs.ClusterClosingError,
            spcs.ObjectAlreadyExistsError,
            cluster.ClusterConflictError,
            cluster.ClusterInUseError,
            cluster.NameTakenError,
            jobs.VersionMismatchError,
        ),
        ExitCode.INTERRUPTED: (KeyboardInterrupt,),
    }
    return {kind: code for code, kinds in groups.items() for kind in kinds}
