"""What the content filter of a pattern blocks, as data: stricter than the one every deployment has."""

from __future__ import annotations

from typing import Final, Literal, NamedTuple

BASE: Final = "Microsoft.DefaultV2"
"""Azure's own policy, which blocks from medium severity on; a deployment without a guardrail has it."""

Source = Literal["Prompt", "Completion"]


class ContentFilter(NamedTuple):
    """One filter of a RAI policy. `threshold` is the lowest severity that is blocked; None: it has none."""

    name: str
    source: Source
    threshold: Literal["Low", "Medium", "High"] | None


_SOURCES: Final[tuple[Source, ...]] = ("Prompt", "Completion")
FILTERS: Final = (
    *(
        ContentFilter(kind, source, "Low")
        for kind in ("Hate", "Sexual", "Violence", "Selfharm")
        for source in _SOURCES
    ),
    ContentFilter("Jailbreak", "Prompt", None),
    ContentFilter("Indirect Attack", "Prompt", None),
)
