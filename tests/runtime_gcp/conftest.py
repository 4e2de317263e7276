"""A scripted server, or a small Google Cloud, for each test that wants one."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import pytest
from google_fakes import Google, google_cloud
from hypothesis import settings
from loopback import Loopback, loopback

# A busy machine makes an example slow, not wrong.
settings.register_profile("unhurried", deadline=None)
settings.load_profile("unhurried")


@pytest.fixture
def server() -> Iterator[Loopback]:
    with loopback() as running:
        yield running


@pytest.fixture
def google() -> Iterator[Google]:
    with google_cloud() as running:
        yield running


@pytest.fixture
def released(server: Loopback) -> Iterator[threading.Event]:
    """Lets a stalling server go when the test is over."""
    event = threading.Event()
    yield event
    event.set()
