"""Which test shows which promise: `make rows`. Tests are collected and not run.

A promise is a row of tests/rows.tsv; a test that exercises it carries `@pytest.mark.row("aws-01", ...)`.
"""

from __future__ import annotations

import argparse
import csv
import sys
from collections import defaultdict
from collections.abc import Mapping, Sequence
from contextlib import redirect_stdout
from io import StringIO
from pathlib import Path
from typing import NamedTuple

import pytest
from rich.console import Console
from rich.table import Table
from rich.text import Text

TESTS = Path(__file__).parents[1]
COLUMNS = ["id", "section", "group", "row"]


class Promise(NamedTuple):
    """One row of the table of promises."""

    id: str
    section: str
    group: str
    text: str


class RowsError(Exception):
    """The table or a mark is wrong; the message says where."""


class Marks:
    """A pytest plugin that notes the rows that each collected test is marked with."""

    def __init__(self) -> None:
        self.tests: dict[str, dict[str, int]] = defaultdict(lambda: defaultdict(int))
        """Row -> test -> how many variants (targets, parameters) of it show the row."""
        self.wrong: list[str] = []

    def pytest_itemcollected(self, item: pytest.Item) -> None:
        """Called by pytest for every test."""
        test = item.nodeid.partition("[")[0]
        for mark in item.iter_markers("row"):
            if not mark.args or mark.kwargs or not all(isinstance(row, str) for row in mark.args):
                self.wrong.append(f"{test}: a row mark takes one or more ids as text, got {mark.args!r}")
                continue
            for row in dict.fromkeys(mark.args):
                self.tests[row][test] += 1

    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        """Called by pytest for every file; a file that cannot be read could hide its marks."""
        if report.failed:
            self.wrong.append(f"{report.nodeid}: cannot be collected:\n{report.longreprtext}")


def read(path: Path) -> dict[str, Promise]:
    """The promises by id. Raises `RowsError` for a malformed or repeated row."""
    with path.open(encoding="utf-8", newline="") as file:
        head, *lines = csv.reader(file, delimiter="\t", quoting=csv.QUOTE_NONE)
    if head != COLUMNS:
        raise RowsError(f"{path.name}: the columns must be {', '.join(COLUMNS)}, got {', '.join(head)}")
    promises: dict[str, Promise] = {}
    for number, line in enumerate(lines, start=2):
        if len(line) != len(COLUMNS) or not (line[0] and line[-1]):
            raise RowsError(
                f"{path.name}:{number}: a row has an id, a section, a group and a text, got {line}"
            )
        promise = Promise(*line)
        if promise.id in promises:
            raise RowsError(f"{path.name}:{number}: {promise.id} is there twice")
        promises[promise.id] = promise
    return promises


def collect(tests: Path) -> Mapping[str, Mapping[str, int]]:
    """Row -> test -> variants, of every test below `tests`. Raises `RowsError` for a wrong mark."""
    marks = Marks()
    with redirect_stdout(StringIO()):  # pytest's own listing is not the report
        code = pytest.main(["--collect-only", "-p", "no:cacheprovider", str(tests)], plugins=[marks])
    if marks.wrong:
        raise RowsError("\n".join(marks.wrong))
    if code not in (pytest.ExitCode.OK, pytest.ExitCode.NO_TESTS_COLLECTED):
        raise RowsError(f"pytest could not collect {tests}: {pytest.ExitCode(code).name}")
    return marks.tests


def check(promises: Mapping[str, Promise], shown: Mapping[str, Mapping[str, int]]) -> None:
    """Raise `RowsError` that names every mark of a row that does not exist."""
    unknown = [f"{row} (in {', '.join(shown[row])})" for row in shown if row not in promises]
    if unknown:
        raise RowsError("no such row in the table of promises: " + "; ".join(unknown))


def show(console: Console, promises: Mapping[str, Promise], shown: Mapping[str, Mapping[str, int]]) -> None:
    """Print the promises that tests show, those that nothing shows, and how many."""
    table = Table(title="Promises and the tests that show them", title_justify="left", show_lines=False)
    for column in ("Row", "Promise", "Shown by"):
        table.add_column(column, overflow="fold")
    for promise in (p for p in promises.values() if p.id in shown):
        tests = [f"{test} x{count}" if count > 1 else test for test, count in shown[promise.id].items()]
        table.add_row(promise.id, Text(promise.text), Text("\n".join(tests)))
    console.print(table)
    missing = [promise for promise in promises.values() if promise.id not in shown]
    rest = Table(title="Promises that nothing shows yet", title_justify="left")
    for column in ("Row", "Section", "Promise"):
        rest.add_column(column, overflow="fold")
    for promise in missing:
        place = " / ".join(filter(None, (promise.section, promise.group)))
        rest.add_row(promise.id, Text(place), Text(promise.text))
    console.print(rest)
    console.print(f"{len(promises)} promises: {len(promises) - len(missing)} shown, {len(missing)} not yet")


def main(arguments: Sequence[str] | None = None) -> int:
    """Exit code 0, or 2 when the table or a mark is wrong. Rows that nothing shows are no error."""
    parser = argparse.ArgumentParser(description="Which test shows which promise")
    parser.add_argument("--tests", type=Path, default=TESTS)
    parser.add_argument("--rows", type=Path, default=TESTS / "rows.tsv")
    options = parser.parse_args(arguments)
    console = Console(highlight=False)
    try:
        promises = read(options.rows)
        shown = collect(options.tests)
        check(promises, shown)
    except RowsError as error:
        console.print(str(error), style="red", markup=False)
        return 2
    show(console, promises, shown)
    return 0


if __name__ == "__main__":
    sys.exit(main())
