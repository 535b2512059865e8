"""``raydp-spcs images``: the images of clusters, built, pushed, listed."""

from __future__ import annotations

import sys
from contextlib import nullcontext
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from airflow_provider_raydp_spcs.cli.connections import Scope, connected
from airflow_provider_raydp_spcs.cli.exit_codes import UsageError
from airflow_provider_raydp_spcs.cli.output import Format, Output, answer, say, table_of
from airflow_provider_raydp_spcs.version import __version__

app = typer.Typer(
    help="The images of clusters: build them, push them, see what a repository holds.", no_args_is_help=True
)

DEFAULT_REPOSITORY = "RAYDP_SIS_IMAGE_REPO"
Names = Annotated[list[str] | None, typer.Argument(metavar="[NAME]...", help="Some of the images. Default: all.")]
EngineName = Annotated[
    str | None, typer.Option("--engine", envvar="ENGINE", help="podman or docker. Default: the first there is.")
]
Tag = Annotated[str, typer.Option("--tag", envvar="TAG", help="Tag of the images.")]
Repository = Annotated[
    str, typer.Option(help="Name of the image repository, in the connection's schema unless qualified.")
]


class SignIn(StrEnum):
    """How to sign in to the registry."""

    CONNECTION = "connection"
    SNOW = "snow"
    PASSWORD = "password"  # noqa: S105 - a choice
    NONE = "none"


@app.command()
def build(
    names: Names = None,
    *,
    engine: EngineName = None,
    tag: Tag = __version__,
    base_image: Annotated[
        str | None, typer.Option(envvar="BASE_IMAGE", help="Another base with Python 3.11 for raydp_base.")
    ] = None,
    build_ca: Annotated[
        Path | None,
        typer.Option(
            envvar="BUILD_CA",
            exists=True,
            dir_okay=False,
            help="Certificate authorities that downloads during the build trust, as of a proxy; not kept in the image.",
        ),
    ] = None,
    wheel: Annotated[
        Path | None,
        typer.Option(help="Wheel of this package. Default: made from the clone, or from what is installed."),
    ] = None,
    output: Output = Format.TABLE,
) -> None:
    """Build the images for linux/amd64."""
    from airflow_provider_raydp_spcs.container_engine import Engine
    from airflow_provider_raydp_spcs.images.building import BuildOptions, build

    del output
    found = Engine.find(engine)
    built = build(found, names or (), BuildOptions(tag, base_image, build_ca, wheel), say)
    answer({"engine": found.name, "images": built}, lambda: "\n".join(built))


@app.command()
@connected
def push(
    scope: Scope,
    names: Names = None,
    *,
    engine: EngineName = None,
    tag: Tag = __version__,
    registry: Annotated[
        str | None,
        typer.Option(
            envvar="IMAGE_REGISTRY",
            help="Address of the repository (repository_url of SHOW IMAGE REPOSITORIES). Default: Snowflake is asked.",
        ),
    ] = None,
    repository: Repository = DEFAULT_REPOSITORY,
    sign_in: Annotated[
        SignIn | None,
        typer.Option(
            help="connection: with a token of the connection's session; snow: with one of Snowflake's command line; "
            "password: with --user and --password-file; none: the engine is signed in. Default: password where a user is "
            "given, else connection."
        ),
    ] = None,
    user: Annotated[str | None, typer.Option(help="Who signs in, with --password-file.")] = None,
    password_file: Annotated[
        str | None, typer.Option(help="File with the password or programmatic access token; - for standard input.")
    ] = None,
) -> None:
    """Push built images. For a local Snowflake that runs containers they are only given its repository's name."""
    from airflow_provider_raydp_spcs.container_engine import Engine
    from airflow_provider_raydp_spcs.images.contents import image_names
    from airflow_provider_raydp_spcs.images.pushing import Credentials, push

    found = Engine.find(engine)
    images = [f"{name}:{tag}" for name in image_names(names or ())]
    how = sign_in or (SignIn.PASSWORD if user else SignIn.CONNECTION)
    asked = registry is None or how is SignIn.CONNECTION
    with scope.open() if asked else nullcontext() as snowflake:
        address = registry or snowflake.client.image_repositories.url(repository)  # type: ignore[union-attr]
        credentials = None
        if how is SignIn.CONNECTION and not address.startswith("localhost/"):
            token = snowflake.tokens().current()  # type: ignore[union-attr]
            credentials = Credentials.of_session(token.value, token.seconds_left)
        elif how is SignIn.SNOW:
            credentials = Credentials.of_snow()
        elif how is SignIn.PASSWORD:
            credentials = Credentials(*_password(user, password_file))
    pushed = push(found, address, images, credentials, say)
    answer({"images": pushed}, lambda: "\n".join(pushed))


@app.command(name="list")
@connected
def list_images(scope: Scope, *, repository: Repository = DEFAULT_REPOSITORY, tag: Tag = __version__) -> None:
    """The images of a repository, and which ones that clusters of this version need are missing."""
    from airflow_provider_raydp_spcs.images.contents import image_names

    with scope.open() as snowflake:
        found = snowflake.client.image_repositories.images(repository)
    there = {(each.name, each.tag) for each in found}
    missing = [f"{name}:{tag}" for name in image_names() if name != "raydp_base" and (name, tag) not in there]
    columns = ("IMAGE", "TAG", "DIGEST", "PATH")
    rows = [(each.name, each.tag, each.digest, each.path) for each in found]
    answer(
        {"images": [dict(zip(map(str.lower, columns), row, strict=True)) for row in rows], "missing": missing},
        lambda: table_of(columns, rows),
    )
    if missing:
        say(f"missing for version {tag}: {', '.join(missing)}; raydp-spcs images build, then raydp-spcs images push")


def _password(user: str | None, file: str | None) -> tuple[str, str]:
    if not user or not file:
        msg = "--sign-in password needs --user and --password-file (- reads standard input)"
        raise UsageError(msg)
    text = sys.stdin.read() if file == "-" else Path(file).read_text()
    return user, text.strip()
