"""What was measured, as tables for people and as JSON for programs."""

from __future__ import annotations

import json
import os
import platform
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from measure import By, Result
from rich.table import Table


@dataclass(frozen=True)
class Gate:
    """One promise and what was measured."""

    name: str
    measured: float
    most: float

    @property
    def kept(self) -> bool:
        return self.measured <= self.most


def times_table(
    title: str, results: Mapping[str, Result], bases: Mapping[str, str], by: By, caption: str = ""
) -> Table:
    """Times of each subject, and its ratio to each of `bases` (heading -> subject)."""
    table = Table(title=title, title_justify="left", caption=caption, caption_justify="left")
    table.add_column("Subject")
    for column in ("median ms", "min ms", "CPU ms", *(f"/ {heading}" for heading in bases)):
        table.add_column(column, justify="right")
    for name, result in results.items():
        times = (result.median_ms(By.WALL), result.min_ms(By.WALL), result.min_ms(By.CPU))
        ratios = (result.ratio(results[base], by) for base in bases.values())
        table.add_row(name, *(f"{ms:.1f}" for ms in times), *(f"{ratio:.2f}" for ratio in ratios))
    return table


def gates_table(gates: Sequence[Gate], by: By) -> Table:
    """Each promise, what was measured and whether it holds."""
    table = Table(title=f"Promises (times: {by.value})", title_justify="left")
    table.add_column("Promise")
    for column in ("measured", "at most", ""):
        table.add_column(column, justify="right")
    for gate in gates:
        verdict = "[green]kept[/]" if gate.kept else "[red]missed[/]"
        table.add_row(gate.name, f"{gate.measured:,.2f}".removesuffix(".00"), f"{gate.most:,}", verdict)
    return table


def write(
    output: Path,
    results: Mapping[str, Mapping[str, Result]],
    gates: Sequence[Gate],
    *,
    rounds: int,
    by: By,
) -> None:
    """Every number that the tables are made from."""
    data: dict[str, Any] = {
        "python": platform.python_version(),
        "machine": f"{platform.machine()}, {os.cpu_count()} CPUs",
        "rounds": rounds,
        "by": by.value,
        "results": {
            group: {name: result.to_json() for name, result in subjects.items()}
            for group, subjects in results.items()
        },
        "promises": {
            gate.name: {"measured": round(gate.measured, 4), "at_most": gate.most, "kept": gate.kept}
            for gate in gates
        },
    }
    output.parent.mkdir(parents=True, exist_ok=True)
    output.write_text(json.dumps(data, indent=2) + "\n", encoding="utf-8")
