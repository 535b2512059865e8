"""Whether the session has a database, a schema and a warehouse to work with."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from airflow_provider_raydp_spcs.cluster.doctor.findings import Finding, Mender, Patient, error, ok

CHECK: Final = "warehouse"


def warehouse(patient: Patient) -> Iterator[Finding]:
    """The warehouse is there, may be used, and wakes when it is needed."""
    name, role = patient.setup.names.warehouse, patient.here.role
    found = patient.inspection.warehouse(name)
    if found is None:
        make = patient.setup.statement(f"CREATE WAREHOUSE IF NOT EXISTS {name}")
        what = f"warehouse {name} is not there, or role {role} may not use it"
        yield error(CHECK, what, f"{make}\nGRANT USAGE ON WAREHOUSE {name} TO ROLE {role};", Mender.ADMIN)
    elif found.state.upper() == "SUSPENDED" and not found.auto_resume:
        what = f"warehouse {name} is suspended and does not resume by itself, so every query fails"
        yield error(CHECK, what, f"ALTER WAREHOUSE {name} SET AUTO_RESUME = TRUE;", Mender.ADMIN)
    else:
        yield ok(CHECK, f"warehouse {name} can be used")


def schema(patient: Patient) -> Iterator[Finding]:
    """The connection names the set-up's database and schema."""
    here, names = patient.here, patient.setup.names
    if here.database is None or here.schema is None:
        what = (
            f"the session has no current {'database' if here.database is None else 'schema'}: the connection names none, "
            f"or role {here.role} may not use {patient.setup.schema}"
        )
        grants = (
            f"GRANT USAGE ON DATABASE {names.database} TO ROLE {here.role};\n"
            f"GRANT USAGE ON SCHEMA {patient.setup.schema} TO ROLE {here.role};"
        )
        hint = f'-- and name them in the connection: database = "{names.database}", schema = "{names.schema}"'
        yield error("schema", what, f"{hint}\n{grants}", Mender.ADMIN)
    else:
        yield ok("schema", f"the session works in {here.database}.{here.schema}")
