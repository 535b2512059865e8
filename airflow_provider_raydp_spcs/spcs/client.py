"""The client: everything this package asks Snowflake for, over one session."""

from __future__ import annotations

from airflow_provider_raydp_spcs.spcs.compute_pools import ComputePools
from airflow_provider_raydp_spcs.spcs.errors import NAME_SCHEMA, InvalidValueError
from airflow_provider_raydp_spcs.spcs.image_repositories import ImageRepositories
from airflow_provider_raydp_spcs.spcs.leases import Leases
from airflow_provider_raydp_spcs.spcs.privileges import ExplainingSession
from airflow_provider_raydp_spcs.spcs.services import Services
from airflow_provider_raydp_spcs.spcs.session import Session
from airflow_provider_raydp_spcs.spcs.stages import Stages
from airflow_provider_raydp_spcs.spcs.streamlit_apps import StreamlitApps


class SpcsClient:
    """Compute pools, services, stages, Streamlit apps, and the leases of shared clusters.

    :param session: over which statements go; see :mod:`airflow_provider_raydp_spcs.spcs.session`.
    """

    def __init__(self, session: Session) -> None:
        self.session = explaining = ExplainingSession(session)
        self.compute_pools = ComputePools(explaining)
        self.services = Services(explaining)
        self.stages = Stages(explaining)
        self.image_repositories = ImageRepositories(explaining)
        self.streamlit_apps = StreamlitApps(explaining)
        self.leases = Leases(session)  # explains its own

    def account(self) -> tuple[str, str]:
        """Names of the organisation and the account."""
        (row,) = self.session.execute("SELECT CURRENT_ORGANIZATION_NAME() AS O, CURRENT_ACCOUNT_NAME() AS A")
        return str(row["o"]), str(row["a"])

    def current_schema(self) -> tuple[str, str]:
        """Database and schema of the session.

        :raises InvalidValueError: the session has none.
        """
        (row,) = self.session.execute("SELECT CURRENT_DATABASE() AS D, CURRENT_SCHEMA() AS S")
        if not row["d"] or not row["s"]:
            msg = f"the session has no current database and schema. {NAME_SCHEMA}"
            raise InvalidValueError(msg)
        return str(row["d"]), str(row["s"])

    def current_user_and_role(self) -> tuple[str, str]:
        """Who the session acts for, and with which role; empty where Snowflake does not tell."""
        (row,) = self.session.execute("SELECT CURRENT_USER() AS U, CURRENT_ROLE() AS R")
        return str(row["u"] or ""), str(row["r"] or "")

    def current_warehouse(self) -> str:
        """Warehouse of the session; empty for none."""
        (row,) = self.session.execute("SELECT CURRENT_WAREHOUSE() AS W")
        return str(row["w"] or "")
