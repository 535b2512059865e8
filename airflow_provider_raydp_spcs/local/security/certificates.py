"""The local certificate authority: clients trust it through ``REQUESTS_CA_BUNDLE`` and ``SSL_CERT_FILE``."""

from __future__ import annotations

import os
import secrets
from dataclasses import dataclass
from pathlib import Path
from typing import Final

CONTAINERS_NAME: Final = "snowflake.spcs.internal"
"""Host name under which real containers reach the local Snowflake, with whatever address their network has."""
ACCOUNT_NAMES: Final = ("local.snowflakecomputing.com", "localorg-local.snowflakecomputing.com")
"""Host names that clients of the SQL API make up from the account's name; a proxy or resolver leads them here."""


@dataclass(frozen=True)
class Certificates:
    """Files of one local Snowflake.

    :param server: certificate chain and private key of every TLS port, mode 0600.
    :param bundle: the usual roots and the local authority, for clients.
    """

    server: Path
    bundle: Path


def certificates(folder: Path) -> Certificates:
    """Make the authority and the certificate, or find those made before.

    The authority's private key is thrown away as soon as it has signed the one certificate, so that nobody can ever
    make another that the user's clients would trust.
    """
    made = Certificates(folder / "server.pem", folder / "ca-bundle.pem")
    if not (made.server.exists() and made.bundle.exists()):
        import certifi
        import trustme

        authority = trustme.CA(organization_name="Local Snowflake with SPCS")
        server = authority.issue_cert("localhost", "127.0.0.1", CONTAINERS_NAME, *ACCOUNT_NAMES)
        roots = Path(certifi.where()).read_bytes()
        write_private(made.bundle, roots + b"\n" + authority.cert_pem.bytes())
        write_private(made.server, server.private_key_and_cert_chain_pem.bytes())
    return made


def write_private(path: Path, content: bytes, mode: int = 0o600) -> None:
    """Write a file that only its owner may read, whole or not at all; never through a link that somebody put there.

    :param mode: another one, where the folders above are what keeps others out.
    """
    temporary = path.with_name(f"{path.name}.{secrets.token_hex(8)}")
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(content)
        os.fchmod(descriptor, mode)
    temporary.replace(path)
