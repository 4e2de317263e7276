"""What moto would accept and nothing here would act on: refused by name, so that nobody waits in vain."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from werkzeug.wrappers import Response

from serverless_ai_local.aws.api import ApiError, Call, Handler, Operations
from serverless_ai_local.aws.calls import parameters, section

NEVER: Final = (
    ("apigateway", "CreateRestApi"),
    ("apigateway", "ImportRestApi"),
    ("events", "CreateArchive"),
    ("events", "StartReplay"),
    ("events", "CreateConnection"),
    ("events", "CreateApiDestination"),
    ("lambda", "CreateFunctionUrlConfig"),
    ("lambda", "InvokeAsync"),
    ("monitoring", "PutCompositeAlarm"),
    ("monitoring", "PutAnomalyDetector"),
    # moto makes up what these would find.
    *(("textract", name) for name in ("StartDocumentAnalysis", "GetDocumentAnalysis")),
    *(
        ("rekognition", name)
        for name in (
            "CompareFaces",
            "DetectCustomLabels",
            "DetectText",
            "GetFaceSearch",
            "GetTextDetection",
            "StartFaceSearch",
            "StartTextDetection",
        )
    ),
    *(("comprehend", name) for name in ("DetectKeyPhrases", "DetectPiiEntities", "DetectSentiment")),
    *(
        ("transcribe", name)
        for name in ("DeleteTranscriptionJob", "ListTranscriptionJobs", "StartMedicalTranscriptionJob")
    ),
)
_QUICK_CREATE: Final = ("Target", "RouteKey", "CredentialsArn")
_STATISTICS: Final = ("SampleCount", "Average", "Sum", "Minimum", "Maximum")


class Unoffered:
    """`forward` hands a call to moto: of some operations only a part is refused."""

    def __init__(self, forward: Handler) -> None:
        self._forward = forward

    def operations(self) -> Operations:
        """See `api.Operations`."""
        return {
            **dict.fromkeys(NEVER, _refuse),
            ("apigateway", "CreateApi"): self._create_api,
            ("monitoring", "GetMetricStatistics"): self._statistics,
            ("monitoring", "GetMetricData"): self._data,
            ("sns", "Subscribe"): self._subscribe,
            ("s3", "PutBucketNotificationConfiguration"): self._notify,
            ("logs", "PutSubscriptionFilter"): self._subscribe_to_logs,
        }

    def _create_api(self, call: Call) -> Response:
        given = parameters(call)
        if given.get("ProtocolType") != "HTTP":
            raise _refusal(call, f"with the protocol {given.get('ProtocolType')}; HTTP is offered")
        for name in _QUICK_CREATE:
            if given.get(name):
                raise _refusal(call, f"with {name}; CreateIntegration and CreateRoute are offered")
        return self._forward(call)

    def _statistics(self, call: Call) -> Response:
        if parameters(call).get("ExtendedStatistics"):
            raise _refusal(call, f"with ExtendedStatistics; {', '.join(_STATISTICS)} are offered")
        return self._forward(call)

    def _data(self, call: Call) -> Response:
        queries: list[Mapping[str, Any]] = parameters(call).get("MetricDataQueries") or []
        for query in queries:
            statistic = section(query, "MetricStat").get("Stat")
            if statistic not in _STATISTICS:
                asked = f"the statistic {statistic}" if statistic else "metric math"
                raise _refusal(call, f"of {asked}; {', '.join(_STATISTICS)} are offered")
        return self._forward(call)

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
