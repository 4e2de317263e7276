"""One scripted server for a module, emptied before each test."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from loopback import Loopback, loopback


@pytest.fixture(scope="module")
def running() -> Iterator[Loopback]:
    with loopback() as server:
        yield server


@pytest.fixture
def server(running: Loopback) -> Loopback:
    running.scripts.clear()
    running.requests.clear()
    return running
