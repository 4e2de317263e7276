"""The local IoT Hub: who may send as a device, and how Event Grid tells it."""

from __future__ import annotations

import json
import time
from base64 import b64decode
from typing import Any

import pytest
from world import eventually

from serverless_ai_local.azure.iot_hub import signature
from serverless_ai_local.doors.pulumi.clouds import CloudError
from serverless_ai_patterns.azure import roles

HUBS, STORAGE = "https://iothubs.azure.net", "https://storage.azure.com"
ROUTE = {
    "name": "telemetry",
    "source": "DeviceMessages",
    "condition": "true",
    "endpointNames": ["eventgrid"],
    "isEnabled": True,
}


def make_hub(subscription: Any, **route: Any) -> Any:
    routes = [ROUTE | route]
    return subscription.make(
        "iothub:IotHubResource",
        properties={"routing": {"routes": routes}},
        sku={"name": "S1", "capacity": 1},
    )


@pytest.fixture(scope="module")
def hub(subscription: Any) -> Any:
    return make_hub(subscription)


class Device:
    def __init__(self, subscription: Any, call: Any, hub: Any, name: str) -> None:
        self.call, self.url = call, hub.outputs["properties"]["hostName"]
        self.resource = f"{self.url.partition('://')[2]}/devices/{name}"
        reply = call("PUT", f"{self.url}/devices/{name}", subscription.token(HUBS), {"deviceId": name})
        assert reply.status == 200, reply
        self.key = reply.body["authentication"]["symmetricKey"]["primaryKey"]
        self.target = f"{self.url}/devices/{name}/messages/events?api-version=2020-03-13"

    def send(self, body: bytes, *, key: str = "", lasts_s: int = 60, place: str = "", **headers: str) -> Any:
        end = int(time.time()) + lasts_s
        signed = signature(place or self.resource, key or self.key, end)
        named = {f"iothub-{name.replace('_', '-')}": value for name, value in headers.items()}
        return self.call("POST", self.target, None, body, {"authorization": signed, **named})


@pytest.fixture
def device(subscription: Any, call: Any, hub: Any) -> Device:
    return Device(subscription, call, hub, "thermometer")


@pytest.fixture
def told(subscription: Any, call: Any, hub: Any) -> Any:
    account = subscription.make("storage:StorageAccount", kind="StorageV2")
    queue = subscription.make("storage:Queue", accountName=account.name)
    topic = subscription.make(
        "eventgrid:SystemTopic",
        identity={"type": "SystemAssigned"},
        source=hub.id,
        topicType="Microsoft.Devices.IoTHubs",
    )
    subscription.grant(topic.outputs["identity"]["principalId"], roles.SEND_MESSAGES, queue)
    destination = {"endpointType": "StorageQueue", "resourceId": account.id, "queueName": queue.name}
    subscription.make(
        "eventgrid:SystemTopicEventSubscription",
        systemTopicName=topic.name,
        filter={"includedEventTypes": ["Microsoft.Devices.DeviceTelemetry"]},
        deliveryWithResourceIdentity={"destination": destination},
    )
    url = account.outputs["primaryEndpoints"]["queue"] + queue.name

    def arrived() -> list[dict[str, Any]]:
        text = call("GET", f"{url}/messages?numofmessages=32", subscription.token(STORAGE)).body["text"]
        parts = [part.partition("<")[0] for part in text.split("<MessageText>")[1:]]
        return [json.loads(b64decode(part)) for part in parts]

    yield arrived
    subscription.remove(topic)


def test_what_a_device_calls_json_is_told_as_json(device: Device, told: Any, hub: Any) -> None:
    body = json.dumps({"degrees": 90}).encode()
    reply = device.send(body, contenttype="application/json", contentencoding="utf-8", app_room="attic")
    assert reply.status == 204
    (event,) = eventually(told, what="the event")
    assert (event["type"], event["subject"], event["source"]) == (
        "Microsoft.Devices.DeviceTelemetry",
        "devices/thermometer",
        hub.id,
    )
    assert event["data"]["body"] == {"degrees": 90}
    assert event["data"]["properties"] == {"room": "attic"}
    assert event["data"]["systemProperties"]["iothub-connection-device-id"] == "thermometer"


def test_everything_else_is_told_as_base64(device: Device, told: Any) -> None:
    device.send(b"90 degrees")
    device.send(b"{", contenttype="application/json", contentencoding="utf-8")
    bodies = [b64decode(event["data"]["body"]) for event in eventually(told, what="the events")]
    assert bodies == [b"90 degrees", b"{"]


def test_nobody_sends_as_a_device_without_its_key(
    subscription: Any, call: Any, hub: Any, device: Device, told: Any
) -> None:
    other = Device(subscription, call, hub, "other")
    refused = [
        device.send(b"x", key=other.key),
        device.send(b"x", place=other.resource),
        device.send(b"x", lasts_s=-10),
        call("POST", device.target, None, b"x"),
        call("POST", device.target, subscription.token(HUBS), b"x"),
        call("POST", device.target.replace("thermometer", "stranger"), None, b"x"),
    ]
    assert [reply.status for reply in refused] == [401] * 6
    assert told() == []


def test_only_who_may_registers_devices(subscription: Any, call: Any, hub: Any, principal: str) -> None:
    url = f"{hub.outputs['properties']['hostName']}/devices/mine"
    assert call("PUT", url, None, {"deviceId": "mine"}).status == 401
    assert call("PUT", url, subscription.token(HUBS, principal), {"deviceId": "mine"}).status == 401


def test_a_route_that_is_off_tells_nothing(subscription: Any, call: Any, told: Any) -> None:
    silent = make_hub(subscription, isEnabled=False)
    assert Device(subscription, call, silent, "d").send(b"x").status == 204
    assert told() == []


@pytest.mark.parametrize(
    "change", [{"condition": "level = 'high'"}, {"endpointNames": ["hub2"]}, {"source": "TwinChangeEvents"}]
)
def test_a_route_that_nothing_would_act_on_is_refused_at_once(subscription: Any, change: Any) -> None:
    with pytest.raises(CloudError, match="telemetry is not offered"):
        make_hub(subscription, **change)


def test_a_message_that_is_too_large_is_refused(device: Device) -> None:
    assert device.send(b"x" * (256 * 1024 + 1)).status == 413
