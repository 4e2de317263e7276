"""Events that were held back, as tests want them delivered: in a random order, a share of them twice."""

from __future__ import annotations

import math
import random
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple, TypeVar

from serverless_ai_local.plain import is_mapping, is_number

_Event = TypeVar("_Event")


class Shuffle(NamedTuple):
    """`share` of the events, 0 to 1 and rounded up, comes twice. The same seed gives the same order."""

    share: float
    seed: int

    @classmethod
    def wanted(cls, body: Any) -> Shuffle:
        """As the admin API takes it. Raises `ValueError`."""
        given: Mapping[str, Any] = body if is_mapping(body) else {}
        share, seed = given.get("duplicates", 0.0), given.get("seed", 1)
        unknown = given.keys() - {"duplicates", "seed"}
        if unknown or not is_number(share) or not 0 <= share <= 1 or not isinstance(seed, int):
            raise ValueError(
                'the body must be {"duplicates": 0 to 1, "seed": whole number}, both may be left out;'
                f" got {body!r}"
            )
        return cls(float(share), seed)

    def deliveries(self, events: Sequence[_Event]) -> list[_Event]:
        chance = random.Random(self.seed)  # noqa: S311 - the same seed shall give the same order
        found = [*events, *chance.sample(events, math.ceil(self.share * len(events)))]
        chance.shuffle(found)
        return found
