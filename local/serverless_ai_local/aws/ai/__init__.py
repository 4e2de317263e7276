"""Textract, Rekognition, Comprehend and Transcribe: fakes that answer from the content that they get."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from serverless_ai_local.ai.reading import Reader
from serverless_ai_local.aws.ai.comprehend import Comprehend
from serverless_ai_local.aws.ai.files import Files
from serverless_ai_local.aws.ai.rekognition import Rekognition
from serverless_ai_local.aws.ai.textract import Textract
from serverless_ai_local.aws.ai.transcribe import Transcribe
from serverless_ai_local.aws.api import Operations
from serverless_ai_local.aws.delivery import Deliveries
from serverless_ai_local.aws.service_roles import Checks, ServiceRoles


class AiServices:
    """The four of them over one reader."""

    def __init__(
        self,
        reader: Reader,
        *,
        checks: Checks,
        roles: ServiceRoles,
        deliveries: Deliveries,
        happened: Callable[[Mapping[str, Any]], None],
    ) -> None:
        """`happened` puts an event on the default bus."""
        files = Files(checks)
        self._with_jobs = Textract(reader, files, roles, deliveries), Transcribe(reader, files, happened)
        self._services = (*self._with_jobs, Rekognition(reader, files), Comprehend(reader))

    def operations(self) -> Operations:
        """See `api.Operations`."""
        return {key: handler for part in self._services for key, handler in part.operations().items()}

    def stop(self) -> None:
        """Tell of no more jobs."""
        for service in self._with_jobs:
            service.stop()


__all__ = ["AiServices"]
