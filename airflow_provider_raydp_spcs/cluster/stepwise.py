"""Creating and deleting without waiting, for whoever must not block, such as a page: one short step after another.

What was done so far is Snowflake's own state, so that anybody can go on where somebody else has stopped.
"""

from __future__ import annotations

from collections.abc import Callable

from airflow_provider_raydp_spcs.cluster.config import ClusterConfig
from airflow_provider_raydp_spcs.cluster.creation import Creation, Progress
from airflow_provider_raydp_spcs.cluster.errors import ClusterNotDeletedError
from airflow_provider_raydp_spcs.cluster.lifecycle import Clusters, expiry_of
from airflow_provider_raydp_spcs.spcs.service_info import GOING

Step = Callable[[], None]


def creation_steps(
    clusters: Clusters, config: ClusterConfig, *, owner: str = "", progress: Progress = lambda line: None
) -> list[Step]:
    """What is to be called, one after the other, to get the cluster that is asked for; see ``Clusters.create``.

    What is there already is used as it is. Nothing is taken back where a step fails: :func:`delete_further` does that.

    :param progress: gets a line for each thing done.
    :raises ClusterNotDeletedError: a cluster of this name is just being deleted; ask again when it is gone.
    :raises ClusterConflictError, NameTakenError: what is there is somebody else's, or cannot be changed.
    """
    services, pools = clusters.services(config.name), clusters.client.compute_pools.show(f"{config.name}_")
    if any(service.status in GOING for service in services):
        msg = f"cluster {config.name} is still being deleted; it can be created again when it is gone"
        raise ClusterNotDeletedError(msg)
    blueprint = clusters.blueprint(config, owner=owner, expires=expiry_of(config))
    pool_steps, service_steps = Creation(clusters.client, config.name, progress).steps(blueprint, pools, services)
    return [*pool_steps, *service_steps]


def delete_further(clusters: Clusters, name: str, progress: Progress = lambda line: None) -> bool:
    """Take the deletion of a cluster as far as it goes now; answer whether all of it is gone. Call it until it is.

    :raises SpcsError: Snowflake refuses something.
    """
    if clusters.services(name):
        clusters.drop_services(name, progress)
        return False
    clusters.drop_pools(name, progress)
    return True
