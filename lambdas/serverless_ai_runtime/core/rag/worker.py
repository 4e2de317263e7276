"""The ingest function's core: deliveries of the queue say where to look, and each index is made to agree.

A delivery is done, a dead letter, or comes again. What it says about a document does not count, only which
one it is: so it may come twice, late, or in any order.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any, NamedTuple, cast

from serverless_ai_runtime.core.event_pipeline.failing import again_after, final
from serverless_ai_runtime.core.event_pipeline.ports import (
    DeadLetters,
    Delivery,
    Gone,
    Item,
    JobNews,
    Retry,
    Unprocessable,
)
from serverless_ai_runtime.core.objects import ObjectRef
from serverless_ai_runtime.core.ports import Deadline, Journal, World
from serverless_ai_runtime.core.rag.ingest import Ingested, Ingestion
from serverless_ai_runtime.core.rag.resync import RESYNC, Resync


class Around(NamedTuple):
    container: str
    """Bucket of the documents; events of another one are refused."""
    resync: Resync
    dead_letters: DeadLetters
    max_attempts: int
    world: World


class IngestWorker:
    """Keeps every index like the bucket: more than one while the embedding model is being changed."""

    def __init__(self, ingestions: Sequence[Ingestion], around: Around) -> None:
        self._ingestions, self._around = ingestions, around

    def process(self, deliveries: Sequence[Delivery], deadline: Deadline, journal: Journal) -> list[Retry]:
        """What is not in the answer is done and may be deleted from the queue."""
        retries: list[Retry] = []
        for delivery in deliveries:
            try:
                self._process(delivery, deadline, journal)
            except Exception as error:
                retries += self._failed(delivery, error, deadline, journal)
        journal.note(
            deliveries=len(deliveries),
            retries=len(retries),
            attempt=max((delivery.attempt for delivery in deliveries), default=0),
        )
        return retries

    def _process(self, delivery: Delivery, deadline: Deadline, journal: Journal) -> None:
        news = delivery.news
        if isinstance(news, Exception):
            raise Unprocessable("unknown_message", str(news))
        if isinstance(news, Item) and news.ref is None:
            self._around.resync.step(_resync(news.text), deadline, journal)
            return
        self._settle(self._document(news), deadline, journal)

    def _document(self, news: Item | Gone | JobNews) -> str:
        ref = None if isinstance(news, JobNews) else news.ref
        if not isinstance(ref, ObjectRef) or ref.container != self._around.container:
            text = f"only documents of {self._around.container} are taken in; got {ref or news}"
            raise Unprocessable("unknown_message", text)
        return ref.key

    def _settle(self, document: str, deadline: Deadline, journal: Journal) -> None:
        embedded = 0
        for ingestion in self._ingestions:
            outcome = ingestion.settle([document], deadline)[document]
            if isinstance(outcome, Exception):
                raise outcome
            embedded += outcome.embedded
            journal.note(**_facts(outcome))
        journal.note(embedded=embedded)

    def _failed(
        self, delivery: Delivery, error: Exception, deadline: Deadline, journal: Journal
    ) -> list[Retry]:
        around = self._around
        if not isinstance(error, Unprocessable) and delivery.attempt < around.max_attempts:
            journal.warn("document failed", attempt=delivery.attempt, cause=error)
            return [Retry(delivery.handle, again_after(delivery.attempt, error, around.world))]
        reason = final(error)
        try:
            around.dead_letters.bury(delivery, reason.code, str(reason), deadline)
        except Exception as failed:
            journal.warn("dead letter not sent; the message comes again", cause=failed)
            return [Retry(delivery.handle, again_after(delivery.attempt, failed, around.world))]
        journal.note(dead_letter=reason.code)
        return []


def _facts(ingested: Ingested) -> dict[str, object]:
    return {"outcome": ingested.outcome, "chunks": ingested.chunks, "removed": ingested.removed}


def _resync(text: str) -> dict[str, Any]:
    """What a message that is no event must be."""
    try:
        value: object = json.loads(text)
    except (ValueError, RecursionError):
        value = None
    asked = cast("dict[str, object]", value).get(RESYNC) if isinstance(value, dict) else None
    if not isinstance(asked, dict):
        raise Unprocessable(
            "unknown_message", f'a message must be an event of the bucket or {{"{RESYNC}": {{}}}}'
        )
    return cast("dict[str, Any]", asked)
