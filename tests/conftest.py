"""How the suite is spread over the cores, and what it says at its end.

What shares something dear to make stays on one worker. What a test has counted, by
`record_property("counts", text)`, is printed at the end.
"""

from __future__ import annotations

import re

import pytest
from xdist.remote import Producer
from xdist.scheduler import LoadScopeScheduling

# The three slowest; begun first, so that no worker is left with one of them at the end.
FIRST = ("tests/scenario", "tests/docs", "tests/local_pulumi")


TARGET = re.compile(r"[\[-](cdk|pulumi-aws|pulumi-azure|pulumi-gcp)(?=[\]-])")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The slow ones first."""
    items.sort(key=_turn)


def pytest_xdist_make_scheduler(config: pytest.Config, log: Producer) -> LoadScopeScheduling:
    """Tests by file, and the scenario by target: each deploys once, wherever its tests lie."""
    return ByDeployment(config, log)


class ByDeployment(LoadScopeScheduling):
    """xdist's own groups are lost with pytest 9: it no longer reads the name that they change."""

    def _split_scope(self, nodeid: str) -> str:
        target = TARGET.search(nodeid) if nodeid.startswith("tests/scenario/") else None
        return f"scenario {target[1]}" if target else nodeid.partition("::")[0]


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
