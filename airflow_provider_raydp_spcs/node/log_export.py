"""A node's part of a log export: its own log files, side by side, from its own disk to the run's folder on the stage."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, Final

from airflow_provider_raydp_spcs.cluster.log_places import EXECUTOR_LOGS, Boot, free_name, is_run_folder, safe_part
from airflow_provider_raydp_spcs.node.log_files import PARALLEL, Copied, LogFile, copy, log_files

MAX_FOLDERS: Final = 16
"""Of so many exports a node remembers what it has sent."""


class NodeExport:
    """Exports the logs of executors on this node.

    What is on the stage already, unchanged since, is not sent again: an export that was interrupted goes on where it was.

    :param logs: where Ray writes them.
    :param stage: where the stage of the logs is mounted.
    """

    def __init__(self, logs: Path, stage: Path, boot: Boot) -> None:
        self._logs, self._stage, self._boot = logs, stage, boot
        self._done: OrderedDict[str, dict[str, tuple[LogFile, Copied]]] = OrderedDict()

    def export(self, order: Mapping[str, Any]) -> dict[str, Any]:
        """Send the logs of executors to ``<folder>/executors/<address>/``.

        :param order: ``folder``, the run's folder on the stage.
        :returns: ``boot``; ``files``, each ``[path below the folder, bytes, MD5]``; ``missing``, in words.
        :raises ValueError: that is no folder of a run.
        """
        folder = checked(order["folder"])
        files: list[list[Any]] = []
        missing: list[str] = []
        below = f"executors/{safe_part(self._boot.address)}"

        taken: set[str] = set()
        wanted = log_files(self._logs, lambda name: bool(EXECUTOR_LOGS.match(name)))
        named = [(file, free_name(file.path.name, taken)) for file in wanted]

        def send(each: tuple[LogFile, str]) -> None:
            file, name = each
            try:
                copied = self.send(file, f"{folder}/{below}/{name}")
            except OSError as error:
                missing.append(f"{file.path.name} of {self._boot.address}: {error.strerror or error}")
            else:
                files.append([f"{below}/{name}", copied.size, copied.md5])

        self._forget_old()
        with ThreadPoolExecutor(PARALLEL) as threads:
            list(threads.map(send, named))
        return {"boot": str(self._boot), "files": sorted(files), "missing": sorted(missing)}

    def send(self, file: LogFile, path: str) -> Copied:
        """One file to a path of the stage, unless it is there as it is now.

        :raises OSError: it cannot be read, or the stage cannot be written.
        """
        target, done = self._stage / path, self._done.setdefault(path.rpartition("/")[0], {})
        before, known = done.get(target.name, (None, None))
        if known is not None and before == file and target.is_file() and target.stat().st_size == known.size:
            return known
        copied = copy(file, 0, target)
        done[target.name] = file, copied
        return copied

    def _forget_old(self) -> None:
        while len(self._done) > MAX_FOLDERS:
            self._done.popitem(last=False)


def checked(folder: Any) -> str:
    """A run's folder on the stage.

    :raises ValueError: it is none.
    """
    if not isinstance(folder, str) or not is_run_folder(folder):
        msg = f"folder is {folder!r}; allowed is <CLUSTER>/<dag>/<run>/<task>/<try>, in letters, digits and ._=-"
        raise ValueError(msg)
    return folder
