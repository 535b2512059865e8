"""Which failures another try may mend. The policy is evaluated in the worker, where the exception is."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import Final

from airflow.sdk import ExceptionRetryPolicy, RetryAction, RetryPolicy, RetryRule

from airflow_provider_raydp_spcs.cluster import errors as cluster
from airflow_provider_raydp_spcs.jobs import errors as jobs
from airflow_provider_raydp_spcs.spcs import errors as spcs

HOPELESS: Final[tuple[type[Exception], ...]] = (
    spcs.AuthenticationError,
    spcs.InsufficientPrivilegesError,
    spcs.InvalidIdentifierError,
    spcs.ImageNotUsableError,
    spcs.InvalidSpecificationError,
    spcs.InvalidValueError,
    spcs.LeaseTableMissingError,
    spcs.NoCurrentSchemaError,
    spcs.ObjectDoesNotExistError,
    spcs.SqlSyntaxError,
    spcs.UnknownInstanceFamilyError,
    cluster.ClusterConfigError,
    cluster.ClusterConflictError,
    cluster.ClusterNotFoundError,
    cluster.ContainerNotFoundError,
    cluster.NameTakenError,
    cluster.WorkerGroupNotFoundError,
    jobs.ApplicationNotFoundError,
    jobs.JobInputError,
    jobs.NotAllowedError,
    jobs.NotPicklableError,
    jobs.NotSignedInError,
    jobs.PythonMismatchError,
    jobs.TokenRefusedError,
    jobs.VersionMismatchError,
)
"""Credentials, privileges, specifications, names and input: another try ends the same."""
PASSING: Final[tuple[type[Exception], ...]] = (
    spcs.CapacityError,
    spcs.ClusterClosingError,
    spcs.LockConflictError,
    spcs.NoWarehouseError,
    spcs.SessionEndedError,
    spcs.SnowflakeUnreachableError,
    cluster.ClusterInUseError,
    cluster.ClusterNotReadyError,
    cluster.ClusterNotDeletedError,
    cluster.ClustersNotReapedError,
    cluster.MetricsMissingError,
    jobs.RayUnreachableError,
    jobs.JobLostError,
)
"""Capacity, silence, and what others do just now: worth another try, after a while."""


class RayDPRetryPolicy(ExceptionRetryPolicy):
    """Fails at once where no retry helps; waits longer where nodes are short or something does not answer.

    Everything else is tried again as the task's ``retries`` and ``retry_delay`` say.

    :param capacity_delay: pause before the next try of what may pass.
    :param rules: rules of your own, looked at first.
    """

    def __init__(self, *, capacity_delay: timedelta = timedelta(minutes=2), rules: Sequence[RetryRule] = ()) -> None:
        hopeless = RetryRule(list(HOPELESS), RetryAction.FAIL, reason="no retry mends this; the message says what does")
        passing = RetryRule(list(PASSING), RetryAction.RETRY, retry_delay=capacity_delay, reason="this may pass")
        super().__init__(rules=[*rules, hopeless, passing])


def policy_or_ours(policy: RetryPolicy | None) -> RetryPolicy:
    """The policy that a task was given; mapped tasks are given None where none was meant."""
    return policy or RayDPRetryPolicy()
