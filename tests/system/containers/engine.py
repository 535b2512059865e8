"""podman for tests: storage and settings of its own, in a folder that is removed; a base image without any registry."""

from __future__ import annotations

import os
import resource
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from airflow_provider_raydp_spcs.container_engine import ContainerEngineError, Engine
from tests.programs import lacking

PROGRAMS = ("podman", "runc", "iptables", "debootstrap", "docker-registry")
INSTALL = "apt-get install --no-install-recommends podman runc netavark aardvark-dns catatonit iptables debootstrap docker-registry"
AUTHORITIES = Path("/etc/ssl/certs/ca-certificates.crt")
_FORWARDING = Path("/proc/sys/net/ipv4/ip_forward")
_BUILD_CACHE = Path("/var/tmp/buildah-cache")


def require_programs() -> None:
    """Without them tests skip on a user's machine, and fail where RAYDP_REQUIRE_EXTRAS is set, as in CI."""
    missing = [program for program in PROGRAMS if shutil.which(program) is None]
    reason = f"not installed: {', '.join(missing)} (Debian: {INSTALL})" if missing else ""
    if not missing and os.geteuid() != 0:
        reason = "containers with addresses that this machine reaches need root"
    if reason:
        lacking(reason)


@contextmanager
def podman() -> Iterator[Engine]:
    """podman, touching nothing of the machine's own images and settings."""
    folder = Path(tempfile.mkdtemp(prefix="podman-", dir="/var/tmp"))
    before, forwarding, own_cache = dict(os.environ), _FORWARDING.read_text(), not _BUILD_CACHE.exists()
    os.environ.update(_settings(folder))
    engine = Engine.find("podman")
    try:
        yield engine
    finally:
        for command in (("rm", "--all", "--force"), ("rmi", "--all", "--force"), ("unshare", "true")):
            with suppress(ContainerEngineError):
                engine.run(*command)
        os.environ.clear()
        os.environ.update(before)
        # What podman leaves mounted, so that nothing but files is removed.
        for line in reversed(Path("/proc/self/mounts").read_text().splitlines()):
            if line.split()[1].startswith(str(folder)):
                subprocess.run(["umount", "--lazy", line.split()[1]], check=False)
        shutil.rmtree(folder, ignore_errors=True)
        if own_cache:
            shutil.rmtree(_BUILD_CACHE, ignore_errors=True)
        with suppress(OSError):
            _FORWARDING.write_text(forwarding)


def _settings(folder: Path) -> dict[str, str]:
    """Configuration files in the folder, and the variables that make podman read them."""
    files = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    processes = int(Path("/proc/sys/kernel/pid_max").read_text())
    texts = {
        "CONTAINERS_STORAGE_CONF": (
            f'[storage]\ndriver = "overlay"\ngraphroot = "{folder}/images"\nrunroot = "{folder}/run"\n'
        ),
        # For building: machines in machines have lower limits than podman's own.
        "CONTAINERS_CONF": (
            f'[containers]\ndefault_ulimits = ["nofile={files}:{files}", "nproc={processes}:{processes}"]\n'
            '[engine]\nruntime = "runc"\n'
        ),
        "CONTAINERS_REGISTRIES_CONF": "unqualified-search-registries = []\n",
    }
    # podman fails where the file is named and not there.
    texts["REGISTRY_AUTH_FILE"] = '{"auths": {}}'
    for name, text in texts.items():
        (folder / name).write_text(text)
    return {name: str(folder / name) for name in texts} | {"BUILDAH_ISOLATION": "chroot"}


def import_base(engine: Engine, name: str) -> None:
    """A Debian with Python as an image, out of the machine's package mirror."""
    with tempfile.TemporaryDirectory(prefix="base-", dir="/var/tmp") as folder:
        root = Path(folder) / "root"
        command = ["debootstrap", "--variant=minbase", "--include=python3-venv", "bookworm", str(root)]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-2000:]
        (root / "etc" / "resolv.conf").write_text("")
        for waste in ("var/cache/apt", "var/lib/apt/lists"):
            shutil.rmtree(root / waste)
        archive = Path(folder) / "root.tar"
        subprocess.run(["tar", "--create", "--file", archive, "--directory", root, "."], check=True)
        engine.run("import", str(archive), name, timeout=300)
