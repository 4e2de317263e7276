"""How the suite is spread over the cores, and what it says at its end.

What shares something dear to make stays on one worker. What a test has counted, by
`record_property("counts", text)`, is printed at the end.
"""

from __future__ import annotations

import pytest

# The three slowest; begun first, so that no worker is left with one of them at the end.
FIRST = ("tests/scenario", "tests/docs", "tests/local_pulumi")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Group the tests by file, and the scenario by target: each deploys once, wherever its tests lie."""
    for item in items:
        if item.get_closest_marker("xdist_group") is None:
            item.add_marker(pytest.mark.xdist_group(_group(item)))
    items.sort(key=_turn)


def _group(item: pytest.Item) -> str:
    callspec = getattr(item, "callspec", None)
    target = callspec.params.get("target") if callspec else None
    return f"scenario {target}" if target else str(item.path)


def _turn(item: pytest.Item) -> int:
    path = item.path.relative_to(item.config.rootpath).as_posix()
    return next((turn for turn, folder in enumerate(FIRST) if path.startswith(folder)), len(FIRST))


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Print what tests have counted, whichever worker they ran on."""
    counts = [
        str(value)
        for reports in terminalreporter.stats.values()
        for report in reports
        if getattr(report, "when", "") == "call"
        for name, value in report.user_properties
        if name == "counts"
    ]
    if counts:
        terminalreporter.section("counts")
        for line in sorted(counts):
            terminalreporter.write_line(line)
