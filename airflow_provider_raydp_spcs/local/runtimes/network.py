"""Addresses of containers: a private subnet for each local Snowflake, and in it an address for each instance."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

_TRIES: Final = 32
_RESERVED: Final = 2
"""The network's own address and the gateway's."""


@dataclass(frozen=True)
class Subnet:
    """A subnet with room for a thousand instances at a time."""

    network: ipaddress.IPv4Network

    @property
    def gateway(self) -> str:
        """The address of the machine in it."""
        return str(self.network.network_address + 1)

    def address(self, number: int) -> str:
        """The address of the instance with this number; a number comes round after a thousand others."""
        room = self.network.num_addresses - _RESERVED - 1
        return str(self.network.network_address + _RESERVED + number % room)

    def __contains__(self, address: str) -> bool:
        return ipaddress.ip_address(address) in self.network


def candidates(identity: str) -> Iterator[Subnet]:
    """Subnets for the server with this identity, the same ones each time; others use other ones most of the time.

    :param identity: six hexadecimal digits.
    """
    start = int(identity, 16)
    for step in range(_TRIES):
        which = (start + step * 997) % (128 * 64)
        yield Subnet(ipaddress.IPv4Network(f"10.{64 + which // 64}.{which % 64 * 4}.0/22"))
