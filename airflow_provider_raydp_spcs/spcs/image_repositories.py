"""Image repositories: where they are, and which images they hold (SPCS reference, part 6)."""

from __future__ import annotations

from dataclasses import dataclass

from airflow_provider_raydp_spcs.spcs import rows, sql
from airflow_provider_raydp_spcs.spcs.errors import ObjectDoesNotExistError
from airflow_provider_raydp_spcs.spcs.session import Session


@dataclass(frozen=True)
class RepositoryImage:
    """One row of SHOW IMAGES."""

    name: str
    tag: str
    digest: str
    path: str


class ImageRepositories:
    """Statements about image repositories."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def url(self, name: str) -> str:
        """Where images of a repository are pushed to, without a scheme.

        :param name: ``[database.][schema.]name``.
        :raises ObjectDoesNotExistError: there is no such repository, or the role may not see it.
        """
        *scope, own = sql.qualified(name, "image repository").split(".")
        where = f" IN SCHEMA {'.'.join(scope)}" if scope else ""
        found = self._session.execute(f"SHOW IMAGE REPOSITORIES LIKE {sql.literal(own)}{where}")
        fitting = [
            row
            for row in found
            if [rows.text(row, "database_name"), rows.text(row, "schema_name"), rows.text(row, "name")][
                -1 - len(scope) :
            ]
            == [*scope, own]
        ]
        if not fitting:
            msg = (
                f"there is no image repository {name}, or the role may not see it; make it with sql/step1_user_setup.sql, or "
                f"grant: GRANT READ, WRITE ON IMAGE REPOSITORY {name} TO ROLE …"
            )
            raise ObjectDoesNotExistError(msg)
        return rows.text(fitting[0], "repository_url")

    def images(self, name: str) -> list[RepositoryImage]:
        """The images of a repository, one for each tag."""
        found = self._session.execute(f"SHOW IMAGES IN IMAGE REPOSITORY {sql.qualified(name, 'image repository')}")
        return [
            RepositoryImage(
                rows.text(row, "image_name"), tag.strip(), rows.text(row, "digest"), rows.text(row, "image_path")
            )
            for row in found
            for tag in rows.text(row, "tags").split(",")
        ]
