"""A scripted server for each test that wants one."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import pytest
from loopback import Loopback, loopback


@pytest.fixture
def server() -> Iterator[Loopback]:
    with loopback() as running:
        yield running


@pytest.fixture
def released(server: Loopback) -> Iterator[threading.Event]:
    """Lets a stalling server go when the test is over."""
    event = threading.Event()
    yield event
    event.set()
