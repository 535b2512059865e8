"""What every process of a cluster pays for before it does anything: the import of Ray."""

from __future__ import annotations

import subprocess
import sys


def test_ray_builds_no_grammars_when_it_is_imported() -> None:
    # With jsonschema 4.25 and jupyterlab it did: 2.7 CPU seconds in each of a dozen processes of a small cluster.
    script = "import sys, ray; print('ray' in sys.modules, 'jsonschema' in sys.modules, 'lark' in sys.modules)"
    ran = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert ran.stdout.split() == ["True", "True", "False"]
