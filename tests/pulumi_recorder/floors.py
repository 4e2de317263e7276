"""A store that idles at a price says so when it is deployed, and the price is that of what was deployed."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pulumi
import pytest
from recorder import Recording

from serverless_ai_patterns.cost import idle_monthly
from serverless_ai_patterns.rag import RagSettings
from serverless_ai_patterns.rag.floors import floor, floor_note
from serverless_ai_patterns.rag.stores import VectorStore

WATCHES = ("MetricAlert", "ScheduledQueryRule", "AlertPolicy", "Dashboard")
"""Types of what watches a deployment, which differs from store to store."""


def idle_usd(recording: Recording) -> float:
    """A month of what was made, without what watches it."""
    made = [(one.name, one.type, one.inputs) for one in recording.resources]
    priced = [one for one in made if one[1].startswith(("azure-native:", "gcp:"))]
    return sum(line.usd for line in idle_monthly(one for one in priced if not one[1].endswith(WATCHES)))


def deployed(
    deploy: Callable[..., Recording],
    monkeypatch: pytest.MonkeyPatch,
    make: Callable[[RagSettings], Any],
    store: VectorStore,
) -> Recording:
    """`make` with the store; asserts that the component has said the store's floor once, or nothing."""
    said, made = list[tuple[str, Any]](), list[Any]()
    monkeypatch.setattr(pulumi.log, "info", lambda message, resource=None: said.append((message, resource)))
    recording = deploy(lambda: made.append(make(RagSettings(store=store))))
    note = floor_note(store)
    assert said == ([(note, made[0])] if note else [])
    return recording


def floor_usd(store: VectorStore) -> float:
    line = floor(store)
    return line.usd if line else 0.0
