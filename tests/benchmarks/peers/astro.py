"""The environment of astro-provider-ray, and jobs by its operator."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

HERE = Path(__file__).parent
NAME = "astro-provider-ray 0.4.0"
POLL_SECONDS = 1
"""The least that it can be asked for; by default it looks once a minute."""


def environment() -> Path:
    """Its Python, with the pinned packages; made at first use."""
    home = Path(sys.prefix) / "astro"
    done, wanted = home / ".installed", (HERE / "astro-provider-ray.txt").read_text()
    if not done.exists() or done.read_text() != wanted:
        uv = [sys.executable, "-m", "uv"]
        subprocess.run([*uv, "venv", "--quiet", "--clear", "--python", sys.executable, str(home)], check=True)
        install = [*uv, "pip", "install", "--quiet", "--compile-bytecode", "--python", str(home / "bin" / "python")]
        subprocess.run([*install, "--no-deps", "--requirement", str(HERE / "astro-provider-ray.txt")], check=True)
        done.write_text(wanted)
    return home / "bin" / "python"


@contextmanager
def astro_jobs(address: str, headers: Mapping[str, str], ca_bundle: str) -> Iterator[Callable[[str], float]]:
    """A function that runs an entrypoint as a job and answers its seconds.

    :param address: of the head's dashboard.
    :param headers: with the token for it.
    """
    extra = {"address": address, "headers": json.dumps(dict(headers)), "verify": True}
    with tempfile.TemporaryDirectory() as home:
        variables = {
            **{
                name: value
                for name, value in os.environ.items()
                if not name.startswith(("AIRFLOW", "PYTHON", "VIRTUAL"))
            },
            "AIRFLOW_HOME": home,
            "AIRFLOW_CONN_RAY": json.dumps({"conn_type": "ray", "extra": extra}),
            "POLL_SECONDS": str(POLL_SECONDS),
            "REQUESTS_CA_BUNDLE": ca_bundle,
            "SSL_CERT_FILE": ca_bundle,
        }
        with (
            (Path(home) / "astro.log").open("w") as log,
            subprocess.Popen(
                [str(environment()), str(HERE / "astro_jobs.py")],
                env=variables, cwd=home, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=log, text=True,
            ) as process,
        ):  # fmt: skip
            assert process.stdin
            assert process.stdout

            def run(entrypoint: str) -> float:
                process.stdin.write(entrypoint + "\n")
                process.stdin.flush()
                for line in process.stdout:  # Airflow may say something there while it is imported
                    if line.startswith("seconds "):
                        return float(line.split()[1])
                raise RuntimeError(f"{NAME} ended: {(Path(home) / 'astro.log').read_text()[-3000:]}")

            try:
                yield run
            finally:
                process.stdin.close()
