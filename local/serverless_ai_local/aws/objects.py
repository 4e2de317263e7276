"""Reading and writing objects in S3: conditions hold against other writers, and strangers learn nothing."""

from __future__ import annotations

import threading
from typing import Any, Final, cast

from moto.s3.models import s3_backends
from werkzeug.wrappers import Response

from serverless_ai_local.aws.api import ApiError, Call, Handler, Operations
from serverless_ai_local.aws.calls import parameters
from serverless_ai_local.aws.object_events import ObjectEvents
from serverless_ai_local.aws.service_roles import Checks

READS: Final = ("GetObject", "HeadObject")
WRITES: Final = ("PutObject", "CopyObject", "CompleteMultipartUpload", "DeleteObject")
LIST: Final = "s3:ListBucket"


class Objects:
    """Operations of `s3` on objects; `forward` hands a call to moto, which keeps them."""

    def __init__(self, events: ObjectEvents, checks: Checks, forward: Handler) -> None:
        self._events, self._checks, self._forward = events, checks, forward
        # moto looks at what is there and then writes; S3 promises that nothing comes between the two.
        self._lock = threading.Lock()

    def operations(self) -> Operations:
        """See `api.Operations`."""
        return {
            **{("s3", name): self._read for name in READS},
            **{("s3", name): self._write for name in WRITES},
        }

    def _read(self, call: Call) -> Response:
        """Who may not list a bucket is not told that an object is missing, only that it is not theirs."""
        response = self._forward(call)
        if response.status_code == 404 and not call.identity.administrator:
            bucket = str(parameters(call)["Bucket"])
            if bucket in s3_backends[call.account]["aws"].buckets:
                self._checks.check(call.identity, LIST, f"arn:aws:s3:::{bucket}")
        return response

    def _write(self, call: Call) -> Response:
        _require_conditions(call)
        answers: list[Response] = []

        def write() -> bool:
            answers.append(self._forward(call))
            return answers[0].status_code < 300

        with self._lock:
            self._events.during(call.operation, cast("Any", call.request).remote_addr or "127.0.0.1", write)
        return answers[0]


def _require_conditions(call: Call) -> None:
    """S3 takes `If-None-Match: *` and no other; moto would leave another one out of account."""
    given = call.request.headers.get("If-None-Match")
    if given not in (None, "*"):
        raise ApiError(
            "NotImplemented", "A header you provided implies functionality that is not implemented", 501
        )
