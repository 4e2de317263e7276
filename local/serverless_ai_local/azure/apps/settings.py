"""A function app as it is deployed: its settings as its process gets them, and what its host.json says."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from serverless_ai_local.azure import place
from serverless_ai_local.azure.estate import Resource

REFERENCE: Final = re.compile(r"@Microsoft\.KeyVault\(SecretUri=(.+)\)")
DEFAULT_TIMEOUT_S: Final = 1800.0
"""Of Flex Consumption, where host.json says nothing."""
OVERRIDE: Final = "AzureFunctionsJobHost__"
"""Prefix of app settings that are settings of host.json: `AzureFunctionsJobHost__extensions__queues__...`."""
_NAMED: Final = re.compile(r"%([^%]+)%")
_SPAN: Final = re.compile(r"(?:(\d+)\.)?(\d+):(\d+):(\d+)")


def deployed(app: Resource) -> dict[str, str]:
    """App settings as deployed."""
    listed = app.part("siteConfig").get("appSettings") or ()
    return {str(one["name"]): str(one.get("value", "")) for one in listed}


def environment(endpoint: str, app: Resource, settings: Mapping[str, str], secret: str) -> dict[str, str]:
    """Everything that the process gets; nothing of this machine's own environment."""
    runtime = app.part("functionAppConfig", "runtime")
    return {
        "LANG": "C.UTF-8",
        "PATH": "/usr/local/bin:/usr/bin:/bin",
        "TZ": "UTC",
        **settings,
        "AZURE_FUNCTIONS_ENVIRONMENT": "Production",
        "FUNCTIONS_EXTENSION_VERSION": "~4",
        "FUNCTIONS_WORKER_RUNTIME": str(runtime.get("name", "python")),
        "FUNCTIONS_WORKER_RUNTIME_VERSION": str(runtime.get("version", "")),
        "IDENTITY_ENDPOINT": f"{place.url(endpoint, place.IDENTITY, app.name)}/msi/token",
        "IDENTITY_HEADER": secret,
        "WEBSITE_HOSTNAME": place.url(endpoint, place.SITES, app.name),
        "WEBSITE_SITE_NAME": app.name,
        "WEBSITE_SKU": "FlexConsumption",
    }


def resolved(text: str, settings: Mapping[str, str]) -> str:
    """A binding's text with `%SETTING%` filled in. Raises `KeyError` naming a setting that is missing."""
    return _NAMED.sub(lambda found: settings[found[1]], text)


def seconds(span: str) -> float:
    """`hh:mm:ss` or `d.hh:mm:ss`. Raises `ValueError`."""
    found = _SPAN.fullmatch(span)
    if found is None:
        raise ValueError(f"{span!r} is not a time span such as 00:05:00")
    days, hours, minutes, rest = (int(part or 0) for part in found.groups())
    return float(((days * 24 + hours) * 60 + minutes) * 60 + rest)


@dataclass(frozen=True, kw_only=True, slots=True)
class HostFile:
    """host.json, as far as the host acts on it. Defaults are those of the Functions host 4."""

    timeout_s: float = DEFAULT_TIMEOUT_S
    route_prefix: str = "api"
    deliveries: int = 5
    visibility_s: float = 0.0
    batch: int = 16

    @classmethod
    def read(cls, text: bytes, environment: Mapping[str, str]) -> HostFile:
        """App settings take the place of what the file says. Raises `ValueError` for what is no host.json."""
        content: dict[str, Any] = json.loads(text)
        for name, value in environment.items():
            if name.startswith(OVERRIDE):
                *parents, last = name.removeprefix(OVERRIDE).split("__")
                place = content
                for one in parents:
                    place = place.setdefault(one, {})
                place[last] = value
        extensions: Mapping[str, Any] = content.get("extensions", {})
        queues: Mapping[str, Any] = extensions.get("queues", {})
        timeout = content.get("functionTimeout")
        return cls(
            timeout_s=seconds(timeout) if timeout else DEFAULT_TIMEOUT_S,
            route_prefix=str(extensions.get("http", {}).get("routePrefix", "api")),
            deliveries=int(queues.get("maxDequeueCount", 5)),
            visibility_s=seconds(queues.get("visibilityTimeout", "00:00:00")),
            batch=int(queues.get("batchSize", 16)),
        )
