"""A fake of IoT Hub: devices get keys, and what they send over HTTPS is told by Event Grid."""

from __future__ import annotations

import hashlib
import hmac
import json
import secrets
import threading
import time
from base64 import b64decode, b64encode
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any, Final
from urllib.parse import parse_qs, quote, unquote

from werkzeug.wrappers import Response

from serverless_ai_local.azure.access import Access
from serverless_ai_local.azure.calls import Call, ServiceFault, reply
from serverless_ai_local.azure.estate import Estate, Resource
from serverless_ai_local.plain import is_list, is_mapping

HUB: Final = "iothub:IotHubResource"
AUDIENCES: Final = ("https://iothubs.azure.net",)
REGISTER: Final = "Microsoft.Devices/IotHubs/devices/write"
TELEMETRY: Final = "Microsoft.Devices.DeviceTelemetry"
ENDPOINT: Final = "eventgrid"
MAX_BYTES: Final = 256 * 1024
_APP: Final = "iothub-app-"
_SCHEME: Final = "SharedAccessSignature "
_UNAUTHORIZED: Final = ServiceFault(401, "401002", "IotHubUnauthorizedAccess")

Tell = Callable[[Resource, str, str, Mapping[str, Any]], None]
"""Resource, type of the event, subject, data."""


class IotHubs:
    """All hubs. The key of a device is known to whoever registered it."""

    def __init__(self, estate: Estate, access: Access, tell: Tell) -> None:
        self._estate, self._access, self._tell = estate, access, tell
        self._keys: dict[tuple[str, str], str] = {}
        self._lock = threading.Lock()

    def check(self, resource: Resource) -> None:
        """Raises `ValueError` for a route that would not be acted on."""
        if resource.kind != HUB:
            return
        for route in _routes(resource):
            asked = (route.get("source"), route.get("condition", "true"), route.get("endpointNames"))
            if asked != ("DeviceMessages", "true", [ENDPOINT]):
                text = f"of DeviceMessages, with the condition true, to the endpoint {ENDPOINT}"
                raise ValueError(
                    f"the route {route.get('name')} is not offered locally; there are routes {text}"
                )

    def __call__(self, call: Call) -> Response:
        try:
            return self._answer(call)
        except ServiceFault as fault:
            return reply({"Message": f"ErrorCode:{fault.code};{fault.message}"}, fault.status)

    def _answer(self, call: Call) -> Response:
        hub = self._estate.find(HUB, call.parts[0])
        if hub is None:
            raise ServiceFault(404, "404001", "IotHubNotFound")
        if call.parts[1:2] == ("devices",) and len(call.parts) == 3 and call.method == "PUT":
            return self._register(call, hub, call.parts[2])
        if (
            call.method == "POST"
            and call.parts[1::2] == ("devices", "messages")
            and call.parts[4:] == ("events",)
        ):
            return self._send(call, hub, call.parts[2])
        raise ServiceFault(501, "501000", f"{call.method} {call.target} is not offered by the local IoT Hub")

    def _register(self, call: Call, hub: Resource, device: str) -> Response:
        who = self._access.caller(call, AUDIENCES, _UNAUTHORIZED)
        if not self._access.allows(who, hub.id, REGISTER, refusal="IotHubUnauthorizedAccess"):
            raise _UNAUTHORIZED
        with self._lock:
            place = (hub.id.lower(), device)
            key = self._keys.setdefault(place, b64encode(secrets.token_bytes(32)).decode())
        keys = {"primaryKey": key, "secondaryKey": key}
        return reply({"deviceId": device, "authentication": {"type": "sas", "symmetricKey": keys}})

    def _send(self, call: Call, hub: Resource, device: str) -> Response:
        with self._lock:
            key = self._keys.get((hub.id.lower(), device), "")
        resource = str(hub.outputs["properties"]["hostName"]).partition("://")[2] + f"/devices/{device}"
        if not key or not _signed(call.headers.get("authorization", ""), resource, key):
            raise _UNAUTHORIZED
        if len(call.body) > MAX_BYTES:
            raise ServiceFault(413, "413001", "MessageTooLarge")
        kind, encoding = (
            call.headers.get(f"iothub-{name}", "") for name in ("contenttype", "contentencoding")
        )
        system = {
            "iothub-connection-device-id": device,
            "iothub-connection-auth-method": '{"scope":"device","type":"sas","issuer":"iothub"}',
            "iothub-enqueuedtime": datetime.now(UTC).isoformat().replace("+00:00", "Z"),
            "iothub-message-source": "Telemetry",
            **({"iothub-content-type": kind} if kind else {}),
            **({"iothub-content-encoding": encoding} if encoding else {}),
        }
        own = {key[len(_APP) :]: text for key, text in call.headers.items() if key.startswith(_APP)}
        data = {"properties": own, "systemProperties": system, "body": _body(call.body, kind, encoding)}
        if any(route.get("isEnabled") for route in _routes(hub)):
            self._tell(hub, TELEMETRY, f"devices/{device}", data)
        return Response(status=204)


def signature(resource: str, key: str, expires_at: int) -> str:
    """What a device sends as Authorization; `resource` is HOST/devices/DEVICE."""
    place = quote(resource, safe="")
    mac = hmac.new(b64decode(key), f"{place}\n{expires_at}".encode(), hashlib.sha256).digest()
    return f"{_SCHEME}sr={place}&sig={quote(b64encode(mac).decode(), safe='')}&se={expires_at}"


def _signed(header: str, resource: str, key: str) -> bool:
    if not header.startswith(_SCHEME):
        return False
    given = {name: values[0] for name, values in parse_qs(header.removeprefix(_SCHEME)).items()}
    end = given.get("se", "")
    if not end.isdigit() or int(end) <= time.time():
        return False
    wanted = parse_qs(signature(resource, key, int(end)).removeprefix(_SCHEME))["sig"][0]
    same = unquote(given.get("sr", "")).lower() == resource.lower()
    return same and hmac.compare_digest(given.get("sig", "").encode(), wanted.encode())


def _routes(hub: Resource) -> list[dict[str, Any]]:
    routes = hub.part("properties", "routing").get("routes")
    return [route for route in routes if is_mapping(route)] if is_list(routes) else []


def _body(content: bytes, kind: str, encoding: str) -> Any:
    """JSON as it is if the device calls it JSON in UTF-8, everything else as base64."""
    if kind.lower() == "application/json" and encoding.lower() == "utf-8":
        try:
            return json.loads(content)
        except ValueError:
            pass
    return b64encode(content).decode()
