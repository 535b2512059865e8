"""Sending a function to the cluster: by value, with its closures and arguments, for the same minor version of Python."""

from __future__ import annotations

import contextlib
import inspect
import pickle
import sys
from collections.abc import Callable, Collection, Iterator, Mapping
from pathlib import Path
from types import ModuleType
from typing import Any, Final

from airflow_provider_raydp_spcs.jobs.application import Application
from airflow_provider_raydp_spcs.jobs.errors import JobInputError, NotPicklableError, PythonMismatchError

SPARK: Final = "spark"
"""A parameter of this name gets the Spark session."""


def own_python() -> str:
    """Minor version of the running Python, such as ``3.11``."""
    return f"{sys.version_info.major}.{sys.version_info.minor}"


def wants_spark(function: Callable[..., Any]) -> bool:
    """Whether a function asks for the Spark session."""
    return SPARK in inspect.signature(function).parameters


def check_python(cluster_python: str, cluster_name: str) -> None:
    """Refuse to send a function to another Python, whose byte code differs.

    :raises PythonMismatchError: another minor version.
    """
    if cluster_python != own_python():
        msg = (
            f"the function is compiled by Python {own_python()}, but cluster {cluster_name} runs Python {cluster_python}. "
            "Run the Airflow workers with the cluster's minor version, build the images with theirs, or submit a file with "
            "SubmitRayDPJobOperator, which any version may do"
        )
        raise PythonMismatchError(msg)


def arguments(
    function: Callable[..., Any], args: Collection[Any], kwargs: Mapping[str, Any], context: Mapping[str, Any]
) -> tuple[tuple[Any, ...], dict[str, Any]]:
    """A call's arguments, by name where they have one, so that the Spark session may stand anywhere among them.

    :param context: what else there is, for parameters of these names that are not given.
    :raises JobInputError: a parameter has no value.
    """
    signature = inspect.signature(function)
    parameters = {name: each for name, each in signature.parameters.items() if name != SPARK}
    found = signature.replace(parameters=list(parameters.values())).bind_partial(*args, **kwargs).arguments
    found |= {name: context[name] for name in parameters if name in context and name not in found}
    # What stands before *args has its place only.
    has_rest = any(each.kind is each.VAR_POSITIONAL and found.get(name) for name, each in parameters.items())
    positional: list[Any] = []
    named: dict[str, Any] = {}
    for name, each in parameters.items():
        if each.kind is each.VAR_POSITIONAL:
            positional += found.get(name, ())
        elif each.kind is each.VAR_KEYWORD:
            named |= found.get(name, {})
        elif name not in found:
            if each.default is each.empty:
                msg = (
                    f"the function {function.__name__!r} asks for {name!r}, and is given none. Of Airflow's context only "
                    f"{', '.join(sorted(context))} travel to the cluster"
                )
                raise JobInputError(msg)
        elif each.kind is each.POSITIONAL_ONLY or (has_rest and each.kind is each.POSITIONAL_OR_KEYWORD):
            positional.append(found[name])
        else:
            named[name] = found[name]
    return tuple(positional), named


def write_call(
    folder: Path,
    function: Callable[..., Any],
    args: Collection[Any],
    kwargs: Mapping[str, Any],
    spark: Mapping[str, Any] | None,
) -> Application:
    """Write a call into a file that the cluster can run.

    :param spark: arguments of ``runtime.spark_session``; None where the function gets no session.
    :raises NotPicklableError: the function, or something that it refers to, cannot be sent by value.
    """
    call = {
        "function": function,
        "args": tuple(args),
        "kwargs": dict(kwargs),
        "spark": None if spark is None else dict(spark),
    }
    text = pickle.dumps({"python": own_python(), "call": _by_value(function, call)})
    file = folder / "call.pkl"
    file.write_bytes(text)
    return Application.of_call(file)


def _by_value(function: Callable[..., Any], call: Mapping[str, Any]) -> bytes:
    """What stands in the DAG's module travels along, for that module is not on the cluster."""
    import cloudpickle

    module = inspect.getmodule(function)
    registered = isinstance(module, ModuleType) and module.__name__ not in cloudpickle.list_registry_pickle_by_value()
    if registered and module is not None:
        cloudpickle.register_pickle_by_value(module)
    try:
        return bytes(cloudpickle.dumps(call))
    except Exception as error:
        because = ", ".join(_unsendable(function, call))
        msg = (
            f"the function {getattr(function, '__name__', function)!r} cannot be sent to the cluster"
            f"{f' because of {because}' if because else ''}: {error}. It travels by value with its arguments and everything "
            "it refers to; open connections, locks and the like inside it instead"
        )
        raise NotPicklableError(msg) from error
    finally:
        if registered and module is not None:
            cloudpickle.unregister_pickle_by_value(module)


def _unsendable(function: Callable[..., Any], call: Mapping[str, Any]) -> Iterator[str]:
    """What of a call cannot be pickled by itself, by name."""
    import cloudpickle

    with contextlib.suppress(TypeError):  # a callable that is no function
        names = inspect.getclosurevars(function)
        values = {f"its variable {name!r}": value for name, value in {**names.globals, **names.nonlocals}.items()}
        values |= {f"its argument {name!r}": value for name, value in call["kwargs"].items()}
        values |= {f"its argument {number}": value for number, value in enumerate(call["args"], 1)}
        for name, value in values.items():
            try:
                cloudpickle.dumps(value)
            except Exception:
                yield name
