"""What step 1 makes: stages, the table of leases, the integration."""

from __future__ import annotations

from collections.abc import Iterator

from airflow_provider_raydp_spcs.cluster.doctor.findings import Finding, Mender, Patient, error, ok, warning
from airflow_provider_raydp_spcs.cluster.doctor.setup import STAGES
from airflow_provider_raydp_spcs.spcs.errors import InsufficientPrivilegesError, LeaseTableMissingError


def stages(patient: Patient) -> Iterator[Finding]:
    """The stages are there and can be read."""
    there = patient.inspection.stages(patient.setup.schema)
    fine = []
    for stage in STAGES:
        if stage not in there:
            make = patient.setup.statement(f"CREATE STAGE IF NOT EXISTS {stage}")
            what = f"stage {stage} is not in {patient.setup.schema}, or role {patient.here.role} may not see it"
            yield error("stages", what, make)
            continue
        try:
            # The prefix fits no file: it is the right to look that is looked for.
            patient.client.stages.files(f"@{patient.setup.schema}.{stage}/.raydp-doctor")
        except InsufficientPrivilegesError:
            what = f"role {patient.here.role} sees stage {stage}, and may not read it"
            grant = f"GRANT READ, WRITE ON STAGE {patient.setup.schema}.{stage} TO ROLE {patient.here.role};"
            yield error("stages", what, grant, Mender.ADMIN)
        else:
            fine.append(stage)
    if fine:
        yield ok("stages", f"{', '.join(fine)} can be used")


def leases(patient: Patient) -> Iterator[Finding]:
    """The table of leases, which shared clusters need."""
    try:
        held = patient.client.leases.all()
    except LeaseTableMissingError:
        make = patient.setup.statement("CREATE TABLE IF NOT EXISTS RAYDP_LEASES")
        yield error("leases", "the table RAYDP_LEASES is not there, so no cluster can be shared", make)
    except InsufficientPrivilegesError:
        grant = (
            f"GRANT SELECT, INSERT, UPDATE, DELETE ON TABLE {patient.setup.schema}.RAYDP_LEASES "
            f"TO ROLE {patient.here.role};"
        )
        yield error("leases", f"role {patient.here.role} may not use the table RAYDP_LEASES", grant, Mender.ADMIN)
    else:
        yield ok("leases", f"the table of leases is there, with {len(held)} leases")


def integration(patient: Patient) -> Iterator[Finding]:
    """The way out for containers; only jobs that fetch things at run time need it."""
    name = patient.setup.names.integration
    found = patient.inspection.integration(name)
    if found is None:
        rule = patient.setup.statement("CREATE OR ALTER NETWORK RULE RAYDP_PACKAGES_RULE")
        make = patient.setup.statement(f"CREATE OR REPLACE EXTERNAL ACCESS INTEGRATION {name}")
        what = f"the integration {name} is not there: jobs cannot reach hosts outside through it"
        yield warning("integrations", what, f"{rule}\n{make}")
    elif not found.enabled:
        what = f"the integration {name} is switched off"
        yield warning("integrations", what, f"ALTER EXTERNAL ACCESS INTEGRATION {name} SET ENABLED = TRUE;")
    else:
        yield ok("integrations", f"{name} lets containers out")
