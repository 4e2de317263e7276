"""Clouds that the tests of functions share."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from functions_cloud import LocalCloud, start


@pytest.fixture(scope="session")
def cloud() -> Iterator[LocalCloud]:
    running, stop = start()
    yield running
    stop()


@pytest.fixture(scope="session", params=["own", "awslambdaric"])
def either(request: pytest.FixtureRequest, cloud: LocalCloud) -> Iterator[LocalCloud]:
    """The same cloud under both runtime interface clients."""
    if request.param == "own":
        yield cloud
        return
    running, stop = start(runtime=request.param)
    yield running
    stop()
