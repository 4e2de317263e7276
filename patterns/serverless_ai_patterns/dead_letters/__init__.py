"""Dead letters of an event pipeline: look at them, and put them back. An operator's tool, over the wire.

It calls the clouds with the runtime's own adapters, as whoever is logged in to the cloud's command line.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple, Protocol


class DeadLetter(NamedTuple):
    """One message that was given up."""

    code: str
    """A stable word; "" where the platform gave it up itself."""
    reason: str
    body: str
    """The message as it came."""


class DeadLetterQueue(Protocol):
    """Dead letters of one pipeline. All raise `ServiceError`."""

    def look(self, most: int) -> Sequence[DeadLetter]:
        """At most `most` letters; they stay where they are."""
        ...

    def redrive(self, moved: Callable[[int], None]) -> int:
        """Put all that are there now back into the pipeline's queue; how many. `moved` hears of progress.

        Each is put back before it is deleted: a message may come twice, and is lost never.
        """
        ...


PATIENCE_S = 60.0
"""For one call of a service."""
