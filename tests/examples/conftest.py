"""A local cloud for each example."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest

from serverless_ai_local import launch
from serverless_ai_local.launch import RunningCloud


@pytest.fixture(scope="module")
def cloud(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningCloud]:
    """It tries again quickly what failed, and ends with this process whatever happens."""
    running = launch.start(
        tmp_path_factory.mktemp("example"), parent=os.getpid(), env={"LOCAL_ASYNC_RETRY_SECONDS": "0.2"}
    )
    yield running
    running.stop()
