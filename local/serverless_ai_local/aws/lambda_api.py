"""The Lambda API where moto does not do: invoking, and the settings that it would drop."""

from __future__ import annotations

import base64
import json
import queue
import threading
import time
from collections.abc import Iterator
from typing import Any, Final

from moto.awslambda.models import EventInvokeConfig, LambdaFunction, lambda_backends
from moto.s3.models import s3_backends
from werkzeug.wrappers import Response

from serverless_ai_local.aws import event_stream
from serverless_ai_local.aws.api import ApiError, Call, Handler, Invocation, Operations
from serverless_ai_local.aws.calls import JSON, document, parameters, reply, section
from serverless_ai_local.aws.lambda_configuration import invalid, require, require_send
from serverless_ai_local.aws.service_roles import ServiceRoles
from serverless_ai_local.functions import FunctionHost, settings
from serverless_ai_local.functions import deployed as deployments
from serverless_ai_local.functions.deployed import LATEST

MAX_SYNC_BYTES: Final = 6 * 1024 * 1024
MAX_ASYNC_BYTES: Final = 1024 * 1024
"""AWS raised it from 256 KB in October 2025."""
UNRESERVED_MINIMUM: Final = 100
_DESTINATIONS: Final = ("sqs", "sns", "lambda", "events")


