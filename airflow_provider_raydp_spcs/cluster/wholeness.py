"""Whether nothing of a cluster is lacking that was asked for. Of a service that somebody drops nothing is left to wait for."""

from __future__ import annotations

from typing import TYPE_CHECKING

from airflow_provider_raydp_spcs.cluster.errors import ClusterFailedError

if TYPE_CHECKING:
    from airflow_provider_raydp_spcs.cluster.config import ClusterConfig
    from airflow_provider_raydp_spcs.cluster.lifecycle import Clusters


def check_whole(clusters: Clusters, config: ClusterConfig) -> None:
    """Whether every service of a configuration is there; costs one statement.

    :raises ClusterFailedError: names those that are not.
    """
    there = {service.name for service in clusters.services(config.name)}
    wanted = [service.name.rpartition(".")[2] for service in clusters.blueprint(config).services]
    if gone := [name for name in wanted if name not in there]:
        msg = (
            f"cluster {config.name} lacks {', '.join(gone)}, dropped by somebody else since it was asked for. Create the "
            "cluster again: what is there is used, and what is not is made"
        )
        raise ClusterFailedError(msg)
