"""Transforms: functions of the program that may change what it registers, called back in its own process."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Sequence
from typing import Any

import grpc
from google.protobuf.message import Message
from pulumi.runtime.proto import callback_pb2, callback_pb2_grpc, resource_pb2

from serverless_ai_local.doors.pulumi.wire import MAX_MESSAGE_BYTES

Request = resource_pb2.RegisterResourceRequest

# Option of a transform -> field of a registration.
OPTIONS = {
    "additional_secret_outputs": "additionalSecretOutputs",
    "aliases": "aliases",
    "custom_timeouts": "customTimeouts",
    "deleted_with": "deletedWith",
    "depends_on": "dependencies",
    "hide_diff": "hideDiffs",
    "hooks": "hooks",
    "ignore_changes": "ignoreChanges",
    "import": "importId",
    "plugin_checksums": "pluginChecksums",
    "plugin_download_url": "pluginDownloadURL",
    "protect": "protect",
    "provider": "provider",
    "providers": "providers",
    "replace_on_changes": "replaceOnChanges",
    "replace_with": "replace_with",
    "replacement_trigger": "replacement_trigger",
    "retain_on_delete": "retainOnDelete",
    "version": "version",
}


class Transforms:
    """Those of the stack, and those of single resources, which their children have too."""

    def __init__(self) -> None:
        self._stack: list[callback_pb2.Callback] = []
        self._own: dict[str, tuple[Sequence[callback_pb2.Callback], str]] = {}
        self._stubs: dict[str, Any] = {}
        self._lock = threading.Lock()

    def add_to_stack(self, callback: callback_pb2.Callback) -> None:
        with self._lock:
            self._stack.append(callback)

    def add(self, urn: str, callbacks: Iterable[callback_pb2.Callback], parent: str) -> None:
        """Remember a resource's own, for its children."""
        with self._lock:
            self._own[urn] = (tuple(callbacks), parent)

    def apply(self, request: Request) -> Request:
        """The registration after all transforms: its own, those of its ancestors, those of the stack."""
        message: Any = request  # its stub misses the type of the field
        for callback in (*message.transforms, *self._inherited(request.parent), *self._stack):
            request = self._apply(callback, request)
        return request

    def _inherited(self, parent: str) -> list[callback_pb2.Callback]:
        found: list[callback_pb2.Callback] = []
        while parent in self._own:
            callbacks, parent = self._own[parent]
            found.extend(callbacks)
        return found

    def _apply(self, callback: callback_pb2.Callback, request: Request) -> Request:
        asked = resource_pb2.TransformRequest(
            type=request.type,
            name=request.name,
            custom=request.custom,
            parent=request.parent,
            properties=request.object,
            options=_options(request),
        )
        call = callback_pb2.CallbackInvokeRequest(token=callback.token, request=asked.SerializeToString())
        raw = self._stub(callback.target).Invoke(call)
        answer = resource_pb2.TransformResponse.FromString(raw.response)
        changed = Request()
        changed.CopyFrom(request)
        if answer.HasField("properties"):
            changed.object.CopyFrom(answer.properties)
        if answer.HasField("options"):
            _set_options(changed, answer.options)
        return changed

    def _stub(self, target: str) -> Any:
        with self._lock:
            if target not in self._stubs:
                size = [(f"grpc.max_{way}_message_length", MAX_MESSAGE_BYTES) for way in ("send", "receive")]
                channel: Any = grpc.insecure_channel(target, options=size)  # pyright: ignore[reportUnknownMemberType]
                self._stubs[target] = callback_pb2_grpc.CallbacksStub(channel)
            return self._stubs[target]


def _options(request: Request) -> resource_pb2.TransformResourceOptions:
    options = resource_pb2.TransformResourceOptions()
    for option, field in OPTIONS.items():
        _copy(request, field, options, option)
    if request.deleteBeforeReplaceDefined:
        options.delete_before_replace = request.deleteBeforeReplace
    return options


def _set_options(request: Request, options: resource_pb2.TransformResourceOptions) -> None:
    for option, field in OPTIONS.items():
        _copy(options, option, request, field)
    request.deleteBeforeReplaceDefined = options.HasField("delete_before_replace")
    request.deleteBeforeReplace = options.delete_before_replace


def _copy(source: Message, of: str, target: Message, to: str) -> None:
    """One field from message to message, whatever its kind; a field that is not set is cleared."""
    target.ClearField(to)
    value: Any = getattr(source, of)
    field: Any = source.DESCRIPTOR.fields_by_name[of]
    if field.has_presence and not source.HasField(of):
        return
    if isinstance(value, Message):
        getattr(target, to).CopyFrom(value)
    elif hasattr(value, "MergeFrom"):
        getattr(target, to).MergeFrom(value)
    else:
        setattr(target, to, value)
