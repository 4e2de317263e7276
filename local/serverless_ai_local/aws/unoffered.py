"""What moto would accept and nothing here would act on: refused by name, so that nobody waits in vain."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from werkzeug.wrappers import Response

from serverless_ai_local.aws.api import ApiError, Call, Handler, Operations
from serverless_ai_local.aws.calls import parameters, section

NEVER: Final = (
    ("events", "CreateArchive"),
    ("events", "StartReplay"),
    ("events", "CreateConnection"),
    ("events", "CreateApiDestination"),
    ("lambda", "CreateFunctionUrlConfig"),
    ("lambda", "InvokeAsync"),
    ("monitoring", "PutCompositeAlarm"),
    ("monitoring", "PutAnomalyDetector"),
)


class Unoffered:
    """`forward` hands a call to moto: of some operations only a part is refused."""

    def __init__(self, forward: Handler) -> None:
        self._forward = forward

    def operations(self) -> Operations:
        """See `api.Operations`."""
        return {
            **dict.fromkeys(NEVER, _refuse),
            ("sns", "Subscribe"): self._subscribe,
            ("s3", "PutBucketNotificationConfiguration"): self._notify,
            ("logs", "PutSubscriptionFilter"): self._subscribe_to_logs,
        }

    def _subscribe(self, call: Call) -> Response:
        if parameters(call).get("Protocol") == "lambda":
            raise _refusal(call, "with the protocol lambda; sqs is offered")
        return self._forward(call)

    def _notify(self, call: Call) -> Response:
        given: Mapping[str, Any] = section(parameters(call), "NotificationConfiguration")
        if given.get("LambdaFunctionConfigurations"):
            raise _refusal(call, "to functions; EventBridgeConfiguration is offered")
        return self._forward(call)

    def _subscribe_to_logs(self, call: Call) -> Response:
        if ":lambda:" in str(parameters(call).get("destinationArn")):
            raise _refusal(call, "to functions")
        return self._forward(call)


def _refuse(call: Call) -> Response:
    raise _refusal(call, "")


def _refusal(call: Call, part: str) -> ApiError:
    text = f"the local cloud does not offer {call.service}:{call.operation} {part}".rstrip()
    return ApiError("NotImplemented", text, 501)
