"""The event pipeline: every delivery ends as one result, one dead letter, or comes again.

Deliveries are at least once and in any order. An item's version is worked on by one delivery at a time. Its
result is written before it is recorded as done; it is condemned before its dead letter is sent, and recorded
as dead after that. Whatever dies in between, the next delivery does the last step again, and what is
condemned has no result any more.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Final, NamedTuple

from serverless_ai_runtime.core.event_pipeline.failing import LONGEST_RETRY_S, again_after, final
from serverless_ai_runtime.core.event_pipeline.finishing import Around, Finishing
from serverless_ai_runtime.core.event_pipeline.ledger import (
    CONDEMNED,
    DEAD,
    JOB_S,
    SUPERSEDED,
    WAITING,
    Entry,
    InProgress,
    Job,
)
from serverless_ai_runtime.core.event_pipeline.ports import (
    Delivery,
    Gone,
    Item,
    JobNews,
    Outcome,
    Output,
    Processor,
    Retry,
    Source,
    Started,
    Unprocessable,
)
from serverless_ai_runtime.core.objects import ObjectChanged, ObjectMissing, ObjectTooLarge
from serverless_ai_runtime.core.ports import (
    Deadline,
    Journal,
)

CRASHES: Final = 3
"""So often an item may take the function down with it before it is buried."""
KEPT_S: Final = 3.0
KEPT_SHARE: Final = 0.2
"""Time kept after processing for storing what came out: the smaller of both."""


class _Work(NamedTuple):
    """An item that this invocation holds the lease of."""

    delivery: Delivery
    item: Item
    entry: Entry


class UnknownJob(Exception):
    """News of a job that this pipeline has not started, or whose start is not recorded yet."""


class EventPipeline:
    """The pattern's core."""

    def __init__(self, processor: Processor, around: Around) -> None:
        self._processor, self._around = processor, around
        self._ledger, self._results, self._world = around.ledger, around.results, around.world
        self._limits, self._finishing = around.limits, Finishing(processor, around)

    def process(self, deliveries: Sequence[Delivery], deadline: Deadline, journal: Journal) -> list[Retry]:
        """Work on a batch; what is not in the list is done and may be deleted from the queue."""
        works, retries = self._begun(deliveries, deadline, journal)
        suspects = [work for work in works if work.entry.crashes and len(works) > 1]
        for suspect in suspects:
            self._ledger.release(suspect.entry, deadline, journal)
        unsuspected = [work for work in works if work not in suspects]
        if unsuspected:
            retries += self._work(unsuspected, deadline, journal)
        # What may have killed the function before is worked on last and alone: it takes none with it.
        for suspect in suspects:
            alone, failed = self._begun([suspect.delivery], deadline, journal)
            retries += failed + (self._work(alone, deadline, journal) if alone else [])
        journal.note(
            deliveries=len(deliveries),
            retries=len(retries),
            attempt=max((delivery.attempt for delivery in deliveries), default=0),
        )
        return retries

    # -- before the processor ---------------------------------------------------------------------
    def _begun(
        self, deliveries: Sequence[Delivery], deadline: Deadline, journal: Journal
    ) -> tuple[list[_Work], list[Retry]]:
        """What is to be worked on, and what has to come again."""
        works: list[_Work] = []
        retries: list[Retry] = []
        for delivery in deliveries:
            try:
                work = self._begin(delivery, deadline, journal)
            except Exception as error:
                retries += self._failed(delivery, None, error, deadline, journal)
            else:
                works += [work] if work else []
        return works, retries

    def _begin(self, delivery: Delivery, deadline: Deadline, journal: Journal) -> _Work | None:
        """The lease of an item to be processed; None if there is nothing (more) to do."""
        news = delivery.news
        if isinstance(news, Exception):
            raise Unprocessable("unknown_message", str(news))
        if isinstance(news, Gone):
            raise Unprocessable(
                "unknown_message", f"{news.ref.key} was deleted: this pipeline takes no deletions"
            )
        if isinstance(news, JobNews):
            self._job_news(delivery, news, deadline, journal)
            return None
        if news.ref is not None and self._results.holds(news.ref):
            journal.warn("a result of this pipeline came in as an input; it is dropped", item=news.id)
            return None
        return self._leased(delivery, news, deadline, journal)

    def _leased(self, delivery: Delivery, news: Item, deadline: Deadline, journal: Journal) -> _Work | None:
        entry = self._ledger.claim(news, deadline, redriven=delivery.redriven)
        if entry.ended or entry.state == WAITING:
            journal.note(duplicate=True)
            return None
        if entry.state == CONDEMNED:
            self._bury(delivery, entry, _sentence(entry), deadline, journal)
            return None
        if entry.crashes and self._finishing.resumed(news, entry, deadline):
            journal.note(resumed=True)
            return None
        if entry.crashes >= CRASHES:
            reason = f"the function died {entry.crashes} times while it worked on this item"
            self._bury(delivery, entry, Unprocessable("crashed", reason), deadline, journal)
            return None
        if self._results.superseded(news, deadline):
            self._finishing.end(entry, SUPERSEDED, {}, deadline)
            return None
        if self._processor.starts_jobs:
            self._ledger.remember_job(entry.token, Job(news, delivery.body), deadline)
        return _Work(delivery, news, entry)

    def _source(self, work: _Work, deadline: Deadline) -> Source:
        item = work.item
        name = item.ref.key.rpartition("/")[2] if item.ref else ""
        return Source(name, item.ref, partial(self._load, item, deadline), item.text, work.entry.token)

    def _load(self, item: Item, deadline: Deadline, most: int) -> bytes:
        if item.ref is None:
            return item.text.encode("utf-8", "replace")
        limit = min(most, self._limits.max_bytes)
        if item.size > limit:
            raise Unprocessable("too_large", f"the object has {item.size} bytes; at most {limit} are allowed")
        try:
            return self._around.inputs.get(item.ref, deadline, version=item.version, max_bytes=limit)
        except ObjectTooLarge as error:
            raise Unprocessable("too_large", str(error)) from None
        except ObjectMissing:
            raise Unprocessable("object_missing", "the object was deleted before it was processed") from None

    # -- the processor ----------------------------------------------------------------------------
    def _work(self, works: Sequence[_Work], deadline: Deadline, journal: Journal) -> list[Retry]:
        kept = deadline.minus(min(KEPT_S, KEPT_SHARE * deadline.remaining()))
        sources = [self._source(work, kept) for work in works]
        try:
            outcomes = self._processor.process(sources, kept, journal)
        except Exception as error:
            outcomes: list[Outcome] = [error] * len(works)
        usages = [outcome.usage for outcome in outcomes if isinstance(outcome, Output)]
        journal.note(
            processor=self._processor.name,
            items=len(works),
            input_tokens=sum(usage.input_tokens for usage in usages),
            output_tokens=sum(usage.output_tokens for usage in usages),
        )
        retries: list[Retry] = []
        for work, outcome in zip(works, outcomes, strict=True):
            try:
                self._settle(work, outcome, deadline)
            except Exception as error:
                retries += self._failed(work.delivery, work.entry, error, deadline, journal)
        return retries

    def _settle(self, work: _Work, outcome: Outcome, deadline: Deadline) -> None:
        if isinstance(outcome, ObjectChanged):  # its newer content has an event of its own
            self._finishing.end(work.entry, SUPERSEDED, {}, deadline)
        elif isinstance(outcome, Exception):
            raise outcome
        elif isinstance(outcome, Started):
            given_up_at = self._world.now() + JOB_S
            entry = self._ledger.write(work.entry._replace(state=WAITING, lease_until=given_up_at), deadline)
            self._look_later(entry, outcome, deadline)
        else:
            self._finishing.store(work.item, work.entry, outcome, deadline)

    # -- jobs -------------------------------------------------------------------------------------
    def _look_later(self, entry: Entry, started: Started, deadline: Deadline) -> None:
        if self._around.later is not None and started.look_after_s:
            look = {"job": entry.token, "handle": started.handle}
            self._around.later.send(look, started.look_after_s, deadline)

    def _job_news(self, delivery: Delivery, news: JobNews, deadline: Deadline, journal: Journal) -> None:
        """A job has ended, or it is time to look whether it has. News of jobs that ended is old."""
        job = self._ledger.job(news.token, deadline)
        if job is None:
            raise UnknownJob(f"a job with the token {news.token} was not started by this pipeline")
        entry = self._ledger.find(job.item, deadline)
        if entry.ended or entry.token != news.token:
            journal.note(duplicate=True)
            return
        held = entry.held(self._world.now())
        if held:
            raise InProgress(held)
        began = delivery._replace(body=job.body)
        if entry.state == CONDEMNED:
            self._bury(began, entry, _sentence(entry), deadline, journal)
            return
        try:
            self._collect(job.item, entry, news, deadline)
        except Exception as error:
            if not isinstance(error, Unprocessable) and delivery.attempt < self._limits.max_attempts:
                raise
            self._bury(began, entry, final(error), deadline, journal)

    def _collect(self, item: Item, entry: Entry, news: JobNews, deadline: Deadline) -> None:
        if news.failure:
            raise Unprocessable("job_failed", news.failure)
        outcome = self._processor.collect(news.handle, deadline)
        if isinstance(outcome, Output):
            self._finishing.store(item, entry, outcome, deadline)
        elif entry.state == WAITING and self._world.now() > entry.lease_until:
            raise Unprocessable("job_unfinished", f"the job took more than {JOB_S // 3600} h")
        else:
            self._look_later(entry, outcome, deadline)

    # -- failures ---------------------------------------------------------------------------------
    def _failed(
        self,
        delivery: Delivery,
        entry: Entry | None,
        error: Exception,
        deadline: Deadline,
        journal: Journal,
    ) -> list[Retry]:
        """Bury what is final or has failed too often; everything else comes again."""
        if isinstance(error, InProgress):
            return [Retry(delivery.handle, error.after_s)]
        if isinstance(error, Unprocessable) or delivery.attempt >= self._limits.max_attempts:
            try:
                self._bury(delivery, entry, final(error), deadline, journal)
            except Exception as failed:
                journal.warn("dead letter not sent; the item comes again", cause=failed)
                return [Retry(delivery.handle, LONGEST_RETRY_S)]
            return []
        journal.warn("item failed", attempt=delivery.attempt, cause=error)
        if entry is not None:
            self._ledger.release(entry, deadline, journal)
        return [Retry(delivery.handle, again_after(delivery.attempt, error, self._world))]

    def _bury(
        self,
        delivery: Delivery,
        entry: Entry | None,
        error: Unprocessable,
        deadline: Deadline,
        journal: Journal,
    ) -> None:
        reason = {"code": error.code, "reason": str(error)}
        if entry is not None:
            entry = self._ledger.condemn(entry, reason, deadline)
        self._around.dead_letters.bury(delivery, error.code, str(error), deadline)
        journal.note(dead_letter=error.code)
        if entry is not None:
            self._finishing.end(entry, DEAD, reason, deadline)


def _sentence(entry: Entry) -> Unprocessable:
    """Why an item was condemned."""
    return Unprocessable(entry.outcome["code"], entry.outcome["reason"])
