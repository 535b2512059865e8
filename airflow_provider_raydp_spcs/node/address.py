"""The address under which other nodes reach this one."""

from __future__ import annotations

import ipaddress
import os
import socket
from collections.abc import Mapping
from typing import Final

from airflow_provider_raydp_spcs.node.errors import SettingError

VARIABLE: Final = "SPCS_INSTANCE_ADDRESS"
"""Set where service instances are plain processes and cannot have a host name of their own."""


def own_address(environment: Mapping[str, str] = os.environ) -> str:
    """The address of this instance.

    In a container that is what its host name resolves to: the address of ``eth0`` (SPCS reference 3.4). Ray has to be
    given it, for otherwise it may announce the service's name or a loopback address (reference 8.2, point 3).

    :raises SettingError: the variable holds no address, or the host name does not resolve.
    """
    given = environment.get(VARIABLE)
    if given:
        try:
            return str(ipaddress.ip_address(given))
        except ValueError as error:
            msg = f"{VARIABLE} is {given!r}, which is no IP address"
            raise SettingError(msg) from error
    name = socket.gethostname()
    try:
        return socket.gethostbyname(name)
    except OSError as error:
        msg = f"the host name {name!r} does not resolve ({error}); set {VARIABLE} to this node's address"
        raise SettingError(msg) from error


def is_shared(address: str) -> bool:
    """Whether several nodes share one network namespace: then their addresses are loopback addresses."""
    return ipaddress.ip_address(address).is_loopback
