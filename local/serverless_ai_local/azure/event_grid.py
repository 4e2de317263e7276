"""A fake of Event Grid: CloudEvents of topics, and of resources that tell of themselves, go into queues."""

from __future__ import annotations

import json
import threading
import uuid
from base64 import b64encode
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Final

from werkzeug.wrappers import Response

from serverless_ai_local.admin import AdminCall, AdminRoutes
from serverless_ai_local.azure.access import Access
from serverless_ai_local.azure.blobs import ADD as ADD_BLOB
from serverless_ai_local.azure.blobs import CONTAINER, WRITE, Blobs
from serverless_ai_local.azure.calls import Call, ServiceFault, error_reply
from serverless_ai_local.azure.entra import Principal
from serverless_ai_local.azure.estate import Estate, Resource, part
from serverless_ai_local.azure.event_filters import check, matches
from serverless_ai_local.azure.queue_client import QueueClient
from serverless_ai_local.azure.queues import Queues
from serverless_ai_local.plain import is_list, is_mapping
from serverless_ai_local.shuffle import Shuffle

AUDIENCES: Final = ("https://eventgrid.azure.net",)
SEND: Final = "Microsoft.EventGrid/events/send/action"
SUBSCRIPTIONS: Final = {
    "eventgrid:Topic": "eventgrid:TopicEventSubscription",
    "eventgrid:SystemTopic": "eventgrid:SystemTopicEventSubscription",
}
"""By the type of the topic."""
SYSTEM_TOPIC: Final = "eventgrid:SystemTopic"
RETENTION_S: Final = 7 * 86_400
MAX_BYTES: Final = 1024 * 1024
_REQUIRED: Final = ("id", "source", "type", "specversion")
_NO_TOKEN: Final = ServiceFault(
    401, "Unauthorized", "The request authorization key is not authorized for this topic."
)
_DENIED: Final = "This request is not authorized to perform this operation using this permission."