class LambdaApi:
    """Operations of `lambda` that this cloud offers itself; `forward` hands a call to moto."""

    def __init__(
        self, host: FunctionHost, roles: ServiceRoles, forward: Handler, *, account_concurrency: int = 1000
    ) -> None:
        self._host, self._roles, self._forward = host, roles, forward
        self._account_concurrency = account_concurrency

    def operations(self) -> Operations:
        """See `api.Operations`."""
        offered: dict[str, Handler] = {
            "Invoke": self._invoke,
            "InvokeWithResponseStream": self._invoke_stream,
            "CreateFunction": self._create,
            "UpdateFunctionCode": self._update_code,
            "UpdateFunctionConfiguration": self._update,
            "PutFunctionEventInvokeConfig": self._put_invoke_config,
            "UpdateFunctionEventInvokeConfig": self._put_invoke_config,
            "PutFunctionConcurrency": self._put_concurrency,
        }
        for name in (
            "GetFunction",
            "GetFunctionConfiguration",
            "ListFunctions",
            "ListVersionsByFunction",
            "PublishVersion",
        ):
            offered[name] = self._shown
        return {("lambda", name): handler for name, handler in offered.items()}

    # -- invoking -------------------------------------------------------------------------------------
    def _invoke(self, call: Call) -> Response:
        given = parameters(call)
        function_arn = arn_of(call, given)
        kind = given.get("InvocationType") or "RequestResponse"
        payload = call.request.get_data()
        _require_payload(payload, MAX_ASYNC_BYTES if kind == "Event" else MAX_SYNC_BYTES)
        trace = call.request.headers.get("X-Amzn-Trace-Id", "")
        if kind == "DryRun":
            deployments.read(function_arn)
            return Response(status=204)
        if kind == "Event":
            request_id = self._host.accept(function_arn, payload, trace)
            return Response(status=202, headers={"x-amzn-RequestId": request_id})
        if kind != "RequestResponse":
            raise invalid(f"InvocationType must be RequestResponse, Event or DryRun, got {kind!r}")
        answer = self._host.invoke(
            function_arn, payload, client_context=_client_context(given), trace_header=trace
        )
        if answer.status == 429:
            return _throttled(answer)
        headers = {"X-Amz-Executed-Version": answer.version, "x-amzn-RequestId": answer.request_id}
        if answer.error is not None:
            headers["X-Amz-Function-Error"] = answer.error
        if given.get("LogType") == "Tail":
            headers["X-Amz-Log-Result"] = base64.b64encode(answer.log.encode()).decode()
        return Response(answer.payload, 200, headers, content_type=JSON)

    def _invoke_stream(self, call: Call) -> Response:
        given = parameters(call)
        function_arn = arn_of(call, given)
        payload = call.request.get_data()
        _require_payload(payload, MAX_SYNC_BYTES)
        deployments.read(function_arn)
        chunks: queue.Queue[bytes | Invocation | Exception] = queue.Queue()

        def run() -> None:
            try:
                context = _client_context(given)
                chunks.put(
                    self._host.invoke(function_arn, payload, client_context=context, on_chunk=chunks.put)
                )
            except Exception as error:
                chunks.put(error)

        threading.Thread(target=run, daemon=True).start()
        first = chunks.get()
        if isinstance(first, Exception):
            raise first
        if isinstance(first, Invocation) and first.status == 429:
            return _throttled(first)
        tail = given.get("LogType") == "Tail"
        return Response(_frames(first, chunks, tail=tail), 200, content_type=event_stream.CONTENT_TYPE)

    # -- settings -------------------------------------------------------------------------------------
    def _create(self, call: Call) -> Response:
        given: dict[str, Any] = json.loads(call.request.get_data())
        name = str(given.get("FunctionName", "")).rsplit(":", 1)[-1]
        require(given, str(given.get("Role", "")), name, self._roles)
        _require_object(call, section(given, "Code"))
        response = self._forward(call)
        if response.status_code >= 400:
            return response
        record = lambda_backends[call.account][call.region].get_function(name)
        settings.keep(record, given)
        return _merged(call, response)

    def _update_code(self, call: Call) -> Response:
        given: dict[str, Any] = json.loads(call.request.get_data() or b"{}")
        _require_object(call, given)
        response = self._shown(call)
        if response.status_code < 400 and given.get("Architectures"):  # moto leaves them as they were
            _latest(call, parameters(call)).architectures = given["Architectures"]
        return response

    def _update(self, call: Call) -> Response:
        given: dict[str, Any] = json.loads(call.request.get_data() or b"{}")
        record = _latest(call, parameters(call))
        require(given, given.get("Role") or record.role, record.function_name, self._roles)
        response = self._forward(call)
        if response.status_code >= 400:
            return response
        record.tracing_config = given.get("TracingConfig") or record.tracing_config
        record.ephemeral_storage = section(given, "EphemeralStorage").get("Size", record.ephemeral_storage)
        record.kms_key_arn = given.get("KMSKeyArn", record.kms_key_arn)
        settings.keep(record, given)
        answer = {**record.get_configuration(), **settings.shown(record), "Version": LATEST}
        return reply(answer)

    def _shown(self, call: Call) -> Response:
        response = self._forward(call)
        return response if response.status_code >= 400 else _merged(call, response)

    def _put_invoke_config(self, call: Call) -> Response:
        given = parameters(call)
        if given.get("Qualifier") not in (None, LATEST):
            raise invalid("the local cloud offers event invoke configurations of $LATEST only")
        record = _latest(call, given)
        config: dict[str, Any] = json.loads(call.request.get_data() or b"{}")
        for outcome in ("OnSuccess", "OnFailure"):
            target = section(config, "DestinationConfig", outcome).get("Destination")
            if target:
                require_send(target, _DESTINATIONS, record.role, record.function_name, self._roles)
        if call.operation.startswith("Update") and record.event_invoke_config:
            config = {**record.event_invoke_config[-1].config, **config}
        arn = f"{record.function_arn}:{LATEST}"
        moment = time.time()
        record.event_invoke_config = [EventInvokeConfig(arn, record.last_modified, config)]
        return reply({"FunctionArn": arn, "LastModified": moment, **config})

    def _put_concurrency(self, call: Call) -> Response:
        wanted = int(parameters(call)["ReservedConcurrentExecutions"])
        record = _latest(call, parameters(call))
        others = deployments.reserved(call.account, call.region) - int(record.reserved_concurrency or 0)
        if self._account_concurrency - others - wanted < UNRESERVED_MINIMUM:
            raise invalid(
                "Specified ReservedConcurrentExecutions for function decreases account's "
                f"UnreservedConcurrentExecution below its minimum value of [{UNRESERVED_MINIMUM}]."
            )
        return self._forward(call)


