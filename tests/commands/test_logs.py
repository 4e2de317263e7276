"""`serverless-ai logs` on a cloud where something was written."""

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest
from commands_by_hand import Commands

from serverless_ai_local import launch
from serverless_ai_local.launch import RunningCloud


@pytest.fixture
def cloud(serverless_ai: Commands) -> Iterator[RunningCloud]:
    running = launch.start(serverless_ai.state)
    client, now = running.client("logs"), int(time.time() * 1000)
    for group, messages in (("/one", ["Root=1-abc hello", "Root=1-def again"]), ("/two", ["elsewhere"])):
        client.create_log_group(logGroupName=group)
        client.create_log_stream(logGroupName=group, logStreamName="s")
        events = [{"timestamp": now + place, "message": text} for place, text in enumerate(messages)]
        client.put_log_events(logGroupName=group, logStreamName="s", logEvents=events)
    yield running
    running.stop()


def printed(serverless_ai: Commands, *arguments: str) -> list[str]:
    done = serverless_ai("logs", *arguments)
    assert done.returncode == 0, done.stderr
    return [line.partition(" ")[2] for line in done.stdout.splitlines()]


@pytest.mark.usefixtures("cloud")
def test_lines_are_of_every_group_of_one_or_of_one_trace(serverless_ai: Commands) -> None:
    assert printed(serverless_ai) == ["/one  Root=1-abc hello", "/two  elsewhere", "/one  Root=1-def again"]
    assert printed(serverless_ai, "/two") == ["/two  elsewhere"]
    assert printed(serverless_ai, "--trace", "1-def") == ["/one  Root=1-def again"]
    assert printed(serverless_ai, "/two", "--trace", "1-def") == []
    refused = serverless_ai("logs", "/three")
    assert refused.returncode == 1
    assert "no log group /three; there are: /one, /two" in refused.stderr
