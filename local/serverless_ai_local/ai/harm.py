"""Whether words are unfit, by lists of words: enough to show both answers, no judge of anything real."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final

from serverless_ai_local.ai.reading import HARMS

_WORDS: Final[Mapping[str, frozenset[str]]] = {
    "Hate": frozenset({"hate", "hateful", "subhuman", "vermin", "inferior"}),
    "SelfHarm": frozenset({"suicide", "suicidal", "overdose", "selfharm"}),
    "Sexual": frozenset({"nude", "nudity", "porn", "pornographic", "explicit"}),
    "Violence": frozenset(
        {"kill", "killed", "killing", "murder", "stab", "stabbed", "shoot", "gore", "torture", "behead"}
    ),
}
_WORD: Final = re.compile(r"[a-z]+")
_ONE: Final = 0.7
"""Of a text that names one such word; each further one halves the doubt."""


def of_text(text: str) -> dict[str, float]:
    """Each kind of harm -> 0 to 1."""
    said = _WORD.findall(text.lower().replace("self-harm", "selfharm"))
    counts = {kind: sum(word in _WORDS[kind] for word in said) for kind in HARMS}
    return {
        kind: round(1 - (1 - _ONE) / 2 ** (count - 1), 4) if count else 0.0 for kind, count in counts.items()
    }
