"""Stages between their record and their folder."""

from __future__ import annotations

from pathlib import Path

from airflow_provider_raydp_spcs.local.errors import does_not_exist, invalid_spec
from airflow_provider_raydp_spcs.local.sql.catalogue import Catalogue
from airflow_provider_raydp_spcs.local.stages.files import StageFiles
from airflow_provider_raydp_spcs.local.wire.answers import SessionFacts


def stage_folder(catalogue: Catalogue, files: StageFiles, location: str) -> Path:
    """The folder of ``@database.schema.stage[/path]``, as a service's volume names it; made when missing.

    :raises SnowflakeFault: there is no such stage.
    """
    name, _, path = location.removeprefix("@").partition("/")
    full = name.upper()
    if full.count(".") != 2 or not catalogue.has("Stage", full):
        raise does_not_exist("Stage", full)
    folder = files.inside(files.folder(full), path)
    if folder.exists() and not folder.is_dir():
        msg = f"Invalid spec: a stage volume takes a stage or a folder of it, not the file '{location}'."
        raise invalid_spec(msg)
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def drop_temporary(catalogue: Catalogue, files: StageFiles) -> None:
    """Drop what sessions that have ended with an earlier server had for themselves: stages and file formats."""
    for kind in ("Stage", "File format"):
        for name, body in list(catalogue.all(kind)):
            if body.get("temporary"):
                _drop(catalogue, files, kind, name)


def drop_temporary_of(session: SessionFacts, catalogue: Catalogue, files: StageFiles) -> None:
    """Drop what one session had for itself."""
    for entry in session.temporary:
        kind, _, name = entry.partition(":")
        if (catalogue.find(kind, name) or {}).get("temporary"):
            _drop(catalogue, files, kind, name)


def _drop(catalogue: Catalogue, files: StageFiles, kind: str, name: str) -> None:
    catalogue.drop(kind, name, if_exists=True)
    if kind == "Stage":
        files.clear(name)
