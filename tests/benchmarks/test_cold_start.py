"""Like is compared with like: every subject asks the same of the model, and gives the same answer."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from clouds import CLOUDS, DEFAULT, QUESTION, Cloud
from cold_start import COMPILED, DEPLOYED, FLOOR, SECURE, STATEFUL, peer_name, subjects
from loopback import Loopback, loopback, reply
from stub import ANSWER, Endpoints, reply_to

from serverless_ai_patterns import bundle


@pytest.fixture
def server() -> Iterator[Loopback]:
    """Answers as the stub does, and remembers what was asked."""
    with loopback() as running:

        def answer(connection: Any) -> bool:
            asked = running.requests[-1]
            headers = {name.lower(): value for name, value in asked.headers.items()}
            found = reply_to(asked.method, asked.target, headers.get("x-amz-target", ""))
            return reply(found.status, json.dumps(found.body).encode(), {"etag": '"1"'})(connection)

        running.answer(answer)
        yield running


@pytest.mark.parametrize("cloud", CLOUDS, ids=lambda cloud: cloud.name)
def test_handler_and_peer_ask_the_same_of_the_model(cloud: Cloud, server: Loopback, tmp_path: Path) -> None:
    archive = bundle.zip_bytes("function_llm", cloud.name)
    asked: dict[str, list[Any]] = {}
    for subject in subjects(cloud, archive, tmp_path, Endpoints(*(server.url,) * 3)):
        done = subprocess.run(
            subject.command, env=dict(subject.env), capture_output=True, text=True, timeout=60, check=False
        )
        assert ANSWER in done.stdout.splitlines(), done.stdout + done.stderr
        asked[subject.name.removeprefix(f"{cloud.title}: ")] = list(server.requests)
        server.requests.clear()

    counts = {name: len(requests) for name, requests in asked.items()}
    assert counts.pop(STATEFUL) > cloud.calls
    one = {FLOOR: 1, peer_name(cloud): 1}
    assert counts == {**one, **dict.fromkeys((DEPLOYED, COMPILED, SECURE), cloud.calls)}

    ours, theirs = asked[DEPLOYED][-1], asked[peer_name(cloud)][-1]
    assert ours.target == theirs.target
    assert plain(ours.json()) == plain(theirs.json())
    assert QUESTION in json.dumps(ours.json())
    assert DEFAULT.llm.system_prompt in json.dumps(ours.json())
    assert QUESTION in asked[FLOOR][0].body.decode()


def plain(payload: Any) -> Any:
    """The request without the role that google-genai gives to the system instruction, and Vertex ignores."""
    payload.get("systemInstruction", {}).pop("role", None)
    return payload
