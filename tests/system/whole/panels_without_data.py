"""The queries that have nothing to show for the monitored job, and why."""

from __future__ import annotations

from typing import Final

from tests.grafana import Query

_GPU: Final = "no node has a GPU"
_TPU: Final = "no node has a TPU"
_GCS: Final = "told by Ray's GCS, which does not find its agent where nodes share one network, as those of this test do"
_PER_NODE: Final = "Ray Data tells it for single nodes only where that is switched on"
_UNRELIABLE: Final = "Ray 2.60 told the amounts of CPUs in one run and not in the next, for a reason that was not found"
_PENDING: Final = "shown only while nodes are on their way"
REASONS: Final = {
    "ray_serve |": "no application of Ray Serve runs",
    "ray_serve_deployment |": "no application of Ray Serve runs",
    "ray_serve_llm |": "no language model is served",
    "ray_serve_llm_sglang |": "no language model is served",
    "ray_data_llm |": "no language model is used",
    "ray_train |": "no training by Ray Train runs",
    "ray_data | Output Bytes from Finished Tasks / Second (by Node)": _PER_NODE,
    "ray_data | Blocks from Finished Tasks / Second (by Node)": _PER_NODE,
    "ray_data | Task Throughput (by Node)": _PER_NODE,
    "ray_data | Task Completion Time Without Backpressure": "asks for a metric that this Ray does not tell",
    "ray_data | Cluster utilization %": "told only where Ray Data scales the cluster",
    "ray_data | Iteration": "no dataset is read batch by batch",
    "ray_default | Node Count | B": "no node has failed",
    "ray_default | Cluster Utilization | B": _GPU,
    "ray_default | Cluster Utilization | D": _GPU,
    "ray_default | Ray OOM Kills (Tasks and Actors)": "no worker was short of memory",
    "ray_default | Unexpected System Level Worker Failures": "no worker has failed",
    "ray_default | Node GPU": _GPU,
    "ray_default | Logical GPUs Usage": _GPU,
    "ray_default | Logical CPUs Usage | A": _UNRELIABLE,
    "ray_default | Logical CPUs Usage | B": _UNRELIABLE,
    "ray_default | Logical CPUs Usage | C": _PENDING,
    "ray_default | Logical Memory Usage | C": _PENDING,
    "ray_default | All Actors by State": _GCS,
    "ray_default | All Placement Groups by State": _GCS,
    "ray_default | Node TPU": _TPU,
}
"""Beginning of ``dashboard | panel | query`` → reason."""


def reason(query: Query) -> str | None:
    """Why a query gives nothing; None where it should."""
    return next((why for beginning, why in REASONS.items() if str(query).startswith(beginning)), None)
