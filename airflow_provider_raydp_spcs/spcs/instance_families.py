"""Instance families: what the containers of one node can use (SPCS reference 1.6)."""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

from airflow_provider_raydp_spcs.spcs.errors import UnknownInstanceFamilyError

GIB: Final = 1024**3
_ALL, _NOT_GCP = ("AWS", "Azure", "GCP"), ("AWS", "Azure")


@dataclass(frozen=True)
class InstanceFamily:
    """One kind of node.

    :param vcpus: virtual cores that containers can use.
    :param memory_gib: GiB that containers can use; the smaller figure where clouds or documents differ.
    :param storage_gb: GB of node disk.
    :param gpus: GPUs of the node.
    :param gpu: their model, or None.
    :param node_limit: default limit of nodes per account; None where nodes are given on request only.
    :param clouds: where it exists.
    :param credits_per_hour: published rate per node, where one is known; rates move.
    :param architecture: ``amd64`` or ``arm64``, which images must be built for.
    """

    name: str
    vcpus: int
    memory_gib: int
    storage_gb: int = 100
    gpus: int = 0
    gpu: str | None = None
    node_limit: int | None = 150
    clouds: tuple[str, ...] = _ALL
    credits_per_hour: float | None = None
    architecture: str = "amd64"

    @property
    def memory_bytes(self) -> int:
        """Bytes that containers can use."""
        return self.memory_gib * GIB


def _families() -> Iterator[InstanceFamily]:
    family = InstanceFamily
    yield family("CPU_X64_XS", 1, 6, node_limit=500)
    yield family("CPU_X64_S", 3, 13, node_limit=500)
    yield family("CPU_X64_M", 6, 28, node_limit=500)
    yield family("CPU_X64_SL", 14, 54, node_limit=500, credits_per_hour=0.41)
    yield family("CPU_X64_L", 28, 116, node_limit=500, credits_per_hour=0.83)
    yield family("HIGHMEM_X64_S", 6, 58, node_limit=500, credits_per_hour=0.28)
    yield family("HIGHMEM_X64_M", 28, 240, node_limit=500, credits_per_hour=1.11)
    yield family("HIGHMEM_X64_SL", 60, 492, clouds=("Azure", "GCP"), credits_per_hour=2.93)
    yield family("HIGHMEM_X64_L", 124, 984, node_limit=500, clouds=("AWS",), credits_per_hour=4.44)
    for size, vcpus, memory in ((2, 1, 6), (4, 3, 13), (8, 6, 28), (32, 28, 116)):
        yield family(f"GEN_X64_G2_{size}", vcpus, memory, clouds=_NOT_GCP)
    yield family("GEN_X64_G2_16", 14, 58, clouds=("Azure",))
    for size, vcpus, memory in ((2, 1, 6), (4, 3, 13), (8, 6, 28), (16, 14, 58), (32, 28, 116)):
        yield family(f"GEN_ARM_G1_{size}", vcpus, memory, clouds=("AWS",), architecture="arm64")
    for size, vcpus, memory in ((8, 6, 58), (32, 28, 240), (64, 60, 492)):
        yield family(f"MEM_X64_G2_{size}", vcpus, memory, clouds=_NOT_GCP)
    yield family("MEM_X64_G2_192", 188, 1436, clouds=("AWS",))
    yield family("MEM_X64_G2_96", 92, 652, clouds=("Azure",))
    yield from _gpu_families()


def _gpu_families() -> Iterator[InstanceFamily]:
    def aws(name: str, vcpus: int, memory: int, storage: int, gpus: int, gpu: str, limit: int | None) -> InstanceFamily:
        rates = {"GPU_NV_S": 0.57, "GPU_NV_M": 2.68, "GPU_NV_L": 14.12}
        return InstanceFamily(name, vcpus, memory, storage, gpus, gpu, limit, ("AWS",), rates.get(name))

    yield aws("GPU_NV_S", 6, 27, 450, 1, "A10G", 150)
    yield aws("GPU_NV_M", 44, 178, 3800, 4, "A10G", 10)
    yield aws("GPU_NV_L", 92, 1112, 100, 8, "A100 40 GB", None)
    yield aws("GPU_L40S_G1_8", 6, 58, 450, 1, "L40S", 5)
    yield aws("GPU_L40S_G1_16", 14, 116, 600, 1, "L40S", 5)
    yield aws("GPU_L40S_G1_48", 44, 368, 3800, 4, "L40S", None)
    yield aws("GPU_L40S_G1_192", 188, 1436, 3800, 8, "L40S", None)
    for size, vcpus, memory in ((8, 6, 58), (16, 14, 116), (32, 28, 240)):
        yield aws(f"GPU_R6K_G1_{size}", vcpus, memory, 1900, 1, "RTX PRO 6000", 5)
    for size, vcpus, memory, storage, gpus in (
        (48, 44, 490, 3800, 2),
        (96, 92, 984, 7600, 4),
        (192, 188, 1843, 11400, 8),
    ):
        yield aws(f"GPU_R6K_G1_{size}", vcpus, memory, storage, gpus, "RTX PRO 6000", None)
    azure, gcp = ("Azure",), ("GCP",)
    yield InstanceFamily("GPU_NV_XS", 3, 26, 100, 1, "T4", 10, azure, 0.25)
    yield InstanceFamily("GPU_NV_SM", 32, 424, 100, 1, "A10", 10, azure, 1.70)
    yield InstanceFamily("GPU_NV_2M", 68, 858, 100, 2, "A10", 5, azure, 3.50)
    yield InstanceFamily("GPU_NV_3M", 44, 424, 100, 2, "A100 80 GB", None, azure, 3.55)
    yield InstanceFamily("GPU_NV_SL", 92, 858, 100, 4, "A100 80 GB", None, azure, 13.50)
    yield InstanceFamily("GPU_GCP_NV_L4_1_24G", 6, 28, 100, 1, "L4", 10, gcp, 0.43)
    yield InstanceFamily("GPU_GCP_NV_L4_4_24G", 44, 178, 100, 4, "L4", 10, gcp, 1.94)
    yield InstanceFamily("GPU_A100_G1_12", 10, 77, 100, 1, "A100 40 GB", None, gcp)
    yield InstanceFamily("GPU_A100_G1_48", 44, 324, 100, 4, "A100 40 GB", None, gcp)
    yield InstanceFamily("GPU_GCP_NV_A100_8_40G", 92, 654, 100, 8, "A100 40 GB", None, gcp, 11.68)


INSTANCE_FAMILIES: Final[Mapping[str, InstanceFamily]] = MappingProxyType({each.name: each for each in _families()})
"""Every known family by name."""


def instance_family(name: str) -> InstanceFamily:
    """The family of a name, in any case.

    :raises UnknownInstanceFamilyError: there is none; the message names the nearest.
    """
    found = INSTANCE_FAMILIES.get(str(name).upper())
    if found is None:
        near = difflib.get_close_matches(str(name).upper(), INSTANCE_FAMILIES, n=3, cutoff=0.5)
        hint = f"did you mean {', '.join(near)}?" if near else "for example CPU_X64_S or HIGHMEM_X64_S"
        msg = f"unknown instance family {str(name)[:80]!r}; {hint} SHOW COMPUTE POOL INSTANCE FAMILIES lists those of the account"
        raise UnknownInstanceFamilyError(msg)
    return found
