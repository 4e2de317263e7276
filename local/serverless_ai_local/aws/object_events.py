"""What happens to objects in S3, as EventBridge tells it; tests can hold it back, double it, shuffle it."""

from __future__ import annotations

import threading
import time
import uuid
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any, Final

from moto.s3 import notifications
from moto.s3.models import FakeBucket, s3_backends

from serverless_ai_local.admin import AdminCall, AdminRoutes
from serverless_ai_local.aws.moto_backends import ACCOUNT
from serverless_ai_local.shuffle import Shuffle

CREATED: Final = "Object Created"
REASONS: Final[Mapping[str, str]] = {
    "s3:ObjectCreated:Put": "PutObject",
    "s3:ObjectCreated:Post": "POST Object",
    "s3:ObjectCreated:Copy": "CopyObject",
    "s3:ObjectCreated:CompleteMultipartUpload": "CompleteMultipartUpload",
    "s3:ObjectRemoved:Delete": "DeleteObject",
}
"""moto's name of what happened -> the operation that EventBridge names."""
_TIME: Final = "%Y-%m-%dT%H:%M:%SZ"

Deliver = Callable[[Mapping[str, Any]], None]
"""Hands an event to the rules of the default bus of its account and region."""


class ObjectEvents:
    """Takes the place of moto's events, which have one sequencer for all and tell some things twice."""

    def __init__(self, deliver: Deliver) -> None:
        self._deliver = deliver
        self._lock = threading.Lock()
        self._held: list[Mapping[str, Any]] | None = None
        self._sequencer = 0
        self._calls = threading.local()
        _running.append(self)
        notifications._send_event_bridge_message = _told  # pyright: ignore[reportPrivateUsage]

    def stop(self) -> None:
        """Deliver nothing more."""
        _running.remove(self)

    def routes(self) -> AdminRoutes:
        """Hold what happens from now on; deliver it in a random order, a share of it twice."""
        return {("POST", "events/hold"): self._hold, ("POST", "events/release"): self._release}

    def during(self, reason: str, source_ip: str, call: Callable[[], bool]) -> None:
        """Make a `call`; what it did with objects for this `reason` is told if it answers that it did.

        The object is complete when its event is on its way, and is told of once.
        """
        found: list[Mapping[str, Any]] = []
        self._calls.found, self._calls.source_ip, _caller.events = found, source_ip, self
        try:
            done = call()
        finally:
            del self._calls.found, self._calls.source_ip, _caller.events
        for event in found if done else ():
            if event["detail"].get("reason") == reason:
                self._tell(event)

    def happened(self, account_id: str, bucket: FakeBucket, event_name: str, key: Any) -> None:
        """moto's word for it."""
        event = self._event(account_id, bucket, str(getattr(event_name, "value", event_name)), key)
        found: list[Mapping[str, Any]] | None = getattr(self._calls, "found", None)
        if found is None:
            self._tell(event)
        else:
            found.append(event)

    def _tell(self, event: Mapping[str, Any]) -> None:
        with self._lock:
            if self._held is not None:
                self._held.append(event)
                return
        self._deliver(event)

    def _event(self, account_id: str, bucket: FakeBucket, event_name: str, key: Any) -> dict[str, Any]:
        what: dict[str, Any] = {"key": key.name}
        kind = notifications._detail_type(event_name)  # pyright: ignore[reportPrivateUsage]
        if kind == CREATED:
            what["size"] = key.size
        if getattr(key, "etag", None):
            what["etag"] = key.etag.strip('"')
        if bucket.is_versioned:
            what["version-id"] = key.version_id
        what["sequencer"] = self._next()
        detail: dict[str, Any] = {
            "version": "0",
            "bucket": {"name": bucket.name},
            "object": what,
            "request-id": uuid.uuid4().hex[:16].upper(),
            "requester": account_id,
            "source-ip-address": getattr(self._calls, "source_ip", "127.0.0.1"),
        }
        if event_name in REASONS:
            detail["reason"] = REASONS[event_name]
        if kind == "Object Deleted":
            detail["deletion-type"] = "Permanently Deleted"
        return {
            "version": "0",
            "id": str(uuid.uuid4()),
            "detail-type": kind,
            "source": "aws.s3",
            "account": account_id,
            "time": datetime.now(UTC).strftime(_TIME),
            "region": bucket.region_name,
            "resources": [f"arn:aws:s3:::{bucket.name}"],
            "detail": detail,
        }

    def _next(self) -> str:
        """A hexadecimal number that grows with every change of any object."""
        with self._lock:
            self._sequencer = max(self._sequencer + 1, time.time_ns())
            return f"00{self._sequencer:X}"

    def _hold(self, call: AdminCall) -> dict[str, Any]:
        del call
        buckets = [bucket for bucket in _buckets() if _tells(bucket)]
        if not buckets:
            raise LookupError("no bucket tells EventBridge what happens in it")
        with self._lock:
            self._held = self._held or []
        return {"buckets": [bucket.name for bucket in buckets]}

    def _release(self, call: AdminCall) -> dict[str, int]:
        wish = Shuffle.wanted(call.body)
        with self._lock:
            held, self._held = self._held, None
        if held is None:
            raise LookupError("no events are held")
        deliveries = wish.deliveries(held)
        for event in deliveries:
            self._deliver(event)
        return {"events": len(held), "deliveries": len(deliveries)}


_running: Final[list[ObjectEvents]] = []
_caller: Final = threading.local()
"""moto is one for all clouds of a process, of which tests start several: the one that was called is told, or
the last one that runs."""


def _told(account_id: str, bucket: FakeBucket, event_name: str, key: Any) -> None:
    called: ObjectEvents | None = getattr(_caller, "events", None)
    for events in [called] if called else _running[-1:]:
        events.happened(account_id, bucket, event_name, key)


def _buckets() -> list[FakeBucket]:
    return list(s3_backends[ACCOUNT]["aws"].buckets.values())


def _tells(bucket: FakeBucket) -> bool:
    told = bucket.notification_configuration
    return told is not None and told.event_bridge is not None
