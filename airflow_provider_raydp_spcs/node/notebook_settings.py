"""How Jupyter Lab is set up on a head: its configuration and its environment.

The notebooks lie on the artifacts stage, whose mount knows no appending, no locks and no atomic rename (SPCS reference
3.3). So only whole files are written there, and whatever else Jupyter keeps is on the node's disk: checkpoints, databases,
connection files of kernels, byte code.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from airflow_provider_raydp_spcs import ports
from airflow_provider_raydp_spcs.node.node_ports import node_ports
from airflow_provider_raydp_spcs.node.settings import NodeSettings

PING_SECONDS: Final = 30
"""The ingress ends connections that are idle for 90 s (reference 4.1)."""
CULL_INTERVAL_SECONDS: Final = 30
_FILES: Final = "airflow_provider_raydp_spcs.node.notebook_files.StageFiles"
_CHECKPOINTS: Final = "AsyncGenericFileCheckpoints"


def jupyter_config(
    settings: NodeSettings, address: str, folder: Path, notebooks: Path, origin: str | None
) -> dict[str, Any]:
    """Jupyter's configuration, without the token.

    :param folder: on the node's disk.
    :param notebooks: on the stage.
    :param origin: address of the endpoint as browsers know it. The ingress may hand on another Host header, so Jupyter has
        to be told from which pages requests may come; any other page's are refused.
    """
    config: dict[str, Any] = {
        "ServerApp": {
            "ip": address,
            "port": ports.NOTEBOOK,
            "port_retries": 0,
            "root_dir": str(notebooks),
            "contents_manager_class": _FILES,
            "allow_origin": origin or "",
            # Who asks is looked at by Snowflake's sign-in, then by the token; the Host header is the ingress's.
            "allow_remote_access": True,
            "allow_root": True,
            "open_browser": False,
            "use_redirect_file": False,
            "quit_button": False,
            "websocket_ping_interval": PING_SECONDS,
            "log_level": "WARN",
        },
        "PasswordIdentityProvider": {"allow_password_change": False},
        "FileContentsManager": {
            "use_atomic_writing": False,
            "delete_to_trash": False,
            "checkpoints_class": f"jupyter_server.services.contents.filecheckpoints.{_CHECKPOINTS}",
        },
        _CHECKPOINTS: {"root_dir": str(folder / "checkpoints")},
        # Nothing outside is asked: containers reach no host that the account does not allow.
        "LabApp": {
            "news_url": None,
            "check_for_updates_class": "jupyterlab.NeverCheckForUpdate",
            "extension_manager": "readonly",
        },
    }
    if settings.max_idle_seconds is not None:
        # A kernel that is connected to Ray counts as a running job: a forgotten one must not keep the cluster awake.
        config["MappingKernelManager"] = {
            "cull_idle_timeout": settings.max_idle_seconds,
            "cull_interval": CULL_INTERVAL_SECONDS,
            "cull_connected": True,
        }
    return config


def jupyter_environment(base: Mapping[str, str], address: str, folder: Path, token: Path) -> dict[str, str]:
    """The environment of Jupyter and so of every kernel.

    :param base: that of Ray, with Java and what Spark needs.
    :param token: file of the token; its content is in no environment.
    """
    return {
        **base,
        "RAY_ADDRESS": f"{address}:{node_ports(address).gcs}",
        "JUPYTER_TOKEN_FILE": str(token),
        "JUPYTER_CONFIG_DIR": str(folder / "config"),
        "JUPYTER_DATA_DIR": str(folder / "data"),
        "JUPYTER_RUNTIME_DIR": str(folder / "runtime"),
        "IPYTHONDIR": str(folder / "ipython"),
        "PYTHONPYCACHEPREFIX": str(folder / "pycache"),
    }
