"""The files by which a container comes in to Snowflake: its token, and a connection that leads to it (SPCS reference 3.2, 3.5).

Each container has its own, at the place and with the permissions that its specification asks for.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from airflow_provider_raydp_spcs.local.security.certificates import write_private

if TYPE_CHECKING:
    from airflow_provider_raydp_spcs.local.services.container_start import AccountFacts
    from airflow_provider_raydp_spcs.spcs.specification import Container

TOKEN_FOLDER: Final = "/snowflake/session"  # noqa: S105 - a path that SPCS fixes, no secret
"""Where the token is where the specification does not say otherwise."""
CONNECTION_FOLDER: Final = "/snowflake/config"
"""Where the connection file is. The real place is not documented; programs find it by ``SNOWFLAKE_HOME``."""
_TOKEN, _CONNECTION = "token", "connections.toml"
_DEFAULT_MODE: Final = 0o644
_OWNER: Final = 0o700


@dataclass(frozen=True)
class SessionFiles:
    """Those of one container.

    :param folder: its own folder on this machine, below which they are.
    :param isolated: whether the container has a file system of its own. Without one, files are where they are on this
        machine, and whatever is asked for, nobody but their owner may read them.
    """

    container: Container
    folder: Path
    isolated: bool

    @property
    def path(self) -> str:
        """Where the container has its token's folder."""
        config = self.container.session_token
        return config.path if config and config.path else TOKEN_FOLDER

    @property
    def mounts(self) -> Mapping[str, Path]:
        """Path in the container → folder on this machine."""
        if not self.container.mount_session_token:
            return {}
        connection = {CONNECTION_FOLDER: self._connection} if self._has_connection else {}
        return {self.path: self._token, **connection}

    @property
    def env(self) -> Mapping[str, str]:
        """What the platform adds to the container's variables."""
        if not self._has_connection:
            return {}
        return {"SNOWFLAKE_HOME": CONNECTION_FOLDER if self.isolated else str(self._connection)}

    def write(self, token: str, facts: AccountFacts) -> None:
        """Write them."""
        self.renew(token)
        if self._has_connection:
            token_file = f"{self.path if self.isolated else self._token}/{_TOKEN}"
            lines = [
                "[default]",
                f'account = "{facts.account}"',
                f'host = "{facts.host}"',
                f"port = {facts.port}",
                'authenticator = "oauth"',
                f'token_file_path = "{token_file}"',
            ]
            self._put(self._connection, _CONNECTION, "\n".join(lines) + "\n")

    def renew(self, token: str) -> None:
        """Write another token in the place of the one before; whoever reads it meanwhile reads a whole one.

        :raises OSError: the container's folder is gone.
        """
        if self.container.mount_session_token:
            self._put(self._token, _TOKEN, token)

    def _put(self, folder: Path, name: str, text: str) -> None:
        self.folder.mkdir(mode=_OWNER, parents=True, exist_ok=True)
        folder.mkdir(mode=_OWNER, exist_ok=True)
        if self.isolated:  # the folder above lets nobody else of this machine in
            folder.chmod(0o755)
        write_private(folder / name, text.encode(), self._mode)

    @property
    def _mode(self) -> int:
        config = self.container.session_token
        asked = int(config.permission, 8) if config and config.permission else _DEFAULT_MODE
        return asked if self.isolated else asked & _OWNER

    @property
    def _has_connection(self) -> bool:
        config = self.container.session_token
        return self.container.mount_session_token and config is not None and config.connection_config

    @property
    def _token(self) -> Path:
        return self.folder / "s"

    @property
    def _connection(self) -> Path:
        return self.folder / "c"
