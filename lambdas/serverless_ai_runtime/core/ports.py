"""The ports: what a core needs of the world, and the values that cross them. No cloud is named here."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple, Protocol

# Why the model stopped, in neutral words; every adapter translates its cloud's own.
END = "end"
MAX_TOKENS = "max_tokens"
STOP_SEQUENCE = "stop_sequence"
CONTENT_FILTERED = "content_filtered"
CONTEXT_EXCEEDED = "context_exceeded"
TOOL_USE = "tool_use"
MALFORMED = "malformed"


class Deadline:
    """The moment an invocation must have answered by, on a monotonic clock."""

    def __init__(self, seconds: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._end = clock() + seconds

    def remaining(self) -> float:
        """Seconds left; 0.0 once it has passed."""
        return max(0.0, self._end - self._clock())

    def minus(self, seconds: float) -> Deadline:
        """An earlier deadline on the same clock, which keeps `seconds` for what must follow."""
        return Deadline(max(0.0, self.remaining() - seconds), self._clock)


class World(NamedTuple):
    """Time and chance, injected so that a test decides both."""

    now: Callable[[], float]
    """Unix seconds."""
    sleep: Callable[[float], None]
    random: Callable[[], float]
    """Uniform, 0 <= x < 1; for jitter only."""
    token: Callable[[], str]
    """128 unguessable bits as 32 lower-case hexadecimal digits."""


class Journal(Protocol):
    """What one invocation tells its operator."""

    def note(self, **fields: object) -> None:
        """Facts for the one line that closes the invocation; never a prompt, an answer or a secret."""
        ...

    def warn(self, message: str, **fields: object) -> None:
        """A line of its own, at once: something went wrong that the reply does not show in full."""
        ...

    def content(self, **texts: str) -> None:
        """Prompts and answers: written only where the configuration allows it."""
        ...


class Message(NamedTuple):
    role: str
    """`user` or `assistant`."""
    text: str


class Prompt(NamedTuple):
    messages: tuple[Message, ...]
    system: str
    max_output_tokens: int
    context: str = ""
    """Stands before the text of the first message, which must be the user's: what other prompts may begin
    with too, so that a provider that keeps beginnings of prompts computes it once."""
    keep_context: bool = False
    """Ask a provider to keep it that does so only when it is asked."""

    @property
    def texts(self) -> tuple[str, ...]:
        """All that the model reads, in its order."""
        return (self.system, self.context, *(one.text for one in self.messages))

    def blocks(self, number: int) -> tuple[str, ...]:
        """Texts of a message: of the first one also the context, if there is one."""
        text = self.messages[number].text
        return (self.context, text) if number == 0 and self.context else (text,)


class Answer(NamedTuple):
    text: str
    stop_reason: str
    input_tokens: int
    output_tokens: int
    cached_input_tokens: int = 0
    """Those of `input_tokens` that the provider had kept."""


class Record(NamedTuple):
    value: dict[str, Any]
    version: str
    """Opaque: a counter, an etag or an update time, as the store has it."""


class ServiceError(Exception):
    """A call to a service failed. `retryable`: the same call may succeed later."""

    retryable = False
    retry_after_s = 0.0
    """How long the service asked to wait; 0 = it did not say."""

    def __init__(self, service: str, operation: str, status: int, code: str, message: str) -> None:
        super().__init__(f"{service} {operation}: {code} ({status}): {message}")
        self.service, self.operation, self.status = service, operation, status
        self.code, self.message = code, message


class Refused(ServiceError):
    """Final: the service will not take this call (validation, permission, not found)."""


class Throttled(ServiceError):
    """The service asked to slow down, and retries no longer fitted into the deadline."""

    retryable = True


class Unavailable(ServiceError):
    """The service failed or could not be reached, and retries no longer fitted into the deadline."""

    retryable = True


class TimedOut(Unavailable):
    """The deadline came before an answer did."""


class VersionConflict(Exception):
    """A conditional write lost: the record is not at the expected version."""


class LimitReached(Exception):
    """An `add` would have passed its limit; nothing was added."""


class ChatModel(Protocol):
    @property
    def name(self) -> str:
        """Id of the model, as reported to the caller."""
        ...

    def answer(self, prompt: Prompt, deadline: Deadline) -> Answer:
        """One answer. Retries inside; raises `ServiceError` when it cannot within `deadline`."""
        ...

    def stream(self, prompt: Prompt, deadline: Deadline) -> Iterator[str | Answer]:
        """Pieces of the text as the model writes them, then the whole answer. Raises as `answer`."""
        ...


class KeyValueStore(Protocol):
    """Small records by key, with versions and expiry. `expires_at` is Unix seconds; 0 = never.

    An expired record is never returned, even where the service deletes it only days later. The key of a
    counter names its period, so that an expired counter is never asked for again. Keys are ASCII letters,
    digits, `.` and `-`, at most 128 characters: every store takes them. A value serialised as JSON is at most
    350 000 bytes.
    """

    def get(self, key: str, deadline: Deadline) -> Record | None:
        """The record, read consistently, or None."""
        ...

    def put(
        self, key: str, value: Mapping[str, Any], *, expect: str | None, expires_at: int, deadline: Deadline
    ) -> str:
        """Write if the record is at version `expect` (None: absent or expired); returns the new version.

        Raises `VersionConflict` otherwise. A retry of a write that had arrived is not a conflict.
        """
        ...

    def add(self, key: str, amount: int, *, limit: int | None, expires_at: int, deadline: Deadline) -> int:
        """Add to a counter atomically; returns the new count. Raises `LimitReached` if it would pass `limit`.

        A positive amount whose reply got lost may be added twice, a negative one is rather left out: a budget
        errs on the side that spends less.
        """
        ...


class BatchStore(KeyValueStore, Protocol):
    """A store that reads many records at once."""

    def get_many(self, keys: Sequence[str], deadline: Deadline) -> dict[str, Record]:
        """Those that are there, by their keys: each read as `get` does. As few calls as the service takes."""
        ...


class ScannableStore(BatchStore, Protocol):
    """A store whose records can be gone through, for repairs."""

    def scan(self, prefix: str, after: str, most: int, deadline: Deadline) -> tuple[list[Record], str]:
        """Some records whose key begins with `prefix`, at most `most`, and where to go on.

        `after`: what an earlier call gave to go on from, "" at first. "" at the end; a page may be empty
        before that. What is written meanwhile may be in it or not.
        """
        ...


class Publisher(Protocol):
    def publish(self, body: Mapping[str, Any], deadline: Deadline) -> None:
        """Send one message to the destination."""
        ...
