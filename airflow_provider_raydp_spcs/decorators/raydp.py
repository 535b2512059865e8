"""``@task.raydp``: a function of the DAG file runs as the Spark driver on the cluster."""

from __future__ import annotations

import inspect
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from airflow.sdk.bases.decorator import DecoratedOperator, TaskDecorator, task_decorator_factory

from airflow_provider_raydp_spcs.jobs.application import Application
from airflow_provider_raydp_spcs.jobs.functions import SPARK, arguments, check_python, wants_spark, write_call
from airflow_provider_raydp_spcs.operators.submit_job import SubmitRayDPJobOperator

if TYPE_CHECKING:
    from airflow.sdk import Context

    from airflow_provider_raydp_spcs.jobs.calls import Versions


class RayDPDecoratedOperator(DecoratedOperator, SubmitRayDPJobOperator):
    """Sends a function with its closures and arguments to the cluster, by value, and runs it there as a job.

    Takes every parameter of :class:`~airflow_provider_raydp_spcs.operators.submit_job.SubmitRayDPJobOperator` but the
    application's.

    :param python_callable: the function. A parameter named ``spark`` gets a Spark session; what it returns, which must be
        JSON, is the task's result.
    :param spark: arguments of ``runtime.spark_session`` (``executors``, ``executor_cores``, ``executor_memory_mib``,
        ``configs``).
    """

    custom_operator_name = "@task.raydp"
    template_fields: Sequence[str] = (
        *(field for field in SubmitRayDPJobOperator.template_fields if not field.startswith("application")),
        "op_args",
        "op_kwargs",
        "spark",
    )
    template_fields_renderers: ClassVar[dict[str, str]] = {"op_args": "py", "op_kwargs": "py"}
    shallow_copy_attrs: Sequence[str] = ("python_callable",)

    def __init__(
        self,
        *,
        python_callable: Callable[..., Any],
        op_args: Sequence[Any] | None = None,
        op_kwargs: Mapping[str, Any] | None = None,
        spark: Mapping[str, Any] | None = None,
        **kwargs: Any,
    ) -> None:
        # Airflow checks a call's arguments against the signature; the session is ours to give.
        super().__init__(
            python_callable=_without_spark(python_callable), op_args=op_args, op_kwargs=op_kwargs, **kwargs
        )
        self.python_callable = python_callable
        self.spark = dict(spark or {})

    @contextmanager
    def prepare(self, context: Context) -> Iterator[Application]:
        """Write the call into a file; see :mod:`airflow_provider_raydp_spcs.jobs.functions`."""
        args, kwargs = arguments(self.python_callable, self.op_args, self.op_kwargs, self._plain(context))
        spark = self.spark if wants_spark(self.python_callable) else None
        # Airflow ends a task's process without Python's own end, so nothing may be left to that.
        with tempfile.TemporaryDirectory(prefix="raydp-call-") as folder:
            yield write_call(Path(folder), self.python_callable, args, kwargs, spark)

    def check_cluster(self, found: Versions) -> None:
        """The same minor version of Python must run there, too."""
        super().check_cluster(found)
        check_python(found.python, self.cluster_name)

    @staticmethod
    def _plain(context: Context) -> dict[str, Any]:
        """What of Airflow's context may travel: plain values that need no library on the cluster."""
        found: dict[str, Any] = {key: context.get(key) for key in ("ds", "ds_nodash", "ts", "ts_nodash", "run_id")}
        for key in ("logical_date", "data_interval_start", "data_interval_end"):
            moment: Any = context.get(key)
            found[key] = None if moment is None else datetime.fromisoformat(moment.isoformat())
        params: Any = context.get("params")
        found["params"] = dict(params) if params else {}
        return found


def _without_spark(function: Callable[..., Any]) -> Callable[..., Any]:
    """The same function for whoever looks at its signature, without the parameter ``spark``."""
    signature = inspect.signature(function)
    if SPARK not in signature.parameters:
        return function

    def shown(*args: Any, **kwargs: Any) -> Any:
        return function(*args, **kwargs)

    shown.__name__, shown.__doc__, shown.__module__ = function.__name__, function.__doc__, function.__module__
    kept = [each for name, each in signature.parameters.items() if name != SPARK]
    shown.__signature__ = signature.replace(parameters=kept)  # type: ignore[attr-defined]
    return shown


def raydp_task(
    python_callable: Callable[..., Any] | None = None, multiple_outputs: bool | None = None, **kwargs: Any
) -> TaskDecorator:
    """Make a task of a function that runs as the Spark driver on a RayDP cluster.

    :param python_callable: the function.
    :param multiple_outputs: hand out a returned dictionary's values one by one.
    """
    return task_decorator_factory(
        python_callable=python_callable,
        multiple_outputs=multiple_outputs,
        decorated_operator_class=RayDPDecoratedOperator,
        **kwargs,
    )
