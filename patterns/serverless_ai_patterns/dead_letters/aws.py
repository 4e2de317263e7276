"""Dead letters in an SQS queue: SQS moves them back itself."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Mapping
from typing import Any, Final
from urllib.parse import urlsplit

from serverless_ai_patterns.dead_letters import PATIENCE_S, DeadLetter, login
from serverless_ai_runtime.adapters.aws.service import Aws, Service
from serverless_ai_runtime.adapters.aws.sqs import CODE, REASON
from serverless_ai_runtime.core.ports import Deadline
from serverless_ai_runtime.http import HttpClient
from serverless_ai_runtime.wiring import WORLD

URL: Final = re.compile(r"https?://(?P<host>[^/]+)/(?P<account>\d{12})/(?P<name>[\w-]{1,80})")
_SHAPE: Final = "https://sqs.REGION.amazonaws.com/ACCOUNT/NAME"
_REGION: Final = re.compile(r"sqs\.([a-z0-9-]+)\.amazonaws\.com(?:\.cn)?")
_TARGET: Final = "AmazonSQS"
_POLL_S: Final = 0.5
_HIDDEN_S: Final = 60
_MOST: Final = 10
"""That one call of ReceiveMessage gives."""


class SqsDeadLetterQueue:
    """`dead_letters` and `queue` are the URLs that the stack's outputs give."""

    def __init__(self, dead_letters: str, queue: str, *, region: str) -> None:
        """Raises ValueError for what is no queue's URL, `NotLoggedIn`."""
        for url in filter(None, (dead_letters, queue)):
            if not URL.fullmatch(url):
                raise ValueError(f"a queue must be named by its URL, {_SHAPE}; got {url!r}")
        self._dead, self._queue = dead_letters, queue
        place = urlsplit(dead_letters)
        found = _REGION.fullmatch(place.netloc)
        keys = login.aws(found[1] if found else region)
        aws = Aws(HttpClient(WORLD), WORLD, lambda: keys)
        self._service = Service(aws, "SQS", f"{place.scheme}://{place.netloc}", "sqs")

    def look(self, most: int) -> list[DeadLetter]:
        found: list[Mapping[str, Any]] = []
        while len(found) < most:
            request = {
                "QueueUrl": self._dead,
                "MaxNumberOfMessages": min(_MOST, most - len(found)),
                "MessageAttributeNames": ["All"],
                "VisibilityTimeout": _HIDDEN_S,  # so that the next call gives others
            }
            messages = self._call("ReceiveMessage", request).get("Messages") or ()
            if not messages:
                break
            found += messages
        for start in range(0, len(found), _MOST):
            entries = [
                {"Id": str(number), "ReceiptHandle": one["ReceiptHandle"], "VisibilityTimeout": 0}
                for number, one in enumerate(found[start : start + _MOST])
            ]
            self._call("ChangeMessageVisibilityBatch", {"QueueUrl": self._dead, "Entries": entries})
        return [_letter(one) for one in found]

    def redrive(self, moved: Callable[[int], None]) -> int:
        source, destination = self._arn(self._dead), self._arn(self._queue)
        self._call("StartMessageMoveTask", {"SourceArn": source, "DestinationArn": destination})
        while True:
            (task, *_) = self._call("ListMessageMoveTasks", {"SourceArn": source})["Results"]
            count = int(task.get("ApproximateNumberOfMessagesMoved") or 0)
            moved(count)
            if task["Status"] == "FAILED":
                raise RuntimeError(f"SQS could not move the messages: {task.get('FailureReason')}")
            if task["Status"] not in ("RUNNING", "CANCELLING"):
                return count
            time.sleep(_POLL_S)

    def _arn(self, url: str) -> str:
        wanted = {"QueueUrl": url, "AttributeNames": ["QueueArn"]}
        return str(self._call("GetQueueAttributes", wanted)["Attributes"]["QueueArn"])

    def _call(self, operation: str, request: Mapping[str, Any]) -> dict[str, Any]:
        return self._service.post_json(operation, _TARGET, request, Deadline(PATIENCE_S))


def _letter(message: Mapping[str, Any]) -> DeadLetter:
    attributes: Mapping[str, Mapping[str, str]] = message.get("MessageAttributes") or {}
    code, reason = (attributes.get(name, {}).get("StringValue", "") for name in (CODE, REASON))
    return DeadLetter(code, reason, str(message["Body"]))
