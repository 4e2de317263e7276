"""The whole public vocabulary of the event pipeline, the same on every cloud."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, cast

from serverless_ai_patterns.event_pipeline.processors import (
    MODEL_PROCESSORS,
    OPTIONS_BYTES,
    Custom,
    Processor,
    Summarize,
)
from serverless_ai_patterns.function_settings import WorkerSettings
from serverless_ai_patterns.settings import to_mapping
from serverless_ai_patterns.validation import in_range, require, typed

MEBIBYTE = 1024 * 1024


@dataclass(frozen=True, kw_only=True, slots=True)
class Uploads:
    """Objects that are uploaded to the pipeline's bucket. What the filter leaves out is not looked at."""

    prefix: str = ""
    """Of the keys, e.g. `incoming/`."""
    suffixes: tuple[str, ...] = ()
    """E.g. `(".pdf", ".docx")`, as they are spelled; () = any."""
    max_mb: int | None = None
    """Leave larger objects out. None: they are let in, and become dead letters if they are too large."""

    def __post_init__(self) -> None:
        typed(self)
        require(self, "suffixes", "at most 10 suffixes, none empty", when=_few(self.suffixes, 10))
        if self.max_mb is not None:
            in_range(self, "max_mb", 1, 5_000)


@dataclass(frozen=True, kw_only=True, slots=True)
class AuditLog:
    """Calls of a Google API that Cloud Audit Logs records. Google Cloud only."""

    service: str
    """E.g. `bigquery.googleapis.com`."""
    method: str
    """E.g. `google.cloud.bigquery.v2.JobService.InsertJob`."""

    def __post_init__(self) -> None:
        typed(self)
        require(
            self,
            "service",
            "a host like bigquery.googleapis.com",
            when=self.service.endswith(".googleapis.com"),
        )
        require(self, "method", "the full name of a method", when="." in self.method)


@dataclass(frozen=True, kw_only=True, slots=True)
class Sources:
    """Where items come from, in any combination. Messages sent to the pipeline's queue always count."""

    uploads: Uploads | None = field(default_factory=Uploads)
    """Objects of a bucket that is made. None: no bucket is made."""
    topic: Mapping[str, Any] | None = field(default=None, hash=False)
    """Messages of a topic whose attributes match, e.g. `{"kind": ["invoice", "receipt"]}`; `{}` = all.
    Several pipelines can share one topic: give it to the construct."""
    schedule: str | None = None
    """`rate(...)`, `cron(...)` or `at(...)` in EventBridge Scheduler's syntax, UTC."""
    schedule_message: str = "Write today's summary."
    """The item that the schedule puts in."""
    bus_filter: Mapping[str, Any] | None = field(default=None, hash=False)
    """Event pattern on the bus, e.g. `{"source": ["shop"], "detail-type": ["OrderPlaced"]}`."""
    firestore: str | None = None
    """Documents written to this Firestore collection. Google Cloud only."""
    audit_log: AuditLog | None = None
    devices: bool = False
    """Telemetry of devices, by an IoT hub. Azure only."""

    def __post_init__(self) -> None:
        typed(self)
        expression = self.schedule
        require(
            self,
            "schedule",
            "rate(...), cron(...) or at(...)",
            when=expression is None
            or (expression.startswith(("rate(", "cron(", "at(")) and expression.endswith(")")),
        )
        require(
            self, "schedule_message", "1 to 8192 characters", when=1 <= len(self.schedule_message) <= 8192
        )
        require(
            self,
            "bus_filter",
            "a non-empty event pattern",
            when=self.bus_filter is None or bool(self.bus_filter),
        )
        require(
            self,
            "topic",
            'attribute names with lists of text, e.g. {"kind": ["invoice"]}',
            when=_filter(self.topic),
        )
        require(
            self,
            "firestore",
            "the name of a collection",
            when=self.firestore is None or (bool(self.firestore) and "/" not in self.firestore),
        )


