"""Push delivery: with a token, again after a while when it fails, and in the end to the dead letters."""

from __future__ import annotations

import http.client
import json
import logging
import threading
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Final
from urllib.parse import urlsplit

from serverless_ai_local.gcp.iam.authority import Principal
from serverless_ai_local.gcp.project import PUBSUB_AGENT
from serverless_ai_local.gcp.registry import Deployed, Registry
from serverless_ai_local.gcp.services.messages import Message
from serverless_ai_local.gcp.tokens import GoogleTokens

WORKERS: Final = 16
ACKNOWLEDGED: Final = (102, 200, 201, 202, 204)
"""Source: https://cloud.google.com/pubsub/docs/push, read 2026-11."""
DEFAULT_BACKOFF_S: Final = 10.0
_log = logging.getLogger(__name__)


class Deliveries:
    """Pushes in the background. `dead` moves a message that failed too often; whether it could."""

    def __init__(self, registry: Registry, tokens: GoogleTokens, *, retry_s: float) -> None:
        """`retry_s`: most seconds before the first retry here, however long the deployed back-off is."""
        self._registry, self._tokens, self._retry_s = registry, tokens, retry_s
        self.agent = Principal(email=PUBSUB_AGENT)
        self.dead: Callable[[Deployed, Message, int], bool] = lambda subscription, message, attempts: False
        self._workers = ThreadPoolExecutor(WORKERS, thread_name_prefix="push")
        self._timers: set[threading.Timer] = set()
        self._stopped = False
        self._forgotten: dict[str, int] = {}
        """How often what was on its way to a subscription was forgotten, by its uid."""
        self._lock = threading.Lock()

    def forget(self, uid: str) -> None:
        """Deliver nothing more of what is on its way to the subscription with this uid."""
        with self._lock:
            self._forgotten[uid] = self._forgotten.get(uid, 0) + 1

    def push(self, uid: str, message: Message, attempt: int = 1, after_s: float = 0.0) -> None:
        """Deliver to the subscription with this uid, in a while."""
        with self._lock:
            known = self._forgotten.get(uid, 0)

        def begin() -> None:
            with self._lock:
                self._timers.discard(timer)
                if not self._stopped and self._forgotten.get(uid, 0) == known:
                    self._workers.submit(self._deliver, uid, message, attempt)

        timer = threading.Timer(after_s, begin)
        timer.daemon = True
        with self._lock:
            if self._stopped:
                return
            self._timers.add(timer)
        timer.start()

    def stop(self) -> None:
        """Deliver nothing more."""
        with self._lock:
            self._stopped = True
            timers = list(self._timers)
        for timer in timers:
            timer.cancel()
        self._workers.shutdown(wait=False, cancel_futures=True)

    def stuck(self, subscription: Deployed) -> None:
        """Say what the cloud is silent about."""
        topic = subscription.inputs["deadLetterPolicy"]["deadLetterTopic"]
        _log.warning(
            "%s: a message failed too often, but Pub/Sub's own account (%s) may not move it to the "
            "dead letters: it needs roles/pubsub.publisher on %s and roles/pubsub.subscriber on the "
            "subscription. It is delivered again, as in the cloud.",
            subscription.id,
            self.agent.email,
            topic,
        )

    def _deliver(self, uid: str, message: Message, attempt: int) -> None:
        try:
            subscription = self._registry.by_uid(uid)
        except LookupError:
            return
        try:
            answer = self._post(subscription, message, attempt)
        except (OSError, http.client.HTTPException) as error:
            _log.warning("%s: push failed: %s", subscription.id, error)
            answer = 0
        if answer in ACKNOWLEDGED:
            return
        policy: Mapping[str, Any] | None = subscription.inputs.get("deadLetterPolicy")
        if policy is not None and attempt >= policy.get("maxDeliveryAttempts", 5):
            if self.dead(subscription, message, attempt):
                return
            self.stuck(subscription)
        self.push(uid, message, attempt + 1, self._pause(subscription, attempt))

    def _pause(self, subscription: Deployed, attempt: int) -> float:
        """Exponential between the deployed bounds, with the first one shortened."""
        policy: Mapping[str, str] = subscription.inputs.get("retryPolicy") or {}
        first = min(self._retry_s, _seconds(policy.get("minimumBackoff"), DEFAULT_BACKOFF_S))
        return min(first * 2 ** min(attempt - 1, 10), _seconds(policy.get("maximumBackoff"), 600.0))

    def _post(self, subscription: Deployed, message: Message, attempt: int) -> int:
        push = subscription.inputs["pushConfig"]
        body: dict[str, Any] = {"message": message.pushed(), "subscription": subscription.id}
        if subscription.inputs.get("deadLetterPolicy") is not None:
            body["deliveryAttempt"] = attempt
        headers = {"Content-Type": "application/json", "User-Agent": "APIs-Google (local)"}
        oidc = push.get("oidcToken")
        if oidc is not None:
            audience = oidc.get("audience") or push["pushEndpoint"]
            token = self._tokens.id_token(oidc["serviceAccountEmail"], audience)
            headers["Authorization"] = f"Bearer {token}"
        return post(
            push["pushEndpoint"],
            json.dumps(body).encode(),
            headers,
            float(subscription.inputs.get("ackDeadlineSeconds", 10)),
        )


def post(url: str, body: bytes, headers: Mapping[str, str], timeout_s: float, method: str = "POST") -> int:
    """The status of the answer; raises OSError or HTTPException if there is none in time."""
    parts = urlsplit(url)
    kind = http.client.HTTPSConnection if parts.scheme == "https" else http.client.HTTPConnection
    connection = kind(str(parts.hostname), parts.port, timeout=timeout_s)
    try:
        connection.request(
            method, parts.path + (f"?{parts.query}" if parts.query else ""), body, dict(headers)
        )
        response = connection.getresponse()
        response.read()
        return response.status
    finally:
        connection.close()


def _seconds(text: str | None, otherwise: float) -> float:
    return float(text.removesuffix("s")) if text else otherwise
