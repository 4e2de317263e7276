"""The whole public vocabulary of Function + LLM, the same on every cloud."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from serverless_ai_patterns.function_settings import FunctionSettings
from serverless_ai_patterns.validation import in_range, require, typed

SYSTEM_PROMPT = "You are a helpful assistant. Answer briefly and say so when you do not know."
SYSTEM_PROMPT_BYTES = 2800
"""Lambda takes 4096 bytes of environment in all; the rest is for the other variables of the handler."""

_ISSUER = re.compile(r"https://\S+|http://(127\.0\.0\.1|localhost)(:\d+)?(/\S*)?")


@dataclass(frozen=True, kw_only=True, slots=True)
class Llm:
    """The model and how it is asked."""

    model: str = "small"
    """An alias of the registry (`small`, `large`) or any id of the cloud's own."""
    system_prompt: str = SYSTEM_PROMPT
    """Sent before every conversation; at most 2800 bytes."""
    max_output_tokens: int = 1024
    """Always sent: unset, Bedrock reserves the model's maximum of your quota for every call."""
    context_tokens: int = 16_000
    """Most tokens of system prompt, history and message together; the oldest turns are dropped first."""
    guardrail: bool = False
    """Make a guardrail (content filters and prompt attacks) and send every call through it."""

    def __post_init__(self) -> None:
        typed(self)
        require(self, "model", "a model alias or id", when=bool(self.model.strip()))
        require(
            self,
            "system_prompt",
            f"at most {SYSTEM_PROMPT_BYTES} bytes of UTF-8",
            when=len(self.system_prompt.encode()) <= SYSTEM_PROMPT_BYTES,
        )
        in_range(self, "max_output_tokens", 1, 128_000)
        in_range(self, "context_tokens", 256, 1_000_000)


@dataclass(frozen=True, kw_only=True, slots=True)
class Sessions:
    """Memory of a conversation. `history_turns=0` makes the endpoint stateless."""

    history_turns: int = 10
    """Turns (question and answer) that are remembered, 0 to 100."""
    ttl_hours: int = 24
    """A session ends this long after its last turn."""

    def __post_init__(self) -> None:
        typed(self)
        in_range(self, "history_turns", 0, 100)
        in_range(self, "ttl_hours", 1, 24 * 365)


@dataclass(frozen=True, kw_only=True, slots=True)
class TokenBudget:
    """Tokens (in + out) a UTC day; over it the answer is 429 with the reset time. 0 = no budget."""

    caller_tokens_per_day: int = 200_000
    """Of each caller."""
    total_tokens_per_day: int = 2_000_000
    """Of all callers and events together."""

    def __post_init__(self) -> None:
        typed(self)
        in_range(self, "caller_tokens_per_day", 0, 10**12)
        in_range(self, "total_tokens_per_day", 0, 10**12)


@dataclass(frozen=True, kw_only=True, slots=True)
class Iam:
    """Callers sign with the cloud's own identity (AWS: SigV4 and `execute-api:Invoke`)."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Jwt:
    """Callers send a bearer token of this issuer for one of these audiences."""

    issuer: str
    audience: tuple[str, ...]

    def __post_init__(self) -> None:
        typed(self)
        require(
            self,
            "issuer",
            "an https:// URL (http:// only on this machine)",
            when=_ISSUER.fullmatch(self.issuer) is not None,
        )
        require(
            self,
            "audience",
            "a tuple of at least one audience",
            when=bool(self.audience) and all(self.audience),
        )


@dataclass(frozen=True, kw_only=True, slots=True)
class Throttle:
    """Rate limit of the endpoint as a whole; over it the gateway answers 429."""

    requests_per_second: int = 10
    burst: int = 20
    """Requests that may come at once."""

    def __post_init__(self) -> None:
        typed(self)
        in_range(self, "requests_per_second", 1, 10_000)
        in_range(self, "burst", 1, 5_000)


@dataclass(frozen=True, kw_only=True, slots=True)
class Events:
    """Other ways in than HTTP. Each makes its resources only when it is set."""

    schedule: str | None = None
    """`rate(...)`, `cron(...)` or `at(...)` in EventBridge Scheduler's syntax, UTC."""
    schedule_message: str = "Write today's summary."
    """What the schedule asks the model."""
    bus_filter: Mapping[str, Any] | None = field(default=None, hash=False)
    """Event pattern on the default bus, e.g. `{"source": ["shop"], "detail-type": ["OrderPlaced"]}`."""
    destination: bool = False
    """Make a queue that the results of events are sent to."""

    def __post_init__(self) -> None:
        typed(self)
        require(
            self,
            "schedule",
            "rate(...), cron(...) or at(...)",
            when=self.schedule is None
            or (self.schedule.startswith(("rate(", "cron(", "at(")) and self.schedule.endswith(")")),
        )
        require(
            self, "schedule_message", "1 to 8192 characters", when=1 <= len(self.schedule_message) <= 8192
        )
        require(
            self,
            "bus_filter",
            "a non-empty event pattern",
            when=self.bus_filter is None or bool(self.bus_filter),
        )


@dataclass(frozen=True, kw_only=True, slots=True)
class FunctionLlmSettings:
    """An endpoint that answers with a language model. Private and bounded unless told otherwise."""

    llm: Llm = Llm()
    sessions: Sessions = Sessions()
    budget: TokenBudget = TokenBudget()
    auth: Iam | Jwt = Iam()
    throttle: Throttle = Throttle()
    function: FunctionSettings = field(default_factory=FunctionSettings)
    events: Events = Events()

    def __post_init__(self) -> None:
        typed(self)

    @property
    def needs_store(self) -> bool:
        """Whether anything is remembered: sessions, budgets or events already seen."""
        budget = self.budget.caller_tokens_per_day or self.budget.total_tokens_per_day
        return bool(self.sessions.history_turns or budget or self.events.schedule or self.events.bus_filter)
