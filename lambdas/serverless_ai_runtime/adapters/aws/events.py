"""The event bus as a `Publisher` of completion events."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, Final

from serverless_ai_runtime.adapters.aws.service import Service
from serverless_ai_runtime.core.ports import Deadline, Unavailable

PUT_ACTIONS: Final = ("events:PutEvents",)
SOURCE: Final = "serverless-ai.event-pipeline"
DETAIL_TYPE: Final = "Item Done"


class BusPublisher:
    """Puts each body as the detail of an event on the bus `name`. One whose reply got lost may come twice."""

    def __init__(self, service: Service, name: str) -> None:
        self._service, self._name = service, name

    def publish(self, body: Mapping[str, Any], deadline: Deadline) -> None:
        entry = {
            "EventBusName": self._name,
            "Source": SOURCE,
            "DetailType": DETAIL_TYPE,
            "Detail": json.dumps(body),
        }
        answer = self._service.post_json(
            "PutEvents", "AWSEvents", {"Entries": [entry]}, deadline, version="1.1"
        )
        if answer.get("FailedEntryCount"):
            failed: dict[str, Any] = answer["Entries"][0]
            code, message = str(failed.get("ErrorCode", "")), str(failed.get("ErrorMessage", ""))
            raise Unavailable("EventBridge", "PutEvents", 200, code, message)
