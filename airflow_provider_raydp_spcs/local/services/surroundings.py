"""What services find around them: images, the account's facts, stages, tokens, names."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from airflow_provider_raydp_spcs.local.security.sign_in import ORGANISATION
from airflow_provider_raydp_spcs.local.services.container_start import AccountFacts
from airflow_provider_raydp_spcs.local.services.images import Images
from airflow_provider_raydp_spcs.local.services.names import domain


@dataclass(frozen=True)
class Surroundings:
    """Handed to whoever makes or starts services.

    :param stage_folder: folder of a stage location ``@db.schema.stage[/path]``; raises where there is no such stage.
    :param may_write: whether a role may write to a stage location.
    :param issue_token: a new OAuth token for a service (full name) that runs with a role.
    :param secret: full name of a secret and a role → its values by key; raises where the role may not read it.
    :param token_renewal_seconds: how often containers get a new one.
    :param collector: variables by which containers find the collector of telemetry.
    :param isolated: whether containers have a file system of their own.
    """

    images: Images
    facts: AccountFacts
    stage_folder: Callable[[str], Path]
    issue_token: Callable[[str, str], str]
    may_write: Callable[[str, str], bool] = lambda location, role: True
    secret: Callable[[str, str], Mapping[str, str]] = lambda name, role: {}
    token_renewal_seconds: float = 300.0
    collector: Callable[[], Mapping[str, str]] = dict
    isolated: bool = False

    domain = staticmethod(domain)

    @property
    def registry(self) -> str:
        """The host of the image registry."""
        return self.images.registry or f"{ORGANISATION}-{self.facts.account}.registry.snowflakecomputing.com".lower()
