"""Why executors ended: often they get no word out any more, and Spark knows only that they are lost. Their logs know.

The logs lie on the executors' nodes, and Ray hands them over.
"""

from __future__ import annotations

import contextlib
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

_LOST: Final = "ExecutorLostFailure"
_WHERE: Final = re.compile(r"\((\S+) executor \w+\)")
_THROWN: Final = re.compile(r"^(?:[\w$]+\.)+\w*(?:Error|Exception)\b.*", re.MULTILINE)
LOGS: Final = 4
"""How many executors of a node are heard; the task that ended the job ends one after the other."""
TAIL_LINES: Final = 1000
Logs = Callable[[str, str], Iterator[tuple[str, str]]]


@contextmanager
def deaths_told(spark: SparkSession, logs: Logs | None = None) -> Iterator[None]:
    """Where an error leaves the block because executors were lost, add to it the last errors in their logs.

    :param logs: address of a node, and id of Ray's job of this session's JVM → names and ends of its executors' logs.
    """
    try:
        yield
    except Exception as error:
        with contextlib.suppress(Exception):  # neither Ray nor the JVM need answer, and the error is the news
            if _LOST in (words := str(error)):
                for line in _last_errors(spark, words, logs or executor_logs):
                    error.add_note(line)
        raise


def _last_errors(spark: SparkSession, words: str, logs: Logs) -> Iterator[str]:
    job = str(spark.sparkContext._jvm.io.ray.api.Ray.getRuntimeContext().getCurrentJobId())
    for address in sorted(set(_WHERE.findall(words))):
        for name, text in logs(address, job):
            if thrown := _THROWN.findall(text):
                yield f"Spark executor on {address}: {thrown[-1]} (the last error in {name})"


def executor_logs(address: str, job: str) -> Iterator[tuple[str, str]]:
    """See :func:`deaths_told`; by Ray."""
    from ray.util.state import get_log, list_logs

    found = list_logs(node_ip=address, glob_filter=f"raydp-java-worker-{job}-*")
    for name in sorted({name for names in found.values() for name in names})[-LOGS:]:
        yield name, "".join(get_log(node_ip=address, filename=name, tail=TAIL_LINES))
