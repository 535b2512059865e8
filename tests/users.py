"""A user of the local Snowflake who has every kind of credential: password, key pair, programmatic access token."""

from __future__ import annotations

import base64
import datetime as dt

import jwt
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat

from airflow_provider_raydp_spcs.cli.demo.connection import connect
from airflow_provider_raydp_spcs.local.security.key_pairs import fingerprint
from airflow_provider_raydp_spcs.spcs.session import ConnectorSession

PASSWORD = "Correct-horse-7"


class User:
    """What such a user keeps."""

    def __init__(self) -> None:
        self.key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
        self.pat = ""

    @property
    def public(self) -> str:
        der = self.key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
        return base64.b64encode(der).decode()

    @property
    def private(self) -> bytes:
        return self.key.private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption())

    @property
    def pem(self) -> str:
        return self.key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()

    def signed(self, name: str = "LOCAL.ANN") -> str:
        """A token for five minutes, signed with the private key.

        :param name: account and user that it is for.
        """
        now = dt.datetime.now(dt.UTC)
        issuer = f"{name}.{fingerprint(self.public)}"
        claims = {"iss": issuer, "sub": name, "iat": now, "exp": now + dt.timedelta(minutes=5)}
        return jwt.encode(claims, self.key, algorithm="RS256")


def make_user(environment: dict[str, str], name: str, *roles: str) -> User:
    """Create the user with what the set-up SQL made as its defaults, and a token for its default role.

    :param roles: further roles that it has.
    """
    user = User()
    with connect(environment, role="ACCOUNTADMIN") as connection:
        admin = ConnectorSession(connection)
        admin.execute(
            f"CREATE USER {name} PASSWORD = '{PASSWORD}' DEFAULT_ROLE = RAYDP_SIS_ROLE "
            "DEFAULT_WAREHOUSE = RAYDP_SIS_XSW DEFAULT_NAMESPACE = RAYDP_SIS_DB.RAYDP_SIS_CORE_SCHEMA "
            f"DEFAULT_SECONDARY_ROLES = () RSA_PUBLIC_KEY = '{user.public}'"
        )
        for role in ("RAYDP_SIS_ROLE", *roles):
            admin.execute(f"GRANT ROLE {role} TO USER {name}")
        (row,) = admin.execute(f"ALTER USER {name} ADD PROGRAMMATIC ACCESS TOKEN T ROLE_RESTRICTION = 'RAYDP_SIS_ROLE'")
        user.pat = str(row["token_secret"])
    return user
