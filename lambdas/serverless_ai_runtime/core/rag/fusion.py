"""Rankings into one: reciprocal rank fusion, which needs no scores that can be compared.

A hit counts 1 / (60 + its rank) in each ranking. Source: Cormack, Clarke, Büttcher: Reciprocal Rank Fusion
outperforms Condorcet and individual Rank Learning Methods, SIGIR 2009.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from serverless_ai_runtime.core.rag.ports import Hit

K: Final = 60


def fused(rankings: Sequence[Sequence[Hit]], most: int) -> list[Hit]:
    """At most `most` hits, the best first, with their fused scores; of equal ones what was seen first."""
    hits: dict[str, Hit] = {}
    scores: dict[str, float] = {}
    for ranking in rankings:
        for rank, hit in enumerate(ranking, 1):
            hits.setdefault(hit.id, hit)
            scores[hit.id] = scores.get(hit.id, 0.0) + 1 / (K + rank)
    best = sorted(scores, key=lambda one: -scores[one])
    return [hits[one]._replace(score=scores[one]) for one in best[:most]]
