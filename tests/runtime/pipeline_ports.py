"""The event pipeline in memory: objects, dead letters, and a processor that does what it is told."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from memory_ports import Clock, MemoryStore, Notebook, Outbox

from serverless_ai_runtime.core.event_pipeline.finishing import Around, Limits
from serverless_ai_runtime.core.event_pipeline.ledger import Ledger
from serverless_ai_runtime.core.event_pipeline.pipeline import EventPipeline
from serverless_ai_runtime.core.event_pipeline.ports import (
    OBJECT,
    Delivery,
    Item,
    JobNews,
    Outcome,
    Output,
    Retry,
    Source,
    Started,
    Usage,
)
from serverless_ai_runtime.core.event_pipeline.results import Results
from serverless_ai_runtime.core.objects import (
    ANY,
    ObjectChanged,
    ObjectHead,
    ObjectMissing,
    ObjectRef,
    ObjectTooLarge,
)
from serverless_ai_runtime.core.ports import Deadline, Journal, Unavailable, VersionConflict

INPUTS, RESULTS = "inputs", "results-bucket"
PREFIX = "results/"


class Died(BaseException):
    """The function's process ends here: nothing of it can catch this."""


class MemoryObjects:
    """An `ObjectStore`; `before` sees each call first."""

    def __init__(self) -> None:
        self.kept: dict[ObjectRef, tuple[bytes, str, Mapping[str, str]]] = {}
        self.before: Callable[[str], None] = lambda operation: None
        self.puts = 0

    def head(self, ref: ObjectRef, deadline: Deadline) -> ObjectHead | None:
        self.before("head")
        if ref not in self.kept:
            return None
        body, etag, metadata = self.kept[ref]
        return ObjectHead(etag, len(body), "application/json", metadata)

    def get(self, ref: ObjectRef, deadline: Deadline, *, version: str = "", max_bytes: int) -> bytes:
        self.before("get")
        if ref not in self.kept:
            raise ObjectMissing(ref.key)
        body, etag, _ = self.kept[ref]
        if version and version != etag:
            raise ObjectChanged(ref.key)
        if len(body) > max_bytes:
            raise ObjectTooLarge(f"{len(body)} bytes; at most {max_bytes} are allowed")
        return body

    def put(
        self,
        ref: ObjectRef,
        body: bytes,
        deadline: Deadline,
        *,
        content_type: str,
        metadata: Mapping[str, str],
        expect: str | None,
    ) -> None:
        self.before("put")
        there = self.kept[ref][1] if ref in self.kept else None
        if expect not in (ANY, there):
            raise VersionConflict(ref.key)
        self.puts += 1
        self.kept[ref] = (body, f"e{self.puts}", metadata)


class Graveyard:
    """`DeadLetters` that remembers."""

    def __init__(self) -> None:
        self.letters: list[tuple[Delivery, str, str]] = []
        self.before: Callable[[str], None] = lambda operation: None

    def bury(self, delivery: Delivery, code: str, reason: str, deadline: Deadline) -> None:
        self.before("bury")
        self.letters.append((delivery, code, reason))


class Sooner:
    """`Later` that remembers."""

    def __init__(self) -> None:
        self.sent: list[tuple[Mapping[str, Any], float]] = []

    def send(self, body: Mapping[str, Any], delay_s: float, deadline: Deadline) -> None:
        self.sent.append((body, delay_s))


class Script:
    """A processor that does what `act` says for each source; by default it counts the content's words."""

    name, version = "script", "v1"

    def __init__(self, *, jobs: bool = False) -> None:
        self.starts_jobs = jobs
        self.seen: list[str] = []
        self.act: Callable[[Source], Outcome] = words
        self.collected: Callable[[str], Output | Started] = lambda handle: Output({"of": handle})

    def process(self, sources: Sequence[Source], deadline: Deadline, journal: Journal) -> list[Outcome]:
        return [self._one(source) for source in sources]

    def collect(self, handle: str, deadline: Deadline) -> Output | Started:
        return self.collected(handle)

    def _one(self, source: Source) -> Outcome:
        self.seen.append(source.name or source.text)
        try:
            return self.act(source)
        except Exception as error:
            return error


def words(source: Source) -> Output:
    return Output({"words": len(source.load(1000).split())}, Usage("m", 10, 5))


def busy(retry_after_s: float = 0.0) -> Unavailable:
    error = Unavailable("model", "chat", 503, "Busy", "try later")
    error.retry_after_s = retry_after_s
    return error


def always(error: Exception) -> Callable[[Source], Outcome]:
    """What a processor does that fails at each item."""

    def act(source: Source) -> Outcome:
        raise error

    return act


class Bench:
    """A pipeline and everything around it."""

    def __init__(self, *, jobs: bool = False, max_attempts: int = 5) -> None:
        self.clock = Clock()
        self.store = MemoryStore(self.clock)
        self.objects, self.graveyard, self.outbox = MemoryObjects(), Graveyard(), Outbox()
        self.later, self.script, self.journal = Sooner(), Script(jobs=jobs), Notebook()
        world = self.clock.world()
        self.results = Results(self.objects, RESULTS, PREFIX)
        around = Around(
            ledger=Ledger(self.store, world, 30 * 86_400),
            inputs=self.objects,
            results=self.results,
            announcements=self.outbox,
            dead_letters=self.graveyard,
            limits=Limits(max_attempts, 1000, 35_000, 140_000),
            world=world,
            later=self.later,
        )
        self.pipeline = EventPipeline(self.script, around)

    def upload(self, key: str, body: bytes = b"three words here", order: str = "1") -> Item:
        ref = ObjectRef(INPUTS, key)
        self.objects.put(ref, body, self.deadline(), content_type="", metadata={}, expect=ANY)
        etag = self.objects.kept[ref][1]
        return Item(OBJECT, f"{INPUTS}/{key}", "upload", etag, order.zfill(8), ref, len(body))

    def deliver(
        self, *news: Item | JobNews | Exception, attempt: int = 1, redriven: bool = False
    ) -> list[Retry]:
        deliveries = [
            Delivery(f"h{number}", attempt, f"body of {one}", one, redriven)
            for number, one in enumerate(news)
        ]
        return self.pipeline.process(deliveries, self.deadline(), self.journal)

    def die_after_the_letter(self) -> None:
        """The next process that has sent a dead letter dies before it can record it."""

        def die(operation: str, key: str) -> None:
            if self.graveyard.letters:
                self.store.before = lambda operation, key: None
                raise Died

        self.store.before = die

    def deadline(self, seconds: float = 30) -> Deadline:
        return self.clock.deadline(seconds)

    @property
    def outputs(self) -> dict[str, str]:
        """Key of each result -> its text."""
        return {
            ref.key: body.decode()
            for ref, (body, _, _) in self.objects.kept.items()
            if ref.container == RESULTS
        }

    @property
    def codes(self) -> list[str]:
        return [code for _, code, _ in self.graveyard.letters]
