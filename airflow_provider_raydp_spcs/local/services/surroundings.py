"""What services find around them: images, the account's facts, stages, tokens, names."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from airflow_provider_raydp_spcs.local.security.sign_in import ORGANISATION
from airflow_provider_raydp_spcs.local.services.container_start import AccountFacts
from airflow_provider_raydp_spcs.local.services.images import Images


@dataclass(frozen=True)
class Surroundings:
    """Handed to whoever makes or starts services.

    :param stage_folder: folder of a stage location ``@db.schema.stage[/path]``; raises where there is no such stage.
    :param issue_token: a new OAuth token for a service (full name) that runs with a role.
    """

    images: Images
    facts: AccountFacts
    stage_folder: Callable[[str], Path]
    issue_token: Callable[[str, str], str]

    @property
    def registry(self) -> str:
        """The host of the image registry."""
        return self.images.registry or f"{ORGANISATION}-{self.facts.account}.registry.snowflakecomputing.com".lower()

    @staticmethod
    def domain(database: str, schema: str) -> str:
        """DNS domain of a schema's services (SPCS reference 3.4)."""
        digest = hashlib.sha256(f"{database}.{schema}".encode()).hexdigest()[:4]
        return f"{digest}.svc.spcs.internal"
