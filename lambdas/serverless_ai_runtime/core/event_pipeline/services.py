"""A processor that asks one of the cloud's AI services: item by item, as they take no batches."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from serverless_ai_runtime.core.event_pipeline.ports import (
    AiService,
    Outcome,
    Output,
    Source,
    Started,
)
from serverless_ai_runtime.core.ports import Deadline, Journal
from serverless_ai_runtime.core.records import digest

JOBS = ("ocr", "transcribe")
"""Purposes that may take longer than a function should wait."""


class ServiceProcessor:
    """`purpose` is ocr, image_labels, transcribe, moderate or entities."""

    def __init__(self, purpose: str, options: Mapping[str, Any], service: AiService) -> None:
        self.name = purpose
        self.version = digest(f"{purpose} {json.dumps(options, sort_keys=True)}")[:12]
        self.starts_jobs = purpose in JOBS
        self._service = service

    def process(self, sources: Sequence[Source], deadline: Deadline, journal: Journal) -> list[Outcome]:
        return [self._one(source, deadline) for source in sources]

    def collect(self, handle: str, deadline: Deadline) -> Output | Started:
        return _outcome(self._service.collect(handle, deadline))

    def _one(self, source: Source, deadline: Deadline) -> Outcome:
        try:
            return _outcome(self._service.analyse(source, deadline))
        except Exception as error:
            return error


def _outcome(value: dict[str, Any] | Started) -> Output | Started:
    return value if isinstance(value, Started) else Output(value)
