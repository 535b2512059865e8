"""Whether the role has what step 0 gives it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from airflow_provider_raydp_spcs.cluster.doctor.findings import Finding, Mender, Patient, error, ok, warning
from airflow_provider_raydp_spcs.spcs.privileges import Grant

CHECK: Final = "privileges"
ADMIN_ROLES: Final = frozenset({"ACCOUNTADMIN", "SYSADMIN", "SECURITYADMIN", "ORGADMIN"})
_INCLUDED: Final = {"CREATE EXTERNAL ACCESS INTEGRATION": "CREATE INTEGRATION"}


def check(patient: Patient) -> Iterator[Finding]:
    """Every privilege of step 0, and whether it is the role that step 0 made."""
    role, wanted = patient.here.role, patient.setup.names.role
    if role in ADMIN_ROLES:
        what = f"the connection's role is {role}; clusters would belong to it, and their endpoints let no such role in"
        yield warning(CHECK, what, _other_role(wanted))
        return
    held = patient.inspection.roles(role)
    grants = {grant for each in held for grant in patient.inspection.grants(each)}
    missing = [grant for grant in patient.setup.grants if not _has(grants, grant)]
    if not missing:
        yield ok(CHECK, f"role {role} has all {len(patient.setup.grants)} privileges")
    elif wanted not in held:
        what = f"the connection's role is {role}, which has not the role {wanted} that the set-up made for clusters"
        yield error(CHECK, what, f"GRANT ROLE {wanted} TO ROLE {role};\n-- or {_other_role(wanted)};", Mender.ADMIN)
    else:
        for grant in missing:
            if grant.kind != "WAREHOUSE":  # which is looked at by itself
                what = f"role {role} lacks the privilege {grant.privilege} on {_place(grant)}"
                yield error(CHECK, what, grant.statement(role), Mender.ADMIN)


def _has(grants: set[Grant], wanted: Grant) -> bool:
    enough = {wanted.privilege, "OWNERSHIP", "ALL", "ALL PRIVILEGES", _INCLUDED.get(wanted.privilege, "")}
    if wanted.kind == "ACCOUNT":
        enough -= {"OWNERSHIP"}
    return any((each.kind, each.name) == (wanted.kind, wanted.name) and each.privilege in enough for each in grants)


def _place(grant: Grant) -> str:
    return "the account" if grant.kind == "ACCOUNT" else f"{grant.kind.lower()} {grant.name}"


def _other_role(role: str) -> str:
    return f'name the role in the connection: role = "{role}"'
