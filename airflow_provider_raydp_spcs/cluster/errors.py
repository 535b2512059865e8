"""What can go wrong with a cluster."""

from __future__ import annotations


class ClusterError(Exception):
    """Root of the errors about clusters."""


class ClusterConfigError(ClusterError, ValueError):
    """The configuration asks for something that cannot be; found before anything is sent."""


class ClusterNotFoundError(ClusterError):
    """No service of this cluster exists."""


class ClusterFailedError(ClusterError):
    """A service of the cluster will not come up; the message has Snowflake's words for it."""


class ClusterNotReadyError(ClusterError):
    """The cluster did not become ready in time; the message says what each container waits for."""


class ClusterNotDeletedError(ClusterError):
    """Services were dropped, but did not go in time."""


class ClustersNotReapedError(ClusterError):
    """Some clusters could not be reaped; the message has every one with its reason. The others were reaped."""


class NameTakenError(ClusterError):
    """A service or pool of the name exists and does not belong to this cluster."""


class ClusterConflictError(ClusterError):
    """A cluster of this name exists with another configuration, and is somebody else's or cannot be changed."""


class WorkerGroupNotFoundError(ClusterError):
    """The cluster has no worker group of this name."""


class ContainerNotFoundError(ClusterError):
    """The cluster has no container that is meant, or it has no log yet."""


class ClusterInUseError(ClusterError):
    """Somebody holds a lease of the cluster; the message says who."""


class MetricsMissingError(ClusterError):
    """There are no metrics of a run."""
