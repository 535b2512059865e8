"""Key pairs: a user's RSA public keys, and the tokens that a client signs with the private one (SPCS reference 4.2)."""

from __future__ import annotations

import base64
import binascii
import hashlib
import time
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey

MIN_BITS: Final = 2048
MAX_SECONDS: Final = 3600
_LEEWAY_SECONDS: Final = 60


class InvalidKeyError(ValueError):
    """A text is no RSA public key that Snowflake takes."""


class InvalidJwtError(ValueError):
    """A token is not one that the owner of the key made; ``reason`` is Snowflake's name of what is wrong."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


def fingerprint(key: str) -> str:
    """``SHA256:…`` of a public key.

    :param key: the base64 of its DER form, with or without line breaks and the PEM's first and last line.
    :raises InvalidKeyError: it is none, or shorter than 2048 bits.
    """
    from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

    der = _load(key).public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    return "SHA256:" + base64.b64encode(hashlib.sha256(der).digest()).decode()


def subject(token: str) -> tuple[str, str, str]:
    """Account, login name and fingerprint that a token claims to be of; nothing of it is proved yet.

    :raises InvalidJwtError: it has no such claims.
    """
    import jwt

    try:
        claims = jwt.decode(token, options={"verify_signature": False})
    except jwt.PyJWTError as error:
        raise InvalidJwtError("JWT_TOKEN_INVALID") from error
    issuer, own = str(claims.get("iss", "")), str(claims.get("sub", ""))
    name, _, digest = issuer.rpartition(".")
    account, dot, login = own.partition(".")
    if not digest.startswith("SHA256:"):
        raise InvalidJwtError("JWT_TOKEN_MISSING_PUBLIC_KEY_FINGERPRINT_IN_ISSUER")
    if name != own or not dot:
        raise InvalidJwtError("JWT_TOKEN_ISSUER_SUBJECT_MISMATCH")
    return account, login, digest


def verify(token: str, digest: str, keys: Iterable[str]) -> dict[str, Any]:
    """The claims of a token, once it is proved that one of a user's keys signed it and it has not expired.

    :param digest: the fingerprint that the token names.
    :param keys: the user's public keys.
    :raises InvalidJwtError: it is not proved.
    """
    import jwt

    key = next((each for each in keys if fingerprint(each) == digest), None)
    if key is None:
        raise InvalidJwtError("JWT_TOKEN_INVALID_PUBLIC_KEY_FINGERPRINT_MISMATCH")
    try:
        # Both times must be there, for a token is good for an hour after it was issued, whatever it says of itself.
        claims: dict[str, Any] = jwt.decode(
            token, _load(key), algorithms=["RS256"], leeway=_LEEWAY_SECONDS, options={"require": ["exp", "iat"]}
        )
    except jwt.InvalidSignatureError as error:
        raise InvalidJwtError("JWT_TOKEN_INVALID_SIGNATURE") from error
    except jwt.InvalidAlgorithmError as error:
        raise InvalidJwtError("JWT_TOKEN_INVALID_ALGORITHM") from error
    except jwt.ExpiredSignatureError as error:
        raise InvalidJwtError("JWT_TOKEN_EXPIRED") from error
    except jwt.ImmatureSignatureError as error:
        raise InvalidJwtError("JWT_TOKEN_INVALID_ISSUE_TIME") from error
    except jwt.PyJWTError as error:
        raise InvalidJwtError("JWT_TOKEN_INVALID") from error
    if time.time() > int(claims["iat"]) + MAX_SECONDS + _LEEWAY_SECONDS:
        raise InvalidJwtError("JWT_TOKEN_EXPIRED")
    return claims


def _load(key: str) -> RSAPublicKey:
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
    from cryptography.hazmat.primitives.serialization import load_der_public_key

    lines = [line.strip() for line in key.strip().splitlines() if not line.strip().startswith("-----")]
    try:
        found = load_der_public_key(base64.b64decode("".join(lines), validate=True))
    except (ValueError, UnsupportedAlgorithm, binascii.Error) as error:
        raise InvalidKeyError("it is no RSA public key in base64") from error
    if not isinstance(found, RSAPublicKey) or found.key_size < MIN_BITS:
        msg = f"it is no RSA public key of at least {MIN_BITS} bits"
        raise InvalidKeyError(msg)
    return found
