"""Commands with a folder of their own, and no cloud left behind."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from commands_by_hand import Commands


@pytest.fixture
def serverless_ai(tmp_path: Path) -> Iterator[Commands]:
    commands = Commands(tmp_path)
    yield commands
    if (commands.state / "cloud.json").exists():
        commands("cloud", "stop")
