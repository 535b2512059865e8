"""What triggers of one triggerer share: one watch per Ray head and one per connection, whatever the number of tasks."""

from __future__ import annotations

from airflow_provider_raydp_spcs.cluster.status import ClusterStatus, ServiceState
from airflow_provider_raydp_spcs.cluster.watch import Looks, SchemaWatch
from airflow_provider_raydp_spcs.hooks.ray_jobs import RayJobsHook
from airflow_provider_raydp_spcs.hooks.scope import SpcsScope
from airflow_provider_raydp_spcs.hooks.shared import async_client, shared_spcs
from airflow_provider_raydp_spcs.jobs.aio import AsyncRayJobsClient
from airflow_provider_raydp_spcs.jobs.head import Restarts
from airflow_provider_raydp_spcs.jobs.watch import HeadWatch, Update
from airflow_provider_raydp_spcs.spcs.service_info import ServiceInfo
from airflow_provider_raydp_spcs.watching import Watches

_HEADS: Watches[Update] = Watches()
_SCHEMAS: Watches[ClusterStatus] = Watches()


def head_watch(scope: SpcsScope, cluster_name: str, poll: float) -> HeadWatch:
    """The watch of a cluster's head; it looks as often as the most impatient of its followers asked for."""

    def make() -> HeadWatch:
        restarts = Restarts()

        async def connect() -> AsyncRayJobsClient:
            return await async_client(shared_spcs(scope), cluster_name)

        async def diagnose() -> None:
            await shared_spcs(scope).call(lambda hook: RayJobsHook(cluster_name, hook, restarts).diagnose())

        return HeadWatch(connect, diagnose, poll=poll)

    found: HeadWatch = _HEADS.get((scope, cluster_name.upper()), make)
    found.poll = min(found.poll, poll)
    return found


def schema_watch(scope: SpcsScope, poll: float) -> SchemaWatch:
    """The watch of a connection's schema."""

    def make() -> SchemaWatch:
        shared = shared_spcs(scope)

        async def services() -> list[ServiceInfo]:
            return await shared.call(lambda hook: hook.clusters.all_services())

        async def state(service: ServiceInfo) -> ServiceState:
            return await shared.call(lambda hook: hook.clusters.state_of(service))

        return SchemaWatch(Looks(services, state), poll=poll)

    found: SchemaWatch = _SCHEMAS.get((scope,), make)
    found.poll = min(found.poll, poll)
    return found
