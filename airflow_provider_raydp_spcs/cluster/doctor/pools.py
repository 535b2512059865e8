"""Whether compute pools can have the nodes that are asked of them (SPCS reference 1.3)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from airflow_provider_raydp_spcs.cluster.comment import cluster_of
from airflow_provider_raydp_spcs.cluster.config import NodeConfig
from airflow_provider_raydp_spcs.cluster.doctor.findings import Finding, Patient, error, ok, warning

CHECK: Final = "compute pools"
NODE_LIMIT, CAPACITY = "392508", "392507"


def check(patient: Patient) -> Iterator[Finding]:
    """The default family is to be had, and no pool of a cluster is short of nodes."""
    family = NodeConfig().instance_family
    if family not in patient.inspection.instance_families():
        what = f"the instance family {family}, which clusters have by default, is not to be had where this account is"
        yield error(CHECK, what, "SHOW COMPUTE POOL INSTANCE FAMILIES;")
    pools = [pool for pool in patient.client.compute_pools.show() if cluster_of(pool.comment)]
    short = 0
    for pool in pools:
        info = patient.client.compute_pools.describe(pool.name)
        code = info.error_code or ""
        if NODE_LIMIT in code:
            short += 1
            mend = f"ALTER COMPUTE POOL {pool.name} SET MAX_NODES = {info.max_nodes + 1};"
            yield error(
                CHECK, f"compute pool {pool.name} is at its limit of {info.max_nodes} nodes and needs more", mend
            )
        elif CAPACITY in code:
            short += 1
            what = f"Snowflake has no node of {info.instance_family} to give to compute pool {pool.name} at the moment"
            delete = f"raydp-spcs cluster delete {cluster_of(pool.comment)}"
            yield warning(CHECK, what, f"wait, or take another instance family: {delete}, and create it anew")
    if not short:
        yield ok(CHECK, f"{family} is to be had, and {len(pools)} pools of clusters have their nodes")
