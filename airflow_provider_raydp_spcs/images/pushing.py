"""Pushing images to an image repository of Snowflake, and signing in to its registry (SPCS reference, part 6)."""

from __future__ import annotations

import json
import re
import subprocess
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import Final

from airflow_provider_raydp_spcs.container_engine import ContainerEngineError, Engine, EngineCommandError
from airflow_provider_raydp_spcs.images.errors import (
    ImageNotBuiltError,
    ImagesError,
    NotSignedInError,
    PushFailedError,
    RegistryNotSetError,
    RegistryUnreachableError,
    WrongArchitectureError,
)

ARCHITECTURE: Final = "amd64"
TOKEN_USER: Final = "0sessiontoken"  # noqa: S105 - the user name that stands for "the password is a session token"
LOCAL: Final = "localhost"
"""Host of the repositories of a local Snowflake with the container runtime: the engine's own images, nothing to send."""
_REPOSITORY: Final = re.compile(r"[a-z0-9][a-z0-9.-]*(:\d+)?(/[a-z0-9_$.-]+)+\Z")
_UNREACHABLE: Final = (
    "connection refused",
    "no such host",
    "i/o timeout",
    "network is unreachable",
    "no route to host",
    "server misbehaving",
    "deadline exceeded",
    "pinging container registry",
    "tls: ",
    "x509",
)
_NOT_SIGNED_IN: Final = ("unauthorized", "authentication required", "invalid username/password", "denied", "forbidden")


@dataclass(frozen=True)
class Credentials:
    """Who signs in to a registry.

    :param password: a password, a programmatic access token, or what :meth:`of_session` makes of a session token.
    """

    user: str
    password: str = field(repr=False)

    @classmethod
    def of_session(cls, token: str, seconds: int) -> Credentials:
        """Those of a connection's session.

        :param seconds: how long the token is good for.
        """
        return cls(TOKEN_USER, json.dumps({"token": token, "expires_in": seconds}))

    @classmethod
    def of_snow(cls) -> Credentials:
        """Those of Snowflake's own command line, for its default connection.

        :raises NotSignedInError: ``snow`` is not there, or gives no token.
        """
        command = ["snow", "spcs", "image-registry", "token", "--format", "JSON"]
        try:
            done = subprocess.run(command, capture_output=True, text=True, check=False)
        except OSError as error:
            msg = f"snow, Snowflake's command line, cannot be run ({error}); install it, or sign in with --sign-in connection"
            raise NotSignedInError(msg) from error
        if done.returncode:
            msg = f"'{' '.join(command)}' gives no token: {done.stderr.strip()}. Look at: snow connection test"
            raise NotSignedInError(msg)
        return cls(TOKEN_USER, done.stdout.strip())


def push(
    engine: Engine,
    repository: str,
    images: Sequence[str],
    credentials: Credentials | None = None,
    say: Callable[[str], None] = print,
) -> list[str]:
    """Push images; answer where each one is.

    :param repository: ``repository_url`` of SHOW IMAGE REPOSITORIES.
    :param images: ``name:tag`` of built images.
    :param credentials: to sign in with, and out again at the end; None where the engine is signed in already.
    :raises ImagesError, ContainerEngineError: what is wrong, and what to do next.
    """
    checked = check_repository(repository)
    engine.check_running()
    for image in images:
        check_image(engine, image)
    targets = [f"{checked}/{image}" for image in images]
    host = checked.partition("/")[0]
    for image, target in zip(images, targets, strict=True):
        engine.run("tag", image, target)
    if host == LOCAL:
        return targets
    with _signed_in(engine, host, credentials):
        for target in targets:
            say(f"pushing {target}")
            _push(engine, host, target)
    return targets


def check_repository(repository: str) -> str:
    """The address of a repository, without a scheme and in lower case.

    :raises RegistryNotSetError: it is no such address, or the example's.
    """
    address = repository.strip().removeprefix("https://").rstrip("/").lower()
    if address.startswith("myorg-myaccount.") or not _REPOSITORY.match(address):
        msg = (
            f"{repository!r} is no image repository's address; set IMAGE_REGISTRY in images/config.env, or --registry, to the "
            "repository_url that SHOW IMAGE REPOSITORIES tells: ORG-ACCOUNT.registry.snowflakecomputing.com/db/schema/repository"
        )
        raise RegistryNotSetError(msg)
    return address


def check_image(engine: Engine, image: str) -> None:
    """Make sure that an image is there and that Snowflake's nodes can run it.

    :raises ImageNotBuiltError, WrongArchitectureError: it is not so.
    """
    found = engine.inspect_image(image)
    if found is None:
        msg = f"{engine.name} holds no image {image}; build it: raydp-spcs images build {image.partition(':')[0]}"
        raise ImageNotBuiltError(msg)
    architecture = found.get("Architecture")
    if architecture != ARCHITECTURE:
        msg = (
            f"image {image} is built for {architecture!r}, but Snowflake's nodes run {ARCHITECTURE}; build it again for "
            f"linux/{ARCHITECTURE}, as 'raydp-spcs images build' does, on a base image of that architecture"
        )
        raise WrongArchitectureError(msg)


@contextmanager
def _signed_in(engine: Engine, host: str, credentials: Credentials | None) -> Iterator[None]:
    if credentials is None:
        yield
        return
    try:
        # On standard input: whatever stands on a command line can be read by every user of the machine.
        engine.run("login", host, "--username", credentials.user, "--password-stdin", given=credentials.password)
    except EngineCommandError as error:
        raise _refusal(error, host) from error
    try:
        yield
    finally:
        with suppress(ContainerEngineError):
            engine.run("logout", host)


def _push(engine: Engine, host: str, target: str) -> None:
    try:
        engine.run("push", target, timeout=None)
    except EngineCommandError as error:
        raise _refusal(error, host) from error


def _refusal(error: EngineCommandError, host: str) -> ImagesError:
    """The error for what an engine says of a registry."""
    text = error.stderr.strip() or str(error)
    words = text.lower()
    last = text.splitlines()[-1]
    if any(word in words for word in _NOT_SIGNED_IN):
        msg = (
            f"the registry {host} does not let us in: {last}. Sign in with a role that may WRITE to the repository: --sign-in "
            "connection (with --connection), --sign-in snow, or --user with --password-file and a programmatic access token"
        )
        return NotSignedInError(msg)
    if any(word in words for word in _UNREACHABLE):
        msg = (
            f"the registry {host} does not answer: {last}. Compare it with repository_url of SHOW IMAGE REPOSITORIES (lower case, "
            "'-' for '_'), and look at the network, its proxy and VPN"
        )
        return RegistryUnreachableError(msg)
    msg = f"the registry {host} did not take the image: {last}"
    return PushFailedError(msg)
