"""A chat with a model, in no cloud's words: what every cloud's endpoints hand to the model behind them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final, Protocol

END: Final = "end"
MAX_TOKENS: Final = "max_tokens"
STOP_SEQUENCE: Final = "stop_sequence"
FILTERED: Final = "filtered"


@dataclass(frozen=True, kw_only=True, slots=True)
class Turn:
    """One message. `role` is `user` or `assistant`."""

    role: str
    text: str


@dataclass(frozen=True, kw_only=True, slots=True)
class ChatRequest:
    """What is asked of a model."""

    model: str
    """The cloud's id of it."""
    turns: Sequence[Turn]
    system: str = ""
    max_tokens: int | None = None
    temperature: float | None = None
    top_p: float | None = None
    stop: Sequence[str] = field(default_factory=tuple[str, ...])

    @property
    def texts(self) -> list[str]:
        """All that the model reads, in its order."""
        return [self.system, *(f"{turn.role}: {turn.text}" for turn in self.turns)]


@dataclass(frozen=True, kw_only=True, slots=True)
class ChatAnswer:
    """What it answered. `stop` is one of END, MAX_TOKENS, STOP_SEQUENCE, FILTERED."""

    text: str
    stop: str
    input_tokens: int
    output_tokens: int


class ModelFault(Exception):
    """The model did not answer; each cloud's endpoint says so with its own error."""


class Throttled(ModelFault):
    """Too many calls; try again later."""


class Unavailable(ModelFault):
    """The model is there, but cannot answer now."""


class Down(ModelFault):
    """Nothing answers: the connection ends without a response."""


class Refused(ModelFault):
    """The model will not take this request."""


class TimedOut(ModelFault):
    """The model did not answer in time."""


class Model(Protocol):
    """Anything that answers a chat."""

    def answer(self, request: ChatRequest) -> ChatAnswer:
        """One answer. Raises `ModelFault`."""
        ...
