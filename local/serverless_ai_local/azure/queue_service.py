"""A fake of Queue Storage's REST API: the calls that our runtime and azure-storage-queue make."""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable, Mapping, Sequence
from email.utils import formatdate
from typing import Final
from xml.etree import ElementTree
from xml.sax.saxutils import escape

from werkzeug.wrappers import Response

from serverless_ai_local.azure.access import Access
from serverless_ai_local.azure.calls import Call, ServiceFault
from serverless_ai_local.azure.entra import Principal
from serverless_ai_local.azure.estate import Estate, Resource
from serverless_ai_local.azure.queues import (
    MAX_MESSAGE_BYTES,
    MAX_VISIBILITY_S,
    RETENTION_S,
    GoneError,
    Message,
    Queues,
    ReceiptError,
)

AUDIENCES: Final = ("https://storage.azure.com", "https://queue.core.windows.net")
QUEUE: Final = "Microsoft.Storage/storageAccounts/queueServices/queues"
MESSAGES: Final = f"{QUEUE}/messages"
ADD: Final = (f"{MESSAGES}/add/action", f"{MESSAGES}/write")
PROCESS: Final = (f"{MESSAGES}/process/action",)
# Each call is allowed by any one of its actions: "Permissions for calling data operations",
# https://learn.microsoft.com/rest/api/storageservices/authorize-with-azure-active-directory, read 2026-11.
DELETE: Final = (f"{MESSAGES}/process/action", f"{MESSAGES}/delete")
PEEK: Final = (f"{MESSAGES}/read",)
UPDATE: Final = (f"{MESSAGES}/write",)
CLEAR: Final = (f"{MESSAGES}/delete",)
READ_QUEUE: Final = (f"{QUEUE}/read",)
VERSION: Final = "2021-12-02"
_MISMATCH: Final = "This request is not authorized to perform this operation using this permission."
_NO_TOKEN: Final = ServiceFault(
    401, "NoAuthenticationInformation", "Server failed to authenticate the request."
)
_KEYS_OFF: Final = ServiceFault(
    403,
    "KeyBasedAuthenticationNotPermitted",
    "Key based authentication is not permitted on this storage account.",
)


class QueueService:
    """The queues of all accounts."""

    def __init__(self, estate: Estate, access: Access, queues: Queues) -> None:
        self._estate, self._access, self._queues = estate, access, queues
        estate.watch(self._follow)

    def __call__(self, call: Call) -> Response:
        try:
            return self._answer(call)
        except ServiceFault as fault:
            return failure(fault)

    def _answer(self, call: Call) -> Response:
        account, *path = call.parts
        found = self._estate.find("storage:StorageAccount", account)
        if found is None:
            raise ServiceFault(404, "ResourceNotFound", f"there is no storage account {account}")
        who = storage_caller(self._access, call, AUDIENCES)
        queue = self._estate.find("storage:Queue", path[0], found.id) if path else None
        if queue is None:
            raise ServiceFault(404, "QueueNotFound", "The specified queue does not exist.")
        key = (call.method, "/".join(("{queue}", *path[1:2], *("{id}" for _ in path[2:]))), _comp(call))
        operation = _OPERATIONS.get(key)
        if operation is None:
            what = f"{call.method} {call.target} is not offered by the local Queue Storage"
            raise ServiceFault(501, "NotImplemented", what)
        actions, run = operation
        allow_any(self._access, who, actions, queue)
        return run(self, call, queue)

    def _follow(self, resource: Resource, exists: bool) -> None:
        if resource.kind == "storage:Queue" and not exists:
            self._queues.clear(resource.id)

    def put_message(self, call: Call, queue: Resource) -> Response:
        text = _message_text(call)
        if len(text.encode()) > MAX_MESSAGE_BYTES:
            raise ServiceFault(413, "RequestBodyTooLarge", "The request body is too large.")
        hidden = _number(call, "visibilitytimeout", 0, 0, MAX_VISIBILITY_S)
        ttl = _number(call, "messagettl", RETENTION_S, -1, 10**10)
        message = self._queues.put(queue.id, text, hidden_s=hidden, ttl_s=ttl)
        return _listed([message], _put_fields, status=201)

    def get_messages(self, call: Call, queue: Resource) -> Response:
        count = _number(call, "numofmessages", 1, 1, 32)
        hidden = _number(call, "visibilitytimeout", 30, 1, MAX_VISIBILITY_S)
        return _listed(self._queues.get(queue.id, count, hidden), _got_fields)

    def peek_messages(self, call: Call, queue: Resource) -> Response:
        count = _number(call, "numofmessages", 1, 1, 32)
        return _listed(self._queues.peek(queue.id, count), _peeked_fields)

    def delete_message(self, call: Call, queue: Resource) -> Response:
        try:
            self._queues.delete(queue.id, call.parts[3], call.query.get("popreceipt", ""))
        except GoneError as error:
            raise _gone(error) from None
        return Response(status=204, headers=common())

    def update_message(self, call: Call, queue: Resource) -> Response:
        hidden = _number(call, "visibilitytimeout", 0, 0, MAX_VISIBILITY_S)
        text = _message_text(call) if call.body else None
        try:
            message = self._queues.update(
                queue.id, call.parts[3], call.query.get("popreceipt", ""), hidden, text
            )
        except GoneError as error:
            raise _gone(error) from None
        times = {
            "x-ms-popreceipt": message.receipt,
            "x-ms-time-next-visible": formatdate(message.visible_at, usegmt=True),
        }
        return Response(status=204, headers={**common(), **times})

    def clear_messages(self, call: Call, queue: Resource) -> Response:
        self._queues.clear(queue.id)
        return Response(status=204, headers=common())

    def get_metadata(self, call: Call, queue: Resource) -> Response:
        count = str(self._queues.count(queue.id))
        return Response(headers={**common(), "x-ms-approximate-messages-count": count})


