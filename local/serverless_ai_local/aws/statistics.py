"""Statistics of metric data over a period, as CloudWatch computes them."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any, Final

from moto.cloudwatch.models import MetricAggregatedDatum, cloudwatch_backends

from serverless_ai_local.aws.moto_backends import ACCOUNT

_PERCENTILE: Final = re.compile(r"p(100|\d{1,2}(\.\d+)?)")
_PLAIN: Final[Mapping[str, Callable[[Sequence[float]], float]]] = {
    "Sum": sum,
    "Average": lambda values: sum(values) / len(values),
    "Minimum": min,
    "Maximum": max,
    "SampleCount": len,
}


def known(statistic: str) -> bool:
    """Whether `value` can compute it."""
    return statistic in _PLAIN or _PERCENTILE.fullmatch(statistic) is not None


def value(samples: Sequence[float], statistic: str) -> float | None:
    """The statistic of these samples; None without samples. Raises KeyError for one that is not `known`."""
    if not samples:
        return None
    if _PERCENTILE.fullmatch(statistic) is None:
        return float(_PLAIN[statistic](samples))
    ordered = sorted(samples)
    place = (len(ordered) - 1) * float(statistic[1:]) / 100
    low = int(place)
    high = min(low + 1, len(ordered) - 1)
    return ordered[low] + (ordered[high] - ordered[low]) * (place - low)


def samples(
    region: str,
    *,
    namespace: str,
    metric: str,
    dimensions: Mapping[str, str],
    since: datetime,
    until: datetime,
) -> list[float]:
    """Values of a metric with exactly these dimensions in (since, until]; times have no zone, and are UTC."""
    found: list[float] = []
    data: list[Any] = list(cloudwatch_backends[ACCOUNT][region].metric_data)
    for datum in data:
        if datum.namespace != namespace or datum.name != metric or not since < datum.timestamp <= until:
            continue
        if {one.name: one.value for one in datum.dimensions} == dimensions:
            found += _values(datum)
    return found


def _values(datum: Any) -> list[float]:
    """A set of statistics stands for as many samples, all at its average but for the least and the most."""
    if not isinstance(datum, MetricAggregatedDatum):
        return [datum.value]
    count = int(datum.sample_count)
    if count < 3:
        return [datum.sum / count] * count
    middle = (datum.sum - datum.min - datum.max) / (count - 2)
    return [datum.min, *[middle] * (count - 2), datum.max]
