"""RAG's world as its scenario sees it: no cloud, no tool. Every target implements it once."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractContextManager
from typing import Any, Protocol

from world import Reply

from serverless_ai_local.launch import RunningCloud


class RagWorld(Protocol):
    """One deployment of the variants of `programs/rag_variants.py` on one target."""

    target: str
    cloud: RunningCloud
    default_store: str
    """Variant of the cloud's default store."""
    stores: tuple[str, ...]
    """Variants of all stores, the default's first."""
    streams: bool
    """Whether answers can come as they are written."""

    # -- documents --------------------------------------------------------------------------------
    def upload(self, key: str, body: bytes, *, variant: str = "main", tags: Sequence[str] = ()) -> None:
        """Put a document into the variant's bucket, with the cloud's own SDK or API."""
        ...

    def delete(self, key: str, *, variant: str = "main") -> None: ...

    def held(self, *, duplicates: float = 0.0, seed: int = 1) -> AbstractContextManager[None]:
        """Events of documents that change inside are held back, then delivered in a random order.

        Each is delivered at least once, the share `duplicates` of them (0..1, rounded up) twice.
        """
        ...

    def send(self, body: str, *, variant: str = "main") -> None:
        """Put one message into the variant's own queue."""
        ...

    # -- questions --------------------------------------------------------------------------------
    def post(
        self, path: str, body: Any, *, variant: str = "main", tenant: str = "", groups: Sequence[str] = ()
    ) -> Reply:
        """POST to `/ask` or `/search`; `body` is bytes, or an object sent as JSON.

        At `main` as the cloud's own identity, else with a token that says `tenant` and `groups`.
        """
        ...

    def anonymous(self, path: str, *, variant: str = "main") -> Reply:
        """POST a question without any credentials."""
        ...

    # -- what an operator sees --------------------------------------------------------------------
    def dead_letters(self, variant: str = "main") -> list[dict[str, Any]]:
        """All dead letters, which stay where they are: `code`, `reason` and `payload`."""
        ...

    def logs(self, variant: str = "main") -> list[str]:
        """Log lines of both functions."""
        ...

    # -- death ------------------------------------------------------------------------------------
    def die_at_write(self, number: int, function: str) -> None:
        """Kill functions whose name has this in it at the n-th write from now on, which is not done."""
        ...

    def died(self) -> bool:
        """Whether it has come to that."""
        ...

    def writes_end(self) -> None:
        """Wait until nothing is written any more. Nobody dies meanwhile, or later."""
        ...

    def live(self) -> None:
        """Nobody dies any more."""
        ...

    def deliver_again(self, variant: str = "main") -> None:
        """What a function that died had taken is delivered again now, where that would take minutes."""
        ...

    # -- the models -------------------------------------------------------------------------------
    def model_fault(self, kind: str, *, times: int = 1, seconds: float = 0.0) -> None:
        """Make the next calls of the model that answers fail: throttle, unavailable, slow, filter, down."""
        ...

    def model_calls(self) -> list[dict[str, Any]]:
        """The calls that have reached the model that answers since the last `reset`."""
        ...

    def embedded(self) -> int:
        """Texts that have reached the embedding model since the last `reset`."""
        ...

    def reset(self) -> None:
        """Forget faults and counted calls; empty every bucket, queue and dead letters, and wait until the
        indexes are empty too.
        """
        ...