_Operation = Callable[[QueueService, Call, Resource], Response]
_ALL: Final = "{queue}/messages"
_ONE: Final = "{queue}/messages/{id}"
_OPERATIONS: Final[Mapping[tuple[str, str, str], tuple[Sequence[str], _Operation]]] = {
    ("POST", _ALL, ""): (ADD, QueueService.put_message),
    ("GET", _ALL, ""): (PROCESS, QueueService.get_messages),
    ("GET", _ALL, "peek"): (PEEK, QueueService.peek_messages),
    ("DELETE", _ALL, ""): (CLEAR, QueueService.clear_messages),
    ("DELETE", _ONE, ""): (DELETE, QueueService.delete_message),
    ("PUT", _ONE, ""): (UPDATE, QueueService.update_message),
    ("GET", "{queue}", "metadata"): (READ_QUEUE, QueueService.get_metadata),
    ("HEAD", "{queue}", "metadata"): (READ_QUEUE, QueueService.get_metadata),
}


def _comp(call: Call) -> str:
    return "peek" if call.query.get("peekonly") == "true" else call.query.get("comp", "")


def storage_caller(access: Access, call: Call, audiences: Sequence[str]) -> Principal:
    """Who calls a storage account, which takes tokens only. Raises `ServiceFault`."""
    scheme = call.headers.get("authorization", "").partition(" ")[0]
    if scheme.startswith("SharedKey") or "sig" in call.query:
        raise _KEYS_OFF
    return access.caller(call, audiences, _NO_TOKEN)


def allow_any(access: Access, who: Principal, actions: Sequence[str], on: Resource) -> None:
    """Raise Storage's refusal unless one of the actions is allowed."""
    if not access.allows(who, on.id, *actions, refusal=_MISMATCH):
        raise ServiceFault(403, "AuthorizationPermissionMismatch", _MISMATCH)


def failure(fault: ServiceFault) -> Response:
    """An error in Storage's form."""
    text = (
        '<?xml version="1.0" encoding="utf-8"?>'
        f"<Error><Code>{escape(fault.code)}</Code><Message>{escape(fault.message)}\n"
        f"RequestId:{uuid.uuid4()}\nTime:{time.strftime('%Y-%m-%dT%H:%M:%SZ', time.gmtime())}"
        "</Message></Error>"
    )
    headers = {**common(), "x-ms-error-code": fault.code, **fault.headers}
    return Response(text, fault.status, headers, content_type="application/xml")


def common() -> dict[str, str]:
    """Headers of every answer of Storage."""
    return {"x-ms-request-id": str(uuid.uuid4()), "x-ms-version": VERSION}


def _message_text(call: Call) -> str:
    try:
        root = ElementTree.fromstring(call.body)  # noqa: S314 - expat of this Python refuses entity bombs
    except ElementTree.ParseError:
        raise ServiceFault(400, "InvalidXmlDocument", "XML specified is not syntactically valid.") from None
    text = root.findtext("MessageText")
    if root.tag != "QueueMessage" or text is None:
        raise ServiceFault(400, "InvalidXmlDocument", "XML specified is not syntactically valid.")
    return text


def _number(call: Call, name: str, default: int, low: int, high: int) -> int:
    text = call.query.get(name, "")
    if not text:
        return default
    number = int(text) if text.lstrip("-").isdigit() else low - 1
    if not low <= number <= high:
        what = f"The query parameter {name} in the request URI is outside the permissible range."
        raise ServiceFault(400, "OutOfRangeQueryParameterValue", what)
    return number


Fields = Callable[[Message], dict[str, str]]


def _put_fields(message: Message) -> dict[str, str]:
    never = 253_402_300_799.0
    return {
        "MessageId": message.id,
        "InsertionTime": formatdate(message.inserted_at, usegmt=True),
        "ExpirationTime": formatdate(message.expires_at or never, usegmt=True),
        "PopReceipt": message.receipt,
        "TimeNextVisible": formatdate(message.visible_at, usegmt=True),
    }


def _got_fields(message: Message) -> dict[str, str]:
    return {**_put_fields(message), "DequeueCount": str(message.dequeues), "MessageText": message.text}


def _peeked_fields(message: Message) -> dict[str, str]:
    hidden = ("PopReceipt", "TimeNextVisible")
    return {key: value for key, value in _got_fields(message).items() if key not in hidden}


def _listed(messages: Sequence[Message], fields: Fields, *, status: int = 200) -> Response:
    items = "".join(
        "<QueueMessage>"
        + "".join(f"<{key}>{escape(value)}</{key}>" for key, value in fields(message).items())
        + "</QueueMessage>"
        for message in messages
    )
    text = f'<?xml version="1.0" encoding="utf-8"?><QueueMessagesList>{items}</QueueMessagesList>'
    return Response(text, status, common(), content_type="application/xml")


def _gone(error: GoneError) -> ServiceFault:
    if isinstance(error, ReceiptError):
        text = "The specified pop receipt did not match the pop receipt for a dequeued message."
        return ServiceFault(400, "PopReceiptMismatch", text)
    return ServiceFault(404, "MessageNotFound", "The specified message does not exist.")
