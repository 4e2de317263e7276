"""Vector buckets and their indexes, in memory. Thread-safe; search is exact."""

from __future__ import annotations

import heapq
import math
import threading
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from serverless_ai_local.aws.api import ApiError

COSINE: Final = "cosine"


@dataclass(frozen=True, kw_only=True, slots=True)
class Vector:
    key: str
    data: tuple[float, ...]
    length: float
    """Of `data`."""
    metadata: Mapping[str, Any]


@dataclass(kw_only=True, slots=True)
class Index:
    bucket: str
    name: str
    arn: str
    dimension: int
    metric: str
    not_filterable: tuple[str, ...]
    encryption: Mapping[str, Any]
    made_at: float = field(default_factory=time.time)
    vectors: dict[str, Vector] = field(default_factory=dict[str, Vector])
    lock: threading.Lock = field(default_factory=threading.Lock)

    def put(self, vectors: Iterable[Vector]) -> None:
        with self.lock:
            self.vectors |= {one.key: one for one in vectors}

    def delete(self, keys: Iterable[str]) -> None:
        """What is not there is deleted already."""
        with self.lock:
            for key in keys:
                self.vectors.pop(key, None)

    def all(self) -> list[Vector]:
        with self.lock:
            return list(self.vectors.values())

    def nearest(
        self, query: Sequence[float], most: int, wanted: Callable[[Mapping[str, Any]], bool]
    ) -> list[tuple[float, Vector]]:
        """Distance and vector, the nearest first."""
        length = math.hypot(*query)
        found = [
            (self._distance(query, length, one), one.key, one) for one in self.all() if wanted(one.metadata)
        ]
        return [(distance, one) for distance, _, one in heapq.nsmallest(most, found)]

    def _distance(self, query: Sequence[float], length: float, one: Vector) -> float:
        if self.metric == COSINE:
            return 1.0 - sum(map(float.__mul__, query, one.data)) / (length * one.length)
        return math.dist(query, one.data) ** 2


@dataclass(kw_only=True, slots=True)
class Bucket:
    name: str
    arn: str
    encryption: Mapping[str, Any]
    made_at: float = field(default_factory=time.time)
    indexes: dict[str, Index] = field(default_factory=dict[str, Index])


class Store:
    """Buckets by their ARN."""

    def __init__(self) -> None:
        self._buckets: dict[str, Bucket] = {}
        self._tags: dict[str, dict[str, str]] = {}
        self._lock = threading.Lock()

    def add_bucket(self, bucket: Bucket) -> None:
        with self._lock:
            if bucket.arn in self._buckets:
                raise ApiError(
                    "ConflictException", "A vector bucket with the specified name already exists", 409
                )
            self._buckets[bucket.arn] = bucket

    def bucket(self, arn: str) -> Bucket:
        with self._lock:
            found = self._buckets.get(arn)
        if found is None:
            raise ApiError("NotFoundException", "The specified vector bucket could not be found", 404)
        return found

    def remove_bucket(self, arn: str) -> None:
        """One that is not there is deleted already."""
        with self._lock:
            found = self._buckets.get(arn)
            if found is not None and found.indexes:
                raise ApiError("ConflictException", "The specified vector bucket is not empty", 409)
            self._buckets.pop(arn, None)
            self._tags.pop(arn, None)

    def buckets(self, start: str) -> list[Bucket]:
        """Those whose ARN begins so."""
        with self._lock:
            return [one for arn, one in sorted(self._buckets.items()) if arn.startswith(start)]

    def add_index(self, bucket: Bucket, index: Index) -> None:
        with self._lock:
            if index.name in bucket.indexes:
                raise ApiError("ConflictException", "An index with the specified name already exists", 409)
            bucket.indexes[index.name] = index

    def index(self, arn: str) -> Index:
        bucket_arn, _, name = arn.partition("/index/")
        found = self.bucket(bucket_arn).indexes.get(name)
        if found is None:
            raise ApiError("NotFoundException", "The specified index could not be found", 404)
        return found

    def remove_index(self, arn: str) -> None:
        bucket_arn, _, name = arn.partition("/index/")
        with self._lock:
            bucket = self._buckets.get(bucket_arn)
            if bucket is not None:
                bucket.indexes.pop(name, None)
            self._tags.pop(arn, None)

    def tags(self, arn: str) -> dict[str, str]:
        """Of a bucket or an index."""
        if "/index/" in arn:
            self.index(arn)
        else:
            self.bucket(arn)
        with self._lock:
            return self._tags.setdefault(arn, {})
