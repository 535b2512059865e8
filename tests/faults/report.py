"""The table of faults: one row a fault, with what was expected, what was seen, and what was lost, doubled or left behind."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field
from pathlib import Path


@dataclass
class Row:
    """One fault.

    :param side: where it was injected: ``Airflow``, ``Snowflake``, ``Ingress``, ``Cluster``, ``Input``, ``Secrets``.
    :param fault: what was done to the system.
    :param expected: how it should be borne, in the user's terms.
    :param times: how often it struck.
    :param moments: seconds after the start of what it struck, drawn from the run's seed.
    :param seen: how it ended.
    :param lost: names of jobs, rows or runs that should be there and are not.
    :param doubled: names of those that are there more than once.
    :param leaked: what was there afterwards and was not before.
    """

    side: str
    fault: str
    expected: str
    times: int = 0
    moments: list[float] = field(default_factory=list)
    seen: str = "it was not reached"
    lost: list[str] = field(default_factory=list)
    doubled: list[str] = field(default_factory=list)
    leaked: list[str] = field(default_factory=list)

    @property
    def is_clean(self) -> bool:
        return not (self.lost or self.doubled or self.leaked)


@dataclass
class Report:
    """All rows of one run.

    :param seed: from which every moment was drawn; ``FAULTS_SEED`` draws them again.
    """

    seed: int
    rows: list[Row] = field(default_factory=list)

    def table(self) -> str:
        """As Markdown, with the sums below."""
        order = {side: number for number, side in enumerate(dict.fromkeys(row.side for row in self.rows))}
        lines = [
            "| Where | Fault | Times | Expected | Seen | Lost | Doubled | Leaked |",
            "|---|---|---|---|---|---|---|---|",
        ]
        for row in sorted(self.rows, key=lambda each: order[each.side]):
            counts = [str(len(found)) for found in (row.lost, row.doubled, row.leaked)]
            cells = [row.side, row.fault, str(row.times), row.expected, row.seen, *counts]
            lines.append("| " + " | ".join(cell.replace("|", "\\|").replace("\n", " ") for cell in cells) + " |")
        lost, doubled, leaked = (
            sum(len(getattr(row, what)) for row in self.rows) for what in ("lost", "doubled", "leaked")
        )
        lines += ["", f"{len(self.rows)} faults, seed {self.seed}: {lost} lost, {doubled} doubled, {leaked} leaked."]
        return "\n".join(lines)

    def write(self, folder: Path, name: str) -> None:
        """Leave it in a folder under a name, as Markdown and as JSON."""
        folder.mkdir(parents=True, exist_ok=True)
        (folder / f"{name}.md").write_text(f"{self.table()}\n")
        rows = [asdict(row) for row in self.rows]
        (folder / f"{name}.json").write_text(json.dumps({"seed": self.seed, "rows": rows}, indent=1))
