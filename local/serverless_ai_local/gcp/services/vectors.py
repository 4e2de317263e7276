"""Vectors among Firestore's values, and how far they are from each other."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final, NamedTuple

from serverless_ai_local.gcp.errors import invalid
from serverless_ai_local.plain import is_list, is_mapping, is_number

TYPE: Final = "__type__"
_MARK: Final = {"stringValue": "__vector__"}
_VALUE: Final = "value"
MOST_DIMENSIONS: Final = 2048

Vector = Sequence[float]


class Distance(NamedTuple):
    of: Callable[[Vector, Vector], float]
    descending: bool = False
    """Whether the nearer has the greater one."""


def _dot(one: Vector, other: Vector) -> float:
    return math.fsum(left * right for left, right in zip(one, other, strict=True))


def _cosine(one: Vector, other: Vector) -> float:
    """Firestore promises nothing of a vector without a direction; here it is at a right angle to all."""
    size = math.hypot(*one) * math.hypot(*other)
    return 1.0 - _dot(one, other) / size if size else 1.0


DISTANCES: Final[Mapping[str, Distance]] = {
    "EUCLIDEAN": Distance(math.dist),
    "COSINE": Distance(_cosine),
    "DOT_PRODUCT": Distance(_dot, descending=True),
}


def vector(name: str, value: Any) -> list[float]:
    """The numbers of the vector in a Value; raises `RpcError` for what Firestore would refuse."""
    numbers = numbers_of(value)
    if numbers is None:
        raise invalid(f"{name} must be a vector: a map of {TYPE} and an array of doubles as {_VALUE}")
    if not 1 <= len(numbers) <= MOST_DIMENSIONS:
        raise invalid(f"{name} must be a vector of 1 to {MOST_DIMENSIONS} dimensions, got {len(numbers)}")
    return numbers


def numbers_of(value: Any) -> list[float] | None:
    """The numbers of the vector in a Value; None if it is not one."""
    fields = value.get("mapValue", {}).get("fields") if is_mapping(value) else None
    if not is_mapping(fields) or fields.keys() != {TYPE, _VALUE} or fields[TYPE] != _MARK:
        return None
    array = fields[_VALUE].get("arrayValue") if is_mapping(fields[_VALUE]) else None
    values = array.get("values", []) if is_mapping(array) else None
    if not is_list(values) or not all(is_mapping(one) and len(one) == 1 for one in values):
        return None
    found = [next(iter(one.items())) for one in values]
    if not all(kind == "doubleValue" and is_number(number) for kind, number in found):
        return None
    return [float(number) for _, number in found]
