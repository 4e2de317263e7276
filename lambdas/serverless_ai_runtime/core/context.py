"""What of a conversation is sent to the model: a token estimate, and a cut to size, oldest turns first."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, NamedTuple

from serverless_ai_runtime.core.ports import Message
from serverless_ai_runtime.core.requests import InvalidRequest

MESSAGE_TOKENS: Final = 4
"""Role markers around each message."""


class Turn(NamedTuple):
    question: str
    answer: str


class Context(NamedTuple):
    messages: tuple[Message, ...]
    tokens: int
    """Estimate of the system prompt and all messages."""


def estimate_tokens(text: str) -> int:
    """Tokens of `text`, rather too many than too few, without a tokenizer.

    Three ASCII characters or two bytes of anything else a token. Byte-pair tokenizers of current models need
    about four characters of English or code a token, one to one and a half tokens for a Chinese character (3
    bytes), two for an emoji (4 bytes). Random characters can take more; what was really used is known after
    the call.
    """
    plain = len(text) if text.isascii() else len(text.encode("ascii", "ignore"))
    other = 0 if text.isascii() else len(text.encode()) - plain
    return (plain + 2) // 3 + (other + 1) // 2


def fit(system: str, turns: Sequence[Turn], message: str, limit: int) -> Context:
    """The newest turns that fit into `limit` tokens beside `system` and `message`.

    Raises `InvalidRequest` if `message` alone does not fit.
    """
    fixed = system_tokens(system)
    tokens = fixed + _cost(message)
    if tokens > limit:
        raise InvalidRequest(
            "message", f"message is too long: about {_cost(message)} tokens, {limit - fixed} are allowed"
        )
    kept: list[Message] = [Message("user", message)]
    for turn in reversed(turns):
        cost = _cost(turn.question) + _cost(turn.answer)
        if tokens + cost > limit:
            break
        tokens += cost
        kept += [Message("assistant", turn.answer), Message("user", turn.question)]
    return Context(tuple(reversed(kept)), tokens)


def system_tokens(system: str) -> int:
    """Estimate of the system prompt; none costs nothing."""
    return _cost(system) if system else 0


def _cost(text: str) -> int:
    return estimate_tokens(text) + MESSAGE_TOKENS
