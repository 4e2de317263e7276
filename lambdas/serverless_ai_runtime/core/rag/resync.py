"""Resync: walk the bucket and the manifests, and repair whatever does not agree. Each step is a message.

First every object of the bucket is looked at, then every document that there is a manifest of, which finds
what was deleted unheard. When both are through, the index is complete and serves.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final, NamedTuple

from serverless_ai_runtime.core.event_pipeline.ports import Later, Unprocessable
from serverless_ai_runtime.core.objects import ListableStore
from serverless_ai_runtime.core.ports import Deadline, Journal
from serverless_ai_runtime.core.rag.ingest import Ingestion
from serverless_ai_runtime.core.rag.manifests import Roster
from serverless_ai_runtime.core.rag.serving import Serving

RESYNC: Final = "resync"
"""Key of the message that begins one: `{"resync": {}}`."""
PAGE: Final = 100
"""Documents of one step. Of those that are as they were, all that is done is one look each."""
OBJECTS, MANIFESTS = "objects", "manifests"


class Walk(NamedTuple):
    """What is walked through, and how it goes on."""

    objects: ListableStore
    container: str
    roster: Roster
    """Of the index that is to be complete."""
    later: Later
    serving: Serving


class Resync:
    def __init__(self, ingestions: Sequence[Ingestion], walk: Walk) -> None:
        self._ingestions, self._walk = ingestions, walk

    def step(self, asked: Mapping[str, Any], deadline: Deadline, journal: Journal) -> None:
        """One page. Raises what failed: the same step comes again. What cannot be read is passed over: its
        own event has made a dead letter of it.
        """
        stage, after = str(asked.get("stage", OBJECTS)), str(asked.get("after", ""))
        documents, more = self._page(stage, after, deadline)
        journal.note(resync=stage, documents=len(documents))
        for ingestion in self._ingestions:
            for document, outcome in ingestion.settle(documents, deadline).items():
                if isinstance(outcome, Unprocessable):
                    journal.warn("a document cannot be read", document=document, cause=outcome)
                elif isinstance(outcome, Exception):
                    raise outcome
        self._go_on(stage, more, deadline)

    def _page(self, stage: str, after: str, deadline: Deadline) -> tuple[list[str], str]:
        walk = self._walk
        if stage == OBJECTS:
            return walk.objects.keys(walk.container, after, PAGE, deadline)
        if stage == MANIFESTS:
            return walk.roster.documents(after, PAGE, deadline)
        raise Unprocessable("unknown_message", f"stage must be {OBJECTS} or {MANIFESTS}, got {stage!r}")

    def _go_on(self, stage: str, more: str, deadline: Deadline) -> None:
        if more:
            self._send({"stage": stage, "after": more}, deadline)
        elif stage == OBJECTS:
            self._send({"stage": MANIFESTS}, deadline)
        else:
            self._walk.serving.complete(deadline)

    def _send(self, step: Mapping[str, str], deadline: Deadline) -> None:
        self._walk.later.send({RESYNC: dict(step)}, 0.0, deadline)
