"""Eventarc: what buckets tell of themselves, as CloudEvents to the functions of triggers that match."""

from __future__ import annotations

import json
import logging
import threading
import uuid
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from typing import Any, Final

from serverless_ai_local.admin import AdminCall, AdminRoutes
from serverless_ai_local.gcp import project, types
from serverless_ai_local.gcp.iam.authority import Authority, Principal
from serverless_ai_local.gcp.registry import Deployed, Registry
from serverless_ai_local.gcp.resources.functions import PATH
from serverless_ai_local.gcp.services.delivery import ACKNOWLEDGED, post
from serverless_ai_local.gcp.services.storage import Storage, Stored
from serverless_ai_local.gcp.tokens import GoogleTokens
from serverless_ai_local.shuffle import Shuffle

FINALIZED: Final = "google.cloud.storage.object.v1.finalized"
SERVICE: Final = "eventarc.googleapis.com"
RECEIVE: Final = "eventarc.events.receiveEvent"
PUBLISH: Final = "pubsub.topics.publish"
WORKERS: Final = 16
ATTEMPTS: Final = 8
"""Here; Eventarc goes on for a day."""
TIMEOUT_S: Final = 60.0
_log = logging.getLogger(__name__)

Event = tuple[Mapping[str, str], bytes]
"""Headers and body of a CloudEvent in binary mode."""


class Eventarc:
    """All triggers. Delivery is at least once, tried again after a while."""

    def __init__(
        self,
        registry: Registry,
        authority: Authority,
        tokens: GoogleTokens,
        storage: Storage,
        *,
        url: str,
        retry_s: float,
    ) -> None:
        """`retry_s`: seconds until the second attempt; each later pause is twice the one before."""
        self._registry, self._authority, self._tokens = registry, authority, tokens
        self._url, self._retry_s = url, retry_s
        self._workers = ThreadPoolExecutor(WORKERS, thread_name_prefix="eventarc")
        self._stopped = threading.Event()
        self._lock = threading.Lock()
        self._held: list[Stored] | None = None
        storage.finalized.append(self._finalized)

    def routes(self) -> AdminRoutes:
        """Hold what buckets tell from now on; deliver it in a random order, a share of it twice."""
        return {("POST", "events/hold"): self._hold, ("POST", "events/release"): self._release}

    def stop(self) -> None:
        self._stopped.set()
        self._workers.shutdown(wait=False, cancel_futures=True)

    def _finalized(self, stored: Stored) -> None:
        with self._lock:
            if self._held is not None:
                self._held.append(stored)
                return
        self._tell(stored)

    def _tell(self, stored: Stored) -> None:
        agent = Principal(email=project.agent("storage.googleapis.com"))
        said = {"type": FINALIZED, "bucket": stored.bucket}
        event = _cloud_event(stored)
        for trigger in self._registry.all(types.TRIGGER):
            if not all(
                said.get(one["attribute"]) == one["value"] for one in trigger.inputs["matchingCriterias"]
            ):
                continue
            place = f"projects/{trigger.project}"
            if self._authority.allows(agent, PUBLISH, place, service="pubsub.googleapis.com"):
                self._workers.submit(self._deliver, trigger.uid, event, 1)
            else:
                _log.warning("%s: Cloud Storage's account may not publish: the event is lost", trigger.id)

    def _deliver(self, uid: str, event: Event, attempt: int) -> None:
        try:
            trigger = self._registry.by_uid(uid)
        except LookupError:
            return
        try:
            status = self._post(trigger, event)
        except OSError as error:
            _log.warning("%s: no answer: %s", trigger.id, error)
            status = 0
        if status in ACKNOWLEDGED or self._stopped.is_set():
            return
        if attempt >= ATTEMPTS:
            _log.warning("%s: an event is given up after %d attempts (%d)", trigger.id, attempt, status)
            return
        pause = self._retry_s * 2 ** (attempt - 1)
        timer = threading.Timer(pause, self._again, (uid, event, attempt + 1))
        timer.daemon = True
        timer.start()

    def _again(self, uid: str, event: Event, attempt: int) -> None:
        if not self._stopped.is_set():
            self._workers.submit(self._deliver, uid, event, attempt)

    def _post(self, trigger: Deployed, event: Event) -> int:
        account = str(trigger.inputs["serviceAccount"])
        who = Principal(email=account)
        if not self._authority.allows(who, RECEIVE, f"projects/{trigger.project}", service=SERVICE):
            return 403
        service = trigger.inputs["destination"]["cloudRunService"]
        base = f"{self._url}{PATH}/{service.get('region', trigger.region)}/{service['service']}"
        token = self._tokens.id_token(account, base)
        headers = {**event[0], "authorization": f"Bearer {token}"}
        return post(base + service.get("path", "/"), event[1], headers, TIMEOUT_S)

    def _hold(self, call: AdminCall) -> dict[str, Any]:
        triggers = self._registry.all(types.TRIGGER)
        if not triggers:
            raise LookupError("no trigger of Google Cloud takes what buckets tell")
        with self._lock:
            self._held = self._held or []
        return {"triggers": [one.id for one in triggers]}

    def _release(self, call: AdminCall) -> dict[str, int]:
        wish = Shuffle.wanted(call.body)
        with self._lock:
            held, self._held = self._held, None
        if held is None:
            raise LookupError("no events are held")
        deliveries = wish.deliveries(held)
        for stored in deliveries:
            self._tell(stored)
        return {"events": len(held), "deliveries": len(deliveries)}


def _cloud_event(stored: Stored) -> Event:
    """Source of the form: https://cloud.google.com/eventarc/docs/cloudevents, read 2026-11."""
    headers = {
        "content-type": "application/json",
        "ce-specversion": "1.0",
        "ce-id": str(uuid.uuid4()),
        "ce-type": FINALIZED,
        "ce-source": f"//storage.googleapis.com/projects/_/buckets/{stored.bucket}",
        "ce-bucket": stored.bucket,
        "ce-time": datetime.now(UTC).isoformat().replace("+00:00", "Z"),
    }
    return headers, json.dumps(stored.wire()).encode()