class EventGrid:
    """All topics. Delivery is tried again as often as the subscription says, then the event is kept apart."""

    def __init__(
        self, estate: Estate, access: Access, queues: Queues, blobs: Blobs, *, retry_s: float
    ) -> None:
        """`retry_s`: seconds between two attempts (Azure: from ten seconds on, growing)."""
        self._estate, self._access, self._queues, self._blobs = estate, access, queues, blobs
        self._retry_s = retry_s
        self._duplicates = 0
        self._held: list[tuple[str, Mapping[str, Any]]] | None = None
        self._lock = threading.Lock()
        self._stopped = threading.Event()
        blobs.told.append(self.tell)

    def routes(self) -> AdminRoutes:
        """Hold what resources tell of themselves from now on; deliver it in a random order, a share twice."""
        return {("POST", "events/hold"): self._hold, ("POST", "events/release"): self._release}

    def check(self, resource: Resource) -> None:
        """Raises `ValueError` for a filter that would not be acted on."""
        if resource.kind in SUBSCRIPTIONS.values():
            check(resource.part("filter"))

    def duplicate(self, times: int) -> None:
        """Deliver the next event so many times more, as happens: delivery is at least once."""
        with self._lock:
            self._duplicates += times

    def stop(self) -> None:
        self._stopped.set()

    def __call__(self, call: Call) -> Response:
        try:
            return self._answer(call)
        except ServiceFault as fault:
            return error_reply(fault)

    def _answer(self, call: Call) -> Response:
        topic = self._estate.find("eventgrid:Topic", call.parts[0])
        if topic is None:
            raise ServiceFault(404, "ResourceNotFound", f"there is no topic {call.parts[0]}")
        if "aeg-sas-key" in call.headers or "aeg-sas-token" in call.headers:
            raise ServiceFault(401, "Unauthorized", "Local authentication is disabled for this topic.")
        who = self._access.caller(call, AUDIENCES, _NO_TOKEN)
        if call.method != "POST" or call.parts[1:] != ("api", "events"):
            raise ServiceFault(404, "NotFound", f"{call.method} {call.target} is not offered locally")
        refusal = (
            "The principal associated with access token presented with the incoming request does not have "
            f"permission to send data to {topic.id}."
        )
        if not self._access.allows(who, topic.id, SEND, refusal=refusal):
            raise ServiceFault(401, "Unauthorized", refusal)
        for event in _events(call):
            self._take(topic, event)
        return Response(status=200)

    def tell(self, source: Resource, kind: str, subject: str, data: Mapping[str, Any]) -> None:
        """What a resource tells of itself, for the system topics that are made of it."""
        event = {
            "specversion": "1.0",
            "id": str(uuid.uuid4()),
            "source": source.id,
            "type": kind,
            "subject": subject,
            "time": datetime.now(UTC).isoformat().replace("+00:00", "Z"),
            "data": data,
        }
        for topic in self._estate.all(SYSTEM_TOPIC):
            if str(topic.inputs.get("source", "")).lower() == source.id.lower():
                with self._lock:
                    held = self._held
                    if held is not None:
                        held.append((topic.id, event))
                if held is None:
                    self._take(topic, event)

    def _hold(self, call: AdminCall) -> dict[str, Any]:
        del call
        topics = self._estate.all(SYSTEM_TOPIC)
        if not topics:
            raise LookupError("no resource of Azure tells Event Grid what happens in it")
        with self._lock:
            self._held = self._held or []
        return {"topics": [topic.name for topic in topics]}

    def _release(self, call: AdminCall) -> dict[str, int]:
        wish = Shuffle.wanted(call.body)
        with self._lock:
            held, self._held = self._held, None
        if held is None:
            raise LookupError("no events are held")
        deliveries = wish.deliveries(held)
        for id_, event in deliveries:
            topic = self._estate.get(id_)
            if topic is not None:
                self._take(topic, event)
        return {"events": len(held), "deliveries": len(deliveries)}

    def _take(self, topic: Resource, event: Mapping[str, Any]) -> None:
        with self._lock:
            times, self._duplicates = 1 + self._duplicates, 0
        for rule in self._estate.all(SUBSCRIPTIONS[topic.kind], under=topic.id):
            if matches(rule.part("filter"), event):
                for _ in range(times):
                    if not self._delivered(topic, rule, event):
                        arguments = (topic.id, rule.id, event)
                        threading.Thread(target=self._retry, args=arguments, daemon=True).start()

    def _retry(self, topic_id: str, rule_id: str, event: Mapping[str, Any]) -> None:
        attempts = 1
        while not self._stopped.wait(self._retry_s):
            topic, rule = self._estate.get(topic_id), self._estate.get(rule_id)
            if topic is None or rule is None:
                return
            policy = rule.part("retryPolicy")
            if attempts >= int(policy.get("maxDeliveryAttempts", 30)):
                self._bury(topic, rule, event, attempts)
                return
            attempts += 1
            if self._delivered(topic, rule, event):
                return

    def _delivered(self, topic: Resource, rule: Resource, event: Mapping[str, Any]) -> bool:
        destination = rule.part("deliveryWithResourceIdentity", "destination")
        account = self._estate.get(str(destination.get("resourceId", "")))
        if account is None:
            return False
        client = QueueClient(
            estate=self._estate,
            access=self._access,
            queues=self._queues,
            account=account,
            name=str(destination.get("queueName", "")),
            who=_principal(topic),
        )
        ttl = float(destination.get("queueMessageTimeToLiveInSeconds", RETENTION_S))
        try:
            client.put(b64encode(json.dumps(event).encode()).decode(), ttl_s=ttl)
        except ServiceFault:
            return False
        return True

    def _bury(self, topic: Resource, rule: Resource, event: Mapping[str, Any], attempts: int) -> None:
        destination = rule.part("deadLetterWithResourceIdentity", "deadLetterDestination")
        account = self._estate.get(str(destination.get("resourceId", "")))
        name = str(destination.get("blobContainerName", ""))
        container = self._estate.find(CONTAINER, name, account.id) if account else None
        if container is None:
            return
        if not self._access.allows(_principal(topic), container.id, WRITE, ADD_BLOB, refusal=_DENIED):
            return
        now = datetime.now(UTC)
        letter = {
            **event,
            "deadletterreason": "MaxDeliveryAttemptsExceeded",
            "deliveryattempts": attempts,
            "lastdeliveryoutcome": "Unauthorized",
        }
        place = f"{topic.name}/{rule.name}".upper() + now.strftime("/%Y/%m/%d/%H/")
        self._blobs.put(container.id, f"{place}{uuid.uuid4()}.json", json.dumps([letter]).encode())


def _principal(topic: Resource) -> Principal:
    identity = part(topic.outputs, "identity")
    return Principal(oid=str(identity.get("principalId", "")), name=topic.name)


def _events(call: Call) -> list[Mapping[str, Any]]:
    kind = call.headers.get("content-type", "").partition(";")[0].strip().lower()
    if len(call.body) > MAX_BYTES:
        raise ServiceFault(413, "RequestEntityTooLarge", f"a request is at most {MAX_BYTES} bytes")
    try:
        given: object = json.loads(call.body)
    except ValueError:
        raise _bad("the body is not JSON") from None
    if kind == "application/cloudevents+json":
        given = [given]
    elif kind not in ("application/cloudevents-batch+json", "application/json"):
        raise ServiceFault(
            415, "UnsupportedMediaType", f"the topic takes CloudEvents 1.0, not {kind or 'nothing'}"
        )
    if not is_list(given):
        raise _bad("the body must be a list of CloudEvents")
    for event in given:
        _check(event)
    return given


def _check(event: object) -> None:
    if not is_mapping(event):
        raise _bad("an event must be a JSON object")
    for name in _REQUIRED:
        if not isinstance(event.get(name), str) or not event[name]:
            raise _bad(f"a CloudEvent needs {name}")
    if event["specversion"] != "1.0":
        raise _bad("specversion must be 1.0")


def _bad(message: str) -> ServiceFault:
    return ServiceFault(400, "BadRequest", message)
