"""Lambda's events -> cores -> Lambda's responses. A pattern's handler is the function named as its slug."""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import cache
from typing import TYPE_CHECKING, Any, Final, Protocol, cast

from serverless_ai_runtime import config, wiring
from serverless_ai_runtime.core.ports import Deadline
from serverless_ai_runtime.core.replies import Rejection, Reply, failure
from serverless_ai_runtime.core.requests import Caller, InvalidRequest
from serverless_ai_runtime.edge import (
    UnauthenticatedError,
    UnknownEventError,
    event_message,
    reply_deadline,
)
from serverless_ai_runtime.telemetry import Invocation

if TYPE_CHECKING:
    from serverless_ai_runtime.wiring_rag import QueryApp

Event = Mapping[str, Any]


class Context(Protocol):
    """What is used of Lambda's context object."""

    aws_request_id: str

    def get_remaining_time_in_millis(self) -> int: ...


def function_llm(event: object, context: Context) -> dict[str, Any]:
    """Function + LLM: an HTTP API request, an event of EventBridge, or the input of a schedule."""
    if not isinstance(event, dict):
        raise UnknownEventError(f"an event must be a JSON object, got {type(event).__name__}")
    return handle(_function_llm(), cast("Event", event), context)


def handle(app: wiring.App, event: Event, context: Context) -> dict[str, Any]:
    """Answer one event with `app`.

    A request always gets a reply. What fails for any other event is raised, so that Lambda delivers it again
    and in the end puts it into the dead-letter queue with the reason.
    """
    deadline = reply_deadline(context.get_remaining_time_in_millis() / 1000)
    journal = app.telemetry.begin(
        request_id=context.aws_request_id, trace_id=config.trace_id(), correlation_id=_correlation(event)
    )
    if _is_request(event):
        reply = _chat(app, event, deadline, journal)
        journal.note(status=reply.status)
        journal.end("request", failed=reply.status >= 500)
        return _response(reply, context.aws_request_id)
    try:
        event_id, message = _message(event)
        result = app.core.generate(event_id, message, deadline, journal)
    except Exception as error:
        journal.note(error=type(error).__name__, cause=str(error))
        journal.end("event", failed=True)
        raise
    journal.end("event")
    return result


@cache
def _function_llm() -> wiring.App:
    return wiring.function_llm("aws")


def _chat(app: wiring.App, event: Event, deadline: Deadline, journal: Invocation) -> Reply:
    try:
        caller, body = _caller(event["requestContext"]), _body(event)
    except Rejection as error:
        return failure(error)
    return app.core.chat(body, caller, deadline, journal)


def rag_query(event: object, context: Context) -> dict[str, Any]:
    """RAG: an HTTP API request for one of the routes of its endpoint."""
    if not isinstance(event, dict) or not _is_request(cast("Event", event)):
        raise UnknownEventError('an event must be an HTTP API request (version "2.0")')
    return answer(_rag_query(), cast("Event", event), context)


def answer(app: QueryApp, event: Event, context: Context) -> dict[str, Any]:
    """Answer one request with `app`, by its path."""
    deadline = reply_deadline(context.get_remaining_time_in_millis() / 1000)
    journal = app.telemetry.begin(
        request_id=context.aws_request_id, trace_id=config.trace_id(), correlation_id=_correlation(event)
    )
    request = event["requestContext"]
    try:
        route = app.core.routes()[request["http"]["path"]]
        caller = Caller(_caller(request), request.get("authorizer", {}).get("jwt", {}).get("claims", {}))
        reply = route(_body(event), caller, deadline, journal)
    except Rejection as error:
        reply = failure(error)
    journal.note(status=reply.status)
    journal.end("request", failed=reply.status >= 500)
    return _response(reply, context.aws_request_id)


@cache
def _rag_query() -> QueryApp:
    from serverless_ai_runtime.wiring_rag import rag_query as wired

    return wired("aws")


def _is_request(event: Event) -> bool:
    """An HTTP API event, payload format 2.0."""
    return event.get("version") == "2.0" and "http" in event.get("requestContext", {})


def _correlation(event: Event) -> str:
    """The id under which the sender of the event knows it."""
    return str(event.get("requestContext", {}).get("requestId") or event.get("id") or "")


def _caller(request: Mapping[str, Any]) -> str:
    """The authenticated caller: `sub` at its issuer (JWT) or the ARN of a principal (IAM)."""
    authorizer = request.get("authorizer", {})
    arn = authorizer.get("iam", {}).get("userArn")
    if arn:
        return str(arn)
    claims = authorizer.get("jwt", {}).get("claims", {})
    if claims.get("iss") and claims.get("sub"):
        return f"{claims['iss']}|{claims['sub']}"
    raise UnauthenticatedError("an IAM principal, or a token with the claims iss and sub,")


def _body(event: Event) -> bytes:
    body = event.get("body") or ""
    if not event.get("isBase64Encoded"):
        return cast("str", body).encode("utf-8", "surrogatepass")
    from binascii import a2b_base64

    try:
        return a2b_base64(body)
    except ValueError:
        raise InvalidRequest("body", "body must be valid base64, as isBase64Encoded says") from None


def _message(event: Event) -> tuple[str, str]:
    """Id and message of an event that is not a request; raises `UnknownEventError`."""
    if event.get("source") == "schedule" and "message" in event:
        return str(event.get("id", "")), event["message"]
    if "detail-type" in event and "detail" in event:
        return str(event.get("id", "")), event_message(event["detail"])
    known = (
        'an HTTP API request (version "2.0"), an EventBridge event or {"source": "schedule", "id", "message"}'
    )
    raise UnknownEventError(f"unknown event with the keys {sorted(event)}; it must be {known}")


def _response(reply: Reply, request_id: str) -> dict[str, Any]:
    return {
        "statusCode": reply.status,
        "headers": {"content-type": "application/json", "x-request-id": request_id, **reply.headers},
        "body": json.dumps(reply.body),
        "isBase64Encoded": False,
    }


# Lambda names the handler while it starts the function. Wiring here, and not in the first event, uses the
# full CPU of that phase, and a wrong configuration is an error of the start that names its variable.
_WIRED: Final = {f"{__name__}.function_llm": _function_llm, f"{__name__}.rag_query": _rag_query}
if config.handler_name() in _WIRED:
    _WIRED[config.handler_name()]()
