"""Logs of containers on standard output: as lines, or as JSON."""

from __future__ import annotations

import contextlib
import json
import time
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import typer

from airflow_provider_raydp_spcs.cli.output import answer, is_json, say
from airflow_provider_raydp_spcs.cluster.container_logs import FOLLOW_SECONDS, Source, last_lines, new_lines
from airflow_provider_raydp_spcs.cluster.errors import ContainerNotFoundError

if TYPE_CHECKING:
    from airflow_provider_raydp_spcs.spcs.client import SpcsClient


def show_containers(client: SpcsClient, sources: Sequence[Source], lines: int) -> None:
    """The last lines of each container.

    :raises ContainerNotFoundError: the only one has no log.
    """
    found: list[dict[str, Any]] = []
    for source in sources:
        try:
            text = last_lines(client, source, lines)
        except ContainerNotFoundError as error:
            if len(sources) == 1:
                raise
            say(str(error))
            continue
        found.append({"group": source.group, "instance": source.instance, "container": source.container, "lines": text})
    many = len(sources) > 1
    shown = [f"{_label(each, many)}{line}" for each in found for line in each["lines"]]
    answer({"logs": found}, lambda: "\n".join(shown) if shown else None)


def follow_containers(client: SpcsClient, sources: Sequence[Source], lines: int) -> None:
    """The same, and what comes, until Ctrl-C. In JSON a document per line: ``group``, ``instance``, ``container``, ``line``."""
    seen: dict[Source, list[str]] = {}
    silent: set[Source] = set()
    with contextlib.suppress(KeyboardInterrupt):
        while True:
            for source in sources:
                try:
                    # More than is shown at first, so that a burst between two looks is not lost.
                    now = last_lines(client, source, max(lines, 1000))
                except ContainerNotFoundError as error:
                    if source not in silent:
                        say(f"{error}; waiting for it")
                    silent.add(source)
                    continue
                silent.discard(source)
                new = new_lines(seen[source], now) if source in seen else now[-lines:]
                seen[source] = now
                _print(source, new, many=len(sources) > 1)
            time.sleep(FOLLOW_SECONDS)


def _print(source: Source, lines: Sequence[str], *, many: bool) -> None:
    value = {"group": source.group, "instance": source.instance, "container": source.container}
    for line in lines:
        typer.echo(
            json.dumps({**value, "line": line}, ensure_ascii=False) if is_json() else f"{_label(value, many)}{line}"
        )


def _label(value: dict[str, Any], many: bool) -> str:
    return f"[{value['group'].lower()}/{value['instance']} {value['container']}] " if many else ""
