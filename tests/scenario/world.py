"""The world as the scenario sees it: no cloud, no tool. Every target implements it once."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol, TypeVar

T = TypeVar("T")


@dataclass(frozen=True, kw_only=True)
class Reply:
    """An HTTP answer of a deployed endpoint. `body` is the parsed JSON."""

    status: int
    body: dict[str, Any]
    headers: Mapping[str, str] = field(default_factory=dict)
    seconds: float = 0.0


class World(Protocol):
    """One deployment of the three variants (`main`, `tight`, `jwt`) on one target."""

    target: str
    refusal: str
    """The cloud's own word for a request that its model will not take."""

    def chat(self, body: Any, *, variant: str = "main", caller: str = "ada") -> Reply:
        """POST /chat as a caller who may; `body` is bytes, or an object sent as JSON."""
        ...

    def refused(self) -> Mapping[str, Callable[[], Reply]]:
        """Calls that must not get in, by what is wrong with each."""
        ...

    def bearer(self, body: Any, token: str | None) -> Reply:
        """POST /chat to `jwt` with this bearer token."""
        ...

    def token(self, sub: str, *, audience: str = "chat", lifetime_s: int = 300) -> str:
        """A token that the issuer of `jwt` signed."""
        ...

    def fire_schedule(self) -> None: ...

    def emit(self, detail: Mapping[str, Any], *, deliveries: int = 1) -> None:
        """Put one event that the filter lets through on the bus; it is delivered this many times."""
        ...

    def emit_other(self, detail: Mapping[str, Any]) -> None:
        """Put an event on the bus that the filter must hold back."""
        ...

    def results(self) -> list[dict[str, Any]]:
        """All results that events have sent to the destination, in order of arrival."""
        ...

    def dead_letters(self) -> list[dict[str, Any]]:
        """All dead letters; each has at least `reason` (text) and `payload` (the event)."""
        ...

    def logs(self, variant: str = "main") -> list[str]:
        """The function's log lines."""
        ...

    def model_fault(self, kind: str, *, times: int = 1, seconds: float = 0.0) -> None:
        """Make the next calls of the model fail: throttle, unavailable, slow, filter, down."""
        ...

    def model_calls(self) -> list[dict[str, Any]]:
        """The calls that have reached the model since the last `reset`."""
        ...

    def reset(self) -> None:
        """Forget faults and counted calls; empty the destination and the dead letters."""
        ...


def eventually(look: Callable[[], T], *, within: float = 15.0, every: float = 0.1, what: str = "it") -> T:
    """The first truthy answer of `look`; fails when there is none in time."""
    end = time.monotonic() + within
    while True:
        found = look()
        if found:
            return found
        if time.monotonic() > end:
            raise AssertionError(f"{what} did not happen within {within} s; last seen: {found!r}")
        time.sleep(every)


def past_the_rate(send: Callable[[], Reply]) -> Reply:
    """The answer to `send`, sent again while the rate limit (not the token budget) is in the way."""

    def attempt() -> Reply | None:
        reply = send()
        return None if reply.status == 429 and "reset_at" not in reply.body else reply

    found = eventually(attempt, what="an answer past the rate limit")
    assert found is not None
    return found
