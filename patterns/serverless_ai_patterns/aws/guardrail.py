"""What the guardrail of a pattern blocks, as data for CDK and Pulumi alike."""

from __future__ import annotations

import hashlib
from dataclasses import astuple, dataclass
from typing import Final, Literal

Strength = Literal["NONE", "LOW", "MEDIUM", "HIGH"]

BLOCKED_INPUT: Final = "This message was blocked by the content policy."
BLOCKED_OUTPUT: Final = "The answer was blocked by the content policy."


@dataclass(frozen=True, kw_only=True, slots=True)
class ContentFilter:
    """One filter of a Bedrock guardrail; strengths say how unsure a match may be and still be blocked."""

    type: str
    input_strength: Strength
    output_strength: Strength


FILTERS: Final = (
    *(
        ContentFilter(type=kind, input_strength="HIGH", output_strength="HIGH")
        for kind in ("HATE", "INSULTS", "SEXUAL", "VIOLENCE", "MISCONDUCT")
    ),
    # Bedrock refuses any other output strength here: an answer cannot attack the prompt.
    ContentFilter(type="PROMPT_ATTACK", input_strength="HIGH", output_strength="NONE"),
)


def revision() -> str:
    """Eight characters that change with the filters or messages; a new one asks for a new version."""
    content = (*map(astuple, FILTERS), BLOCKED_INPUT, BLOCKED_OUTPUT)
    return hashlib.sha256(repr(content).encode()).hexdigest()[:8]
