"""API Management: a request with a subscription's key goes through the API's policies to its backend."""

from __future__ import annotations

import hmac
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Final
from urllib.parse import urlsplit

from werkzeug.wrappers import Response

from serverless_ai_local.azure import place
from serverless_ai_local.azure.calls import Call, reply
from serverless_ai_local.azure.estate import Estate, Resource
from serverless_ai_local.azure.gateway.policies import Passing, Policies, Step, Stopped

KEY_HEADER: Final = "ocp-apim-subscription-key"
KEY_QUERY: Final = "subscription-key"
SERVICE: Final = "apimanagement:ApiManagementService"
API: Final = "apimanagement:Api"
OPERATION: Final = "apimanagement:ApiOperation"
POLICY: Final = "apimanagement:ApiPolicy"
SUBSCRIPTION: Final = "apimanagement:Subscription"
_MISSING: Final = (
    "Access denied due to missing subscription key. Make sure to include subscription key when making "
    "requests to an API."
)
_INVALID: Final = (
    "Access denied due to invalid subscription key. Make sure to provide a valid key for an active "
    "subscription."
)

Backend = Callable[[Call], Response]


class ApiManagement:
    """All services; backends are apps of this cloud."""

    def __init__(
        self, estate: Estate, policies: Policies, key_of: Callable[[str], str], sites: Backend
    ) -> None:
        self._estate, self._policies, self._key_of, self._sites = estate, policies, key_of, sites
        self._steps: dict[str, tuple[str, Sequence[Step]]] = {}

    def check(self, resource: Resource) -> None:
        """Raises `PolicyError` for a policy that would not be executed."""
        if resource.kind == POLICY:
            self._policies.read(resource.id, str(resource.inputs["value"]))

    def __call__(self, call: Call) -> Response:
        service = self._estate.find(SERVICE, call.parts[0])
        api = self._api(service, call) if service else None
        if service is None or api is None:
            return _stop(Stopped(404, "Resource not found"))
        try:
            passing = Passing(dict(call.headers), self._subscription(service, api, call))
            for step in self._inbound(api):
                step(passing)
        except Stopped as stopped:
            return _stop(stopped)
        target = urlsplit(str(api.inputs["serviceUrl"])).path.removeprefix(place.PREFIX).split("/")
        if target[0] != place.SITES:
            return _stop(Stopped(502, "the local gateway reaches apps of the local cloud only"))
        rest = call.parts[1 + len(_words(api.inputs.get("path"))) :]
        parts = (*(word for word in target[1:] if word), *rest)
        return self._sites(replace(call, parts=parts, headers=passing.headers))

    def _api(self, service: Resource, call: Call) -> Resource | None:
        path = call.parts[1:]
        for api in self._estate.all(API, under=service.id):
            words = _words(api.inputs.get("path"))
            for operation in self._estate.all(OPERATION, under=api.id):
                template = (*words, *_words(operation.inputs["urlTemplate"]))
                if operation.inputs["method"] == call.method and _fits(template, path):
                    return api
        return None

    def _subscription(self, service: Resource, api: Resource, call: Call) -> str:
        given = call.headers.get(KEY_HEADER) or call.query.get(KEY_QUERY, "")
        for one in self._estate.all(SUBSCRIPTION, under=service.id):
            scope = str(one.inputs.get("scope", "")).lower()
            active = one.inputs.get("state", "active") == "active"
            fits = scope in (api.id.lower(), service.id.lower(), "/apis", f"/apis/{api.name}".lower())
            if active and fits and hmac.compare_digest(given.encode(), self._key_of(one.id).encode()):
                return one.id
        if api.inputs.get("subscriptionRequired", True):
            raise Stopped(401, _INVALID if given else _MISSING)
        return ""

    def _inbound(self, api: Resource) -> Sequence[Step]:
        found = next(iter(self._estate.all(POLICY, under=api.id)), None)
        if found is None:
            return ()
        text = str(found.inputs["value"])
        kept = self._steps.get(found.id)
        if kept is None or kept[0] != text:
            kept = self._steps[found.id] = (text, self._policies.read(found.id, text))
        return kept[1]


def _words(path: object) -> tuple[str, ...]:
    return tuple(word for word in str(path or "").split("/") if word)


def _fits(template: Sequence[str], path: Sequence[str]) -> bool:
    return len(template) == len(path) and all(
        word.startswith("{") or word == given for word, given in zip(template, path, strict=True)
    )


def _stop(stopped: Stopped) -> Response:
    return reply({"statusCode": stopped.status, "message": stopped.message}, stopped.status, stopped.headers)
