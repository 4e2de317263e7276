"""Eventarc: what services tell of themselves, as CloudEvents to the functions of triggers that match."""

from __future__ import annotations

import logging
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Final

from serverless_ai_local.admin import AdminCall, AdminRoutes
from serverless_ai_local.gcp import project, types
from serverless_ai_local.gcp.iam.authority import Authority, Principal
from serverless_ai_local.gcp.registry import Deployed, Registry
from serverless_ai_local.gcp.resources.functions import PATH
from serverless_ai_local.gcp.services.delivery import ACKNOWLEDGED, post
from serverless_ai_local.gcp.services.documents import Document
from serverless_ai_local.gcp.services.firestore import Firestore
from serverless_ai_local.gcp.services.happenings import (
    Happening,
    document_written,
    object_deleted,
    object_finalized,
)
from serverless_ai_local.gcp.services.storage import Storage
from serverless_ai_local.gcp.tokens import GoogleTokens
from serverless_ai_local.shuffle import Shuffle

SERVICE: Final = "eventarc.googleapis.com"
RECEIVE: Final = "eventarc.events.receiveEvent"
PUBLISH: Final = "pubsub.topics.publish"
WORKERS: Final = 16
ATTEMPTS: Final = 8
"""Here; Eventarc goes on for a day."""
TIMEOUT_S: Final = 60.0
_log = logging.getLogger(__name__)


class Eventarc:
    """All triggers. Delivery is at least once, tried again after a while."""

    def __init__(
        self,
        registry: Registry,
        authority: Authority,
        tokens: GoogleTokens,
        storage: Storage,
        firestore: Firestore,
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
        self._held: list[Happening] | None = None
        storage.finalized.append(lambda stored: self.tell(object_finalized(stored)))
        storage.deleted.append(lambda stored: self.tell(object_deleted(stored)))
        firestore.written.append(self._written)

    def routes(self) -> AdminRoutes:
        """Hold what is told from now on; deliver it in a random order, a share of it twice."""
        return {("POST", "events/hold"): self._hold, ("POST", "events/release"): self._release}

    def stop(self) -> None:
        self._stopped.set()
        self._workers.shutdown(wait=False, cancel_futures=True)

    def _written(
        self, database: Deployed, name: str, before: Document | None, after: Document | None
    ) -> None:
        self.tell(document_written(database, name, before, after))

    def tell(self, happening: Happening) -> None:
        """Deliver it to all triggers that ask for it, or hold it."""
        with self._lock:
            if self._held is not None:
                self._held.append(happening)
                return
        self._tell(happening)

    def _tell(self, happening: Happening) -> None:
        for trigger in self._registry.all(types.TRIGGER):
            if not happening.fits(trigger.inputs["matchingCriterias"]):
                continue
            if self._may_publish(happening, f"projects/{trigger.project}"):
                self._workers.submit(self._deliver, trigger.uid, happening, 1)
            else:
                _log.warning("%s: %s may not publish: the event is lost", trigger.id, happening.by_pubsub)

    def _may_publish(self, happening: Happening, place: str) -> bool:
        if not happening.by_pubsub:
            return True
        agent = Principal(email=project.agent(happening.by_pubsub))
        return self._authority.allows(agent, PUBLISH, place, service="pubsub.googleapis.com")

    def _deliver(self, uid: str, event: Happening, attempt: int) -> None:
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

    def _again(self, uid: str, event: Happening, attempt: int) -> None:
        if not self._stopped.is_set():
            self._workers.submit(self._deliver, uid, event, attempt)

    def _post(self, trigger: Deployed, event: Happening) -> int:
        account = str(trigger.inputs["serviceAccount"])
        who = Principal(email=account)
        if not self._authority.allows(who, RECEIVE, f"projects/{trigger.project}", service=SERVICE):
            return 403
        service = trigger.inputs["destination"]["cloudRunService"]
        base = f"{self._url}{PATH}/{service.get('region', trigger.region)}/{service['service']}"
        token = self._tokens.id_token(account, base)
        headers = {**event.headers, "authorization": f"Bearer {token}"}
        return post(base + service.get("path", "/"), event.body, headers, TIMEOUT_S)

    def _hold(self, call: AdminCall) -> dict[str, Any]:
        triggers = self._registry.all(types.TRIGGER)
        if not triggers:
            raise LookupError("no trigger of Google Cloud takes events")
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
        for happening in deliveries:
            self._tell(happening)
        return {"events": len(held), "deliveries": len(deliveries)}
