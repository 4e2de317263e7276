"""Metrics inside log lines: CloudWatch's embedded metric format."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from serverless_ai_local.plain import is_list, is_mapping, is_number

MAX_DIMENSIONS: Final = 30
MAX_VALUES: Final = 100


class EmfError(ValueError):
    """A line has metric metadata that the format does not allow; the message says what."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Datum:
    """Values of one metric at one moment."""

    namespace: str
    name: str
    values: tuple[float, ...]
    dimensions: Mapping[str, str]
    unit: str = "None"
    timestamp: float | None = None
    """Unix seconds; None = now."""


def metrics(line: str) -> list[Datum]:
    """The metrics that a log line declares; none for a line without metadata. Raises `EmfError`."""
    if '"_aws"' not in line:
        return []
    try:
        fields: Any = json.loads(line)
    except ValueError:
        return []
    metadata: Any = fields.get("_aws") if is_mapping(fields) else None
    if not is_mapping(fields) or not is_mapping(metadata) or "CloudWatchMetrics" not in metadata:
        return []
    moment = metadata.get("Timestamp")
    if not is_number(moment):
        raise EmfError(f"_aws.Timestamp must be a number of milliseconds, got {moment!r}")
    directives = metadata["CloudWatchMetrics"]
    if not is_list(directives):
        raise EmfError("_aws.CloudWatchMetrics must be a list")
    return [datum for entry in directives for datum in _directive(entry, fields, moment / 1000)]


def _directive(entry: Any, fields: Mapping[str, Any], timestamp: float) -> Iterable[Datum]:
    try:
        namespace, definitions = str(entry["Namespace"]), entry["Metrics"]
        dimension_sets: Sequence[Sequence[str]] = entry.get("Dimensions") or [[]]
        named = [(str(one["Name"]), str(one.get("Unit", "None"))) for one in definitions]
    except (KeyError, TypeError, AttributeError) as error:
        raise EmfError(f"a directive of _aws.CloudWatchMetrics is malformed: {error!r}") from error
    for names in dimension_sets:
        dimensions = {name: _text(fields, name) for name in names}
        if len(dimensions) > MAX_DIMENSIONS:
            raise EmfError(f"a metric has {len(dimensions)} dimensions, at most {MAX_DIMENSIONS} are allowed")
        for name, unit in named:
            yield Datum(
                namespace=namespace,
                name=name,
                values=_numbers(fields, name),
                dimensions=dimensions,
                unit=unit,
                timestamp=timestamp,
            )


def _text(fields: Mapping[str, Any], name: str) -> str:
    value = fields.get(name)
    if not isinstance(value, str) or not value:
        raise EmfError(f"dimension {name!r} must be a non-empty string, got {value!r}")
    return value


def _numbers(fields: Mapping[str, Any], name: str) -> tuple[float, ...]:
    value = fields.get(name)
    values = value if is_list(value) else [value]
    if not 1 <= len(values) <= MAX_VALUES:
        raise EmfError(f"metric {name!r} must have 1 to {MAX_VALUES} values, got {len(values)}")
    numbers = tuple(float(one) for one in values if is_number(one))
    if len(numbers) < len(values):
        raise EmfError(f"metric {name!r} must be a number or a list of numbers, got {value!r}")
    return numbers
