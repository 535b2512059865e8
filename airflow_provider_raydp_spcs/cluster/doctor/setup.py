"""What ought to be there: read from the shipped SQL, which is what makes it."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cached_property
from typing import Final

from airflow_provider_raydp_spcs.shipped import shipped
from airflow_provider_raydp_spcs.spcs.privileges import Grant
from airflow_provider_raydp_spcs.spcs.scripts import SetupNames, steps

ADMIN, USER, SMOKE_TEST, TEARDOWN = (
    "step0_admin_setup.sql",
    "step1_user_setup.sql",
    "step2_smoke_test.sql",
    "step9_teardown.sql",
)
"""The files, in the order in which they are used."""
REPOSITORY: Final = "RAYDP_SIS_IMAGE_REPO"
STAGES: Final = ("RAYDP_ARTIFACTS", "RAYDPLOGS", "RAYDP_YAMLSPECS")
_GRANT: Final = re.compile(
    r"GRANT (?!ROLE )(.+?)\s+ON (ACCOUNT|WAREHOUSE|DATABASE|SCHEMA)\s*(\S*)\s+TO ROLE", re.DOTALL
)


@dataclass(frozen=True)
class Setup:
    """The set-up under these names."""

    names: SetupNames

    @property
    def schema(self) -> str:
        """``database.schema``."""
        return f"{self.names.database}.{self.names.schema}"

    @cached_property
    def grants(self) -> tuple[Grant, ...]:
        """Every privilege that step 0 gives to the role."""
        found = []
        for statement in self._statements(ADMIN):
            if match := _GRANT.match(statement):
                found += [Grant(each.strip(), match[2], match[3]) for each in match[1].split(",")]
        return tuple(found)

    def statement(self, beginning: str) -> str:
        """The statement of step 0 or 1 that begins so, ready to be run.

        :raises LookupError: there is none.
        """
        for script in (ADMIN, USER):
            for statement in self._statements(script):
                if statement.startswith(beginning):
                    return f"{statement};"
        msg = f"no statement of the shipped SQL begins with {beginning!r}"
        raise LookupError(msg)

    def _statements(self, script: str) -> list[str]:
        text = (shipped("sql") / script).read_text()
        return [step.statement for step in steps(self.names.put_into(text))]
