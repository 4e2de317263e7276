"""What the event pipeline needs of the world, and the values that cross its ports. No cloud is named here."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple, Protocol

from serverless_ai_runtime.core.objects import ObjectRef
from serverless_ai_runtime.core.ports import Deadline, Journal

OBJECT, MESSAGE = "object", "message"


class Item(NamedTuple):
    """One thing to be processed, and which content of it."""

    kind: str
    """`object` or `message`."""
    id: str
    """Tells one item from another: CONTAINER/KEY of an object; the sender's id of a message."""
    source: str
    """How it came: upload, queue, topic, schedule, bus, firestore, audit or device."""
    version: str = ""
    """Of an object's content: etag (AWS, Azure) or generation (Google); "" = as it is when it is read."""
    order: str = ""
    """Of an object's versions: the later compares greater as text."""
    ref: ObjectRef | None = None
    """Where the content is; None = in `text`."""
    size: int = 0
    """Bytes of an object; 0 = not said."""
    text: str = ""
    """Content of a message."""


class Gone(NamedTuple):
    """An object was deleted."""

    ref: ObjectRef


class JobNews(NamedTuple):
    """Something about a job that was started for an item."""

    token: str
    """Of the item it was started for (`Source.token`)."""
    handle: str
    """By which `Processor.collect` finds it (`Started.handle`)."""
    failure: str = ""
    """Why the job failed; "" = it is done, or it is time to look."""


class Delivery(NamedTuple):
    """One message of the work queue, as often as it is delivered."""

    handle: str
    """By which the entry point knows the message."""
    attempt: int
    """1 for the first delivery."""
    body: str
    """The message as it came: what a dead letter holds, so that it can be put back."""
    news: Item | Gone | JobNews | Exception
    """What it says; an exception when it says nothing that is known."""
    redriven: bool = False
    """It was a dead letter, and somebody put it back."""


class Retry(NamedTuple):
    """A delivery that has to come again."""

    handle: str
    after_s: float
    """Not before this many seconds, where the platform lets the receiver say so."""


class Unprocessable(Exception):
    """Final: no further attempt would help. `code` is a stable word, the message says what is allowed."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


class Usage(NamedTuple):
    """What an item took of a model; zeros where none was asked."""

    model: str = ""
    input_tokens: int = 0
    output_tokens: int = 0


class Output(NamedTuple):
    """What a processor made of an item."""

    value: dict[str, Any]
    usage: Usage = Usage()


class Started(NamedTuple):
    """A job that goes on without us; its end is told by an event or found by looking."""

    handle: str
    """By which `collect` finds it."""
    look_after_s: float = 0.0
    """When to look if no event has come; 0 = only the event counts."""


class Source(NamedTuple):
    """An item as a processor sees it."""

    name: str
    """File name without folders, or "" for a message."""
    ref: ObjectRef | None
    load: Callable[[int], bytes]
    """At most this many bytes of content. Raises `Unprocessable` (too_large), `ServiceError`."""
    text: str
    """Content of a message; "" for an object."""
    token: str
    """32 hexadecimal digits, the same for every attempt at this version of this item: a job's name, an
    idempotency token."""


Outcome = Output | Started | Exception


class Processor(Protocol):
    """The AI step."""

    @property
    def name(self) -> str: ...

    @property
    def version(self) -> str:
        """Changes with whatever changes its results: model, prompt, options."""
        ...

    @property
    def starts_jobs(self) -> bool:
        """Whether `process` may answer with `Started`."""
        ...

    def process(self, sources: Sequence[Source], deadline: Deadline, journal: Journal) -> list[Outcome]:
        """One outcome a source, in their order. A failure of one is its outcome, not raised.

        `Unprocessable` is final; any other exception is tried again.
        """
        ...

    def collect(self, handle: str, deadline: Deadline) -> Output | Started:
        """The output of a job that ended, or `Started` while it has not.

        Raises `Unprocessable` if the job failed; any other exception is tried again.
        """
        ...


class AiService(Protocol):
    """One of the cloud's AI services for one purpose, in neutral words.

    Values by purpose: ocr {"text", "pages": [{"page": 1, "text"}]}; image_labels {"labels": [{"name",
    "confidence": 0..1}]}; transcribe {"text", "language"}; moderate {"flagged", "categories": [{"name",
    "score": 0..1}]}; entities {"entities": [{"type", "text", "score": 0..1}]}.
    """

    def analyse(self, source: Source, deadline: Deadline) -> dict[str, Any] | Started:
        """The value, or a job that is started: the same token starts the same job once."""
        ...

    def collect(self, handle: str, deadline: Deadline) -> dict[str, Any] | Started:
        """The value of a job that ended. Raises `Unprocessable` if it failed."""
        ...


class DeadLetters(Protocol):
    def bury(self, delivery: Delivery, code: str, reason: str, deadline: Deadline) -> None:
        """Put the message, with the reason, where people find it and can put it back."""
        ...


class Later(Protocol):
    def send(self, body: Mapping[str, Any], delay_s: float, deadline: Deadline) -> None:
        """Put a message into the pipeline's own queue that is delivered after `delay_s` seconds."""
        ...