@dataclass(frozen=True, kw_only=True, slots=True)
class PipelineModel:
    """The model, where the processor asks one."""

    model: str = "small"
    """An alias of the registry (`small`, `large`) or any id of the cloud's own."""
    max_output_tokens: int = 1024
    """Of one item's answer."""
    context_tokens: int = 16_000
    """Most tokens sent to the model at once; longer documents are processed in pieces."""

    def __post_init__(self) -> None:
        typed(self)
        require(self, "model", "a model alias or id", when=bool(self.model.strip()))
        in_range(self, "max_output_tokens", 16, 128_000)
        in_range(self, "context_tokens", 2_000, 1_000_000)


@dataclass(frozen=True, kw_only=True, slots=True)
class Batching:
    """Several small items in one model call; each still gets its own result. Size 1: no batching."""

    size: int = 1
    """Items in one call, 1 to 100; a batch ends early when their text is too long together."""
    wait_s: int = 0
    """Wait this long for a batch to fill, 0 to 60."""

    def __post_init__(self) -> None:
        typed(self)
        in_range(self, "size", 1, 100)
        in_range(self, "wait_s", 0, 60)
        require(
            self, "wait_s", "more than 0 when size is more than 10", when=self.size <= 10 or self.wait_s > 0
        )


@dataclass(frozen=True, kw_only=True, slots=True)
class Results:
    """Where results go: `{prefix}{key}.json` in the results bucket."""

    prefix: str = "results/"
    """Of the results' keys."""
    keep_days: int = 0
    """Delete results after so many days; 0 = keep them."""
    record_days: int = 30
    """How long the record of an item is kept, at least 15: longer than a dead letter can be put back."""

    def __post_init__(self) -> None:
        typed(self)
        require(
            self,
            "prefix",
            "a folder that ends in /, without a leading /",
            when=self.prefix.endswith("/") and not self.prefix.startswith("/"),
        )
        in_range(self, "keep_days", 0, 3650)
        in_range(self, "record_days", 15, 3650)


@dataclass(frozen=True, kw_only=True, slots=True)
class EventPipelineSettings:
    """Files and messages in, one result each out, nothing lost."""

    processor: Processor = field(default_factory=Summarize)
    """The AI step: one of the processors."""
    sources: Sources = field(default_factory=Sources)
    model: PipelineModel = PipelineModel()
    batching: Batching = Batching()
    results: Results = Results()
    function: WorkerSettings = field(default_factory=WorkerSettings)

    def __post_init__(self) -> None:
        typed(self)
        if self.batching.size > 1 and not self.uses_model:
            raise ValueError(
                "EventPipelineSettings.batching.size must be 1 for this processor: only the model takes"
                f" several items in one call; got {self.batching.size}"
            )
        size = len(json.dumps(self.options).encode())
        if size > OPTIONS_BYTES:
            raise ValueError(
                f"EventPipelineSettings.processor must take at most {OPTIONS_BYTES} bytes as JSON, got {size}"
            )

    @property
    def uses_model(self) -> bool:
        """Whether the processor asks the language model."""
        return isinstance(self.processor, MODEL_PROCESSORS)

    @property
    def processor_name(self) -> str:
        """The processor's key in settings files: `summarize`, `image_labels`, ..."""
        return next(iter(to_mapping(self)["processor"]))

    @property
    def options(self) -> dict[str, Any]:
        """What the handler is told about the processor."""
        if isinstance(self.processor, Custom):
            return {"function": self.processor.function}
        return to_mapping(self.processor)


def _few(texts: tuple[str, ...], most: int) -> bool:
    return len(texts) <= most and all(texts)


def _filter(attributes: Mapping[str, Any] | None) -> bool:
    return attributes is None or all(_texts(values) for values in attributes.values())


def _texts(values: object) -> bool:
    """Whether `values` is a list of at least one text."""
    if not isinstance(values, list) or not values:
        return False
    return all(isinstance(value, str) for value in cast("list[object]", values))
