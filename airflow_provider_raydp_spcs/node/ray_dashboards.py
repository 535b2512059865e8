"""Ray's own Grafana dashboards, as the installed Ray makes them: ``python -m … <folder>`` at the build of images/grafana."""

from __future__ import annotations

import sys
from pathlib import Path


def ray_dashboards() -> dict[str, str]:
    """File name → JSON of every dashboard that Ray brings along."""
    from ray.dashboard.modules.metrics import grafana_dashboard_factory as factory

    made = {}
    for name in sorted(dir(factory)):
        if name.startswith("generate_") and name.endswith("_grafana_dashboard"):
            content, _ = getattr(factory, name)()
            made[f"ray_{name.removeprefix('generate_').removesuffix('_grafana_dashboard')}.json"] = str(content)
    return made


def main(folder: Path) -> None:
    """Write them."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, content in ray_dashboards().items():
        (folder / name).write_text(content)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
