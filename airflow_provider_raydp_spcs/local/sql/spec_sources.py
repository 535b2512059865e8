"""Where a specification comes from: a text or a file on a stage, as it is or as a template (SPCS reference 2.1)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from airflow_provider_raydp_spcs.local.errors import does_not_exist, invalid_spec, unsupported
from airflow_provider_raydp_spcs.local.security.access import ACCOUNT
from airflow_provider_raydp_spcs.local.sql.cursor import Cursor
from airflow_provider_raydp_spcs.local.sql.registry import Context
from airflow_provider_raydp_spcs.local.sql.scope import full_name
from airflow_provider_raydp_spcs.local.sql.statements.stages import Location
from airflow_provider_raydp_spcs.local.sql.templates import checked_value, render
from airflow_provider_raydp_spcs.spcs.errors import InvalidSpecificationError
from airflow_provider_raydp_spcs.spcs.specification import ServiceSpecification


@dataclass(frozen=True)
class Source:
    """What stands after FROM.

    :param values: for the variables of a template; None where it is none.
    """

    text: str | None = None
    location: Location | None = None
    file: str = ""
    values: Mapping[str, str] | None = field(default=None)

    def read(self, context: Context, verb: str) -> str:
        """The specification's text; what it names must be the role's to use.

        :raises SnowflakeFault: there is no such file, a template cannot be filled, or the role may not.
        """
        text = self._file(context, verb) if self.text is None else self.text
        if self.values is not None:
            text = render(text, self.values)
        _check_rights(context, text)
        return text

    def _file(self, context: Context, verb: str) -> str:
        if self.location is None:
            raise unsupported("specification file of an application package")
        stage = self.location.stage_in(context, verb)
        context.needs("READ", "Stage", stage)
        path = context.files.inside(context.files.folder(stage), f"{self.location.path}/{self.file}")
        if not path.is_file():
            raise does_not_exist("File", f"@{stage}/{self.location.path}/{self.file}".replace("//", "/"))
        try:
            return path.read_text()
        except UnicodeDecodeError as error:
            msg = f"Invalid spec: the file '{self.file}' is no text: {error.reason}"
            raise invalid_spec(msg) from error


def read_source(cursor: Cursor) -> Source:
    """Read what stands after FROM, and USING after it.

    :raises SnowflakeFault: no form of a source.
    """
    location = None if cursor.words(1) in _WORDS else Location.read(cursor)
    words = cursor.words(1)
    if words not in _WORDS:
        raise cursor.fault()
    word = cursor.word()
    is_template = "TEMPLATE" in word
    if location is None and not word.endswith("_FILE"):
        text, file = cursor.text(), ""
    else:
        if location is not None and not word.endswith("_FILE") and word != "SPEC":
            raise cursor.fault()
        cursor.expect("=")
        text, file = None, cursor.text()
    values = _using(cursor) if cursor.take("USING") else None
    if is_template and values is None:
        raise cursor.fault()
    return Source(text, location, file, values)


_WORDS = tuple(
    (word,)
    for word in (
        "SPECIFICATION",
        "SPECIFICATION_TEMPLATE",
        "SPECIFICATION_FILE",
        "SPECIFICATION_TEMPLATE_FILE",
        "SPEC",
    )
)


def _using(cursor: Cursor) -> dict[str, str]:
    cursor.expect("(")
    values: dict[str, str] = {}
    while not cursor.take(")"):
        if values:
            cursor.expect(",")
        name = cursor.key()
        cursor.expect("=>")
        is_text = cursor.is_text_or_mark()
        value = cursor.value()
        values[name] = checked_value(name, value) if is_text else value.lower()
    return values


def _check_rights(context: Context, text: str) -> None:
    """Images, stages and secrets must be the role's to use; a public endpoint is a right on the account.

    :raises SnowflakeFault: they are not, or it is no specification.
    """
    try:
        specification = ServiceSpecification.from_yaml(text)
    except InvalidSpecificationError as error:
        raise invalid_spec(str(error)) from error
    if any(endpoint.public for endpoint in specification.endpoints):
        context.needs("BIND SERVICE ENDPOINT", ACCOUNT)
    for container in specification.containers:
        parts = container.image.partition("/")[2].upper().split("/")
        if len(parts) > 3:
            context.needs("READ", "Image repository", ".".join(parts[:3]))
        for secret in container.secrets:
            given = secret["snowflakeSecret"]
            name = str(given["objectName"] if isinstance(given, Mapping) else given).upper()
            context.needs("READ", "Secret", full_name(name, context.session, "CREATE SERVICE"))
    for volume in specification.volumes:
        if volume.source == "stage" and volume.stage:
            stage = volume.stage.removeprefix("@").partition("/")[0].upper()
            context.needs("READ", "Stage", full_name(stage, context.session, "CREATE SERVICE"))
