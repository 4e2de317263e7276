"""One ranking out of several: by the ranks alone, for the scores of two searches have no common scale."""

from __future__ import annotations

from collections.abc import Sequence
from math import fsum
from typing import Final

from serverless_ai_runtime.core.rag.ports import Hit

K: Final = 60
"""The greater, the less the first ranks count more than the next: as Cormack and others, SIGIR 2009."""


def fused(rankings: Sequence[Sequence[Hit]], most: int) -> list[Hit]:
    """At most `most` hits by reciprocal rank fusion, the best first; `score` is the fused one.

    A hit counts in each ranking by its best rank there. Of equal ones that stays first which was met first,
    in the order of the rankings.
    """
    found: dict[str, Hit] = {}
    shares: dict[str, list[float]] = {}
    for ranking in rankings:
        best = {hit.id: rank for rank, hit in reversed(list(enumerate(ranking, 1)))}
        for hit in ranking:
            found.setdefault(hit.id, hit)
        for one, rank in best.items():
            shares.setdefault(one, []).append(1 / (K + rank))
    # fsum: the same whatever the order of the rankings.
    scored = [hit._replace(score=fsum(shares[one])) for one, hit in found.items()]
    return sorted(scored, key=lambda hit: -hit.score)[: max(most, 0)]
