"""The documented columns of SHOW and DESCRIBE, in order (SPCS reference 1.3, 2.4, 2.5)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Final

from airflow_provider_raydp_spcs.local.wire.answers import Column, RowsAnswer

_POOL = (
    "name state min_nodes:n max_nodes:n instance_family num_services:n num_jobs:n auto_suspend_secs:n auto_resume "
    "active_nodes:n idle_nodes:n target_nodes:n created_on:t resumed_on:t updated_on:t owner comment is_exclusive application"
)
_SERVICE_HEAD = "name status database_name schema_name owner compute_pool"
_SERVICE_TAIL = (
    "dns_name current_instances:n target_instances:n min_ready_instances:n min_instances:n max_instances:n auto_resume "
    "external_access_integrations created_on:t updated_on:t resumed_on:t suspended_on:t auto_suspend_secs:n comment "
    "owner_role_type query_warehouse is_job is_async_job spec_digest is_upgrading managing_object_domain managing_object_name"
)
_TABLES: Final = {
    "compute pools": f"{_POOL} placement_group backup_instance_families",
    "compute pool": f"{_POOL} budget error_code status_message placement_group backup_instance_families",
    "instance families": "name description vcpu:n memory_gib:n storage_gib:n gpu gpu_count:n gpu_memory_gib:n current_node_usage:n message",
    "nodes": "node_id instance_family created_on:t placement_group vcpu:n memory_gib:n storage_gib:n gpu gpu_count:n gpu_memory_gib:n",
    "services": f"{_SERVICE_HEAD} {_SERVICE_TAIL}",
    "services of one kind": f"{_SERVICE_HEAD} {_SERVICE_TAIL.replace(' is_job ', ' ')}",
    "service": f"{_SERVICE_HEAD} spec {_SERVICE_TAIL}",
    "containers": (
        "database_name schema_name service_name service_status instance_id instance_status container_name status message "
        "image_name image_digest restart_count:n start_time last_exit_code last_restart_time"
    ),
    "instances": (
        "database_name schema_name service_name service_status instance_id status spec_digest creation_time start_time ip_address"
    ),
    "endpoints": "name port:n port_range protocol is_public ingress_url",
    "service roles": "created_on:t name comment",
    "roles": "created_on:t name is_default is_current is_inherited assigned_to_users:n granted_to_roles:n granted_roles:n owner comment",
    "grants": "created_on:t privilege granted_on name granted_to grantee_name grant_option granted_by",
    "grants on": "created_on:t privilege granted_on name granted_to grantee_name grant_option granted_by granted_by_role_type",
    "grants to user": "created_on:t privilege granted_on name role granted_to grantee_name grant_option granted_by",
    "grants of": "created_on:t role granted_to grantee_name granted_by",
    "grants to service role": "created_on:t privilege granted_on name granted_to grantee_name",
    "future grants": "created_on:t privilege grant_on name grant_to grantee_name grant_option",
    "users": (
        "name created_on:t login_name display_name first_name last_name email mins_to_unlock days_to_expiry comment disabled "
        "must_change_password snowflake_lock default_warehouse default_namespace default_role default_secondary_roles "
        "ext_authn_duo ext_authn_uid mins_to_bypass_mfa owner last_success_login:t expires_at_time:t locked_until_time:t "
        "has_password has_rsa_public_key type has_mfa has_pat has_workload_identity is_from_organization_user"
    ),
    "terse users": (
        "name created_on:t display_name first_name last_name email org_identity comment has_password has_rsa_public_key type "
        "has_mfa has_pat has_federated_workload_authentication is_from_organization_user"
    ),
    "user": "property value default description",
    "secrets": "created_on:t name schema_name database_name owner comment secret_type oauth_scopes owner_role_type",
    "secret": (
        "created_on:t name schema_name database_name owner comment secret_type username oauth_scopes "
        "oauth_refresh_token_expiry_time integration_name"
    ),
    "access tokens": (
        "name user_name role_restriction expires_at:t status comment created_on:t created_by mins_to_bypass_required_network_policy:n"
    ),
    "warehouses": "name state type size auto_suspend:n auto_resume owner comment created_on:t",
    "integrations": "name type category enabled comment created_on:t",
    "network rules": "created_on:t name database_name schema_name owner comment type mode entries_in_valuelist:n owner_role_type",
    "image repositories": "created_on:t name database_name schema_name repository_url owner owner_role_type comment encryption",
    "streamlits": "created_on:t name database_name schema_name title owner comment query_warehouse url_id owner_role_type",
    "stages": (
        "created_on:t name database_name schema_name url has_credentials has_encryption_key owner comment region type cloud "
        "notification_channel storage_integration endpoint owner_role_type directory_enabled"
    ),
    "snapshots": (
        "name state database_name schema_name service_name volume_name instance:n size:n comment owner owner_role_type "
        "created_on:t updated_on:t encryption"
    ),
    "images": "created_on image_name tags digest image_path",
    "parameters": "key value default level description type",
}
_TYPES: Final = {"n": "FIXED", "t": "TIMESTAMP_LTZ"}


def answer_of(table: str, rows: Iterable[Mapping[str, Any]]) -> RowsAnswer:
    """Rows as the answer of a SHOW or DESCRIBE; fields that a row lacks are NULL."""
    columns = []
    for entry in _TABLES[table].split():
        name, _, kind = entry.partition(":")
        columns.append(Column(name, _TYPES.get(kind, "TEXT")))
    return RowsAnswer(columns, [[row.get(column.name) for column in columns] for row in rows])