def arn_of(call: Call, given: dict[str, Any]) -> str:
    """The ARN that FunctionName (a name, a partial or a whole ARN) and Qualifier mean. Raises `ApiError`."""
    text = str(given["FunctionName"])
    tail = text.rsplit(":function:", maxsplit=1)[-1]
    name, _, own_qualifier = tail.partition(":")
    qualifier = own_qualifier or given.get("Qualifier") or ""
    arn = f"arn:aws:lambda:{call.region}:{call.account}:function:{name}" + (
        f":{qualifier}" if qualifier else ""
    )
    try:
        deployments.read(arn)
    except KeyError:
        raise ApiError("ResourceNotFoundException", f"Function not found: {arn}", 404) from None
    return arn


def _latest(call: Call, given: dict[str, Any]) -> LambdaFunction:
    arn = arn_of(call, {"FunctionName": given["FunctionName"]})
    return lambda_backends[call.account][call.region].get_function(arn.split(":")[6])


def _merged(call: Call, response: Response) -> Response:
    """moto's answer with the settings that are kept beside its records."""
    answer = document(response)
    backend = lambda_backends[call.account][call.region]
    nested = answer.get("Functions", answer.get("Versions", [answer.get("Configuration", answer)]))
    for configuration in nested:
        record = backend.get_function(configuration["FunctionName"], str(configuration["Version"]))
        configuration.update(settings.shown(record))
    return reply(answer, response.status_code)


def _require_object(call: Call, code: dict[str, Any]) -> None:
    """Raise `ApiError` if the code is to come from an S3 object that is not there: moto takes it as empty."""
    bucket, key = code.get("S3Bucket"), code.get("S3Key")
    if bucket is None or key is None:
        return
    buckets = s3_backends[call.account]["aws"].buckets
    missing = "bucket" if bucket not in buckets else "key" if buckets[bucket].keys.get(key) is None else ""
    if missing:
        raise invalid(
            f"Error occurred while GetObject. S3 Error Code: NoSuch{missing.title()}. "
            f"S3 Error Message: The specified {missing} does not exist."
        )


def _require_payload(payload: bytes, limit: int) -> None:
    if len(payload) > limit:
        raise ApiError(
            "RequestEntityTooLargeException",
            f"Request must be smaller than {limit} bytes for the InvokeFunction operation",
            413,
        )
    if payload:
        try:
            json.loads(payload)
        except ValueError as error:
            raise ApiError(
                "InvalidRequestContentException", f"Could not parse request body into json: {error}"
            ) from None


def _client_context(given: dict[str, Any]) -> str | None:
    encoded = given.get("ClientContext")
    if not encoded:
        return None
    try:
        text = base64.b64decode(encoded, validate=True).decode()
        json.loads(text)
    except ValueError:
        raise ApiError("InvalidRequestContentException", "ClientContext must be JSON in base64") from None
    return text


def _throttled(answer: Invocation) -> Response:
    headers = {"x-amzn-ErrorType": "TooManyRequestsException"}
    return Response(answer.payload, 429, headers, content_type=JSON)


def _frames(
    first: bytes | Invocation, chunks: queue.Queue[bytes | Invocation | Exception], *, tail: bool
) -> Iterator[bytes]:
    streamed = isinstance(first, bytes)
    item: bytes | Invocation | Exception = first
    while isinstance(item, bytes):
        yield event_stream.event("PayloadChunk", item, "application/octet-stream")
        item = chunks.get()
    if isinstance(item, Exception):
        raise item
    complete: dict[str, str] = {}
    if item.error is not None:
        failure = json.loads(item.payload)
        complete = {"ErrorCode": failure["errorType"], "ErrorDetails": failure["errorMessage"]}
    elif not streamed:
        yield event_stream.event("PayloadChunk", item.payload, "application/octet-stream")
    if tail:
        complete["LogResult"] = base64.b64encode(item.log.encode()).decode()
    yield event_stream.event("InvokeComplete", json.dumps(complete).encode())
