"""The cluster that a command line asks for: a file, and options that win over it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import fields
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from airflow_provider_raydp_spcs.cli.exit_codes import UsageError

if TYPE_CHECKING:
    from airflow_provider_raydp_spcs.cluster.config import ClusterConfig

ALIASES: Final = {"family": "instance_family"}
TEXTS: Final = frozenset({"name", "instance_family", "memory", "image"})
"""Keys of a worker group whose values are texts, whatever they look like."""


def read_file(path: Path | None) -> dict[str, Any]:
    """A YAML or JSON file with what ``ClusterConfig.to_mapping`` gives, or part of it.

    :raises UsageError: it cannot be read, or is no mapping.
    """
    if path is None:
        return {}
    from airflow_provider_raydp_spcs.spcs import bounded_yaml

    try:
        with path.open() as source:  # what is longer than may be read is not read to its end
            found = bounded_yaml.load(source.read(bounded_yaml.MAX_CHARACTERS + 1))  # JSON is YAML
    except (OSError, ValueError) as error:
        msg = f"the configuration {str(path)!r} cannot be read: {error}"
        raise UsageError(msg) from error
    if not isinstance(found, dict):
        msg = f"the configuration {str(path)!r} is no mapping of a cluster's values, such as 'notebook: true'"
        raise UsageError(msg)
    return found


def pairs(values: Sequence[str], option: str) -> dict[str, str]:
    """``NAME=VALUE`` as often as given.

    :raises UsageError: no ``=``.
    """
    found = {}
    for each in values:
        name, equals, value = each.partition("=")
        if not equals or not name:
            msg = f"{option} {each!r} is not NAME=VALUE"
            raise UsageError(msg)
        found[name] = value
    return found


def read_group(text: str) -> dict[str, Any]:
    """A worker group as ``name=gpu,family=GPU_NV_S,count=1,env.KEY=VALUE,resources.custom_worker=1``.

    Keys are those of ``WorkerGroup``, ``family`` for its ``instance_family``, and ``key.entry`` for an entry of a mapping.

    :raises UsageError: something else, or no name.
    """
    from airflow_provider_raydp_spcs.cluster.config import WorkerGroup

    known = {each.name for each in fields(WorkerGroup)}
    found: dict[str, Any] = {}
    for key, value in pairs([each.strip() for each in text.split(",")], "--worker-group").items():
        name, dot, entry = key.partition(".")
        name = ALIASES.get(name, name)
        if name not in known:
            msg = f"--worker-group {text!r}: {key!r} is unknown; allowed are {', '.join(sorted({*known, *ALIASES}))}"
            raise UsageError(msg)
        if dot:
            found.setdefault(name, {})[entry] = _value(value, text) if name == "resources" else value
        else:
            found[name] = value if name in TEXTS else _value(value, text)
    if "name" not in found:
        msg = f"--worker-group {text!r} has no name; write name=gpu,family=GPU_NV_S,count=1"
        raise UsageError(msg)
    return found


def _value(text: str, group: str) -> Any:
    from airflow_provider_raydp_spcs.spcs import bounded_yaml

    try:
        return bounded_yaml.load(text)
    except bounded_yaml.BoundedYamlError as error:
        msg = f"--worker-group {group[:200]!r}: {text[:100]!r} cannot be read: {error}"
        raise UsageError(msg) from error


def merge_groups(groups: Sequence[Mapping[str, Any]], given: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Worker groups of the file, with what the options say of groups of the same name, and further groups."""
    found = {str(each.get("name", "worker")).lower(): dict(each) for each in groups}
    for each in given:
        found.setdefault(str(each["name"]).lower(), {}).update(each)
    return list(found.values())


def cluster_config(
    name: str,
    file: Path | None,
    options: Mapping[str, Any],
    head: Mapping[str, Any],
    worker: Mapping[str, Any],
    groups: Sequence[str],
) -> ClusterConfig:
    """The configuration.

    :param options: of the cluster, those left out are None.
    :param head: of the head, likewise.
    :param worker: of the group ``worker``, likewise.
    :param groups: further worker groups, see :func:`read_group`.
    :raises UsageError: file or options cannot be read.
    :raises ClusterConfigError: they ask for something that cannot be; and likewise InvalidIdentifierError,
        InvalidValueError, UnknownInstanceFamilyError.
    """
    from airflow_provider_raydp_spcs.cluster.config import ClusterConfig

    values = {**(there := read_file(file)), **_given(options), "name": name}
    if options.get("monitoring") and isinstance(there.get("monitoring"), Mapping):
        values["monitoring"] = there["monitoring"]  # the file says how, too
    if _given(head):
        values["head"] = {**(values.get("head") or {}), **_given(head)}
    given = [read_group(each) for each in groups]
    if _given(worker):
        given.insert(0, {"name": "worker", **_given(worker)})
    if given:
        # Without a file, the groups that are named are all there are; but the usual one where only others are named.
        groups_there = values.get("worker_groups")
        values["worker_groups"] = merge_groups([{"name": "worker"}] if groups_there is None else groups_there, given)
    return ClusterConfig.from_mapping(values)


def _given(options: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in options.items() if value is not None}
