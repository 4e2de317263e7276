"""Cross-origin calls: preflights are answered by the gateway, and every answer says who may read it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from serverless_ai_local.gateway.event import Incoming, Outgoing

_PREFIX: Final = "access-control-"
_SCHEMES: Final = ("http://*", "https://*")


@dataclass(frozen=True, kw_only=True, slots=True)
class Cors:
    """What was deployed. `max_age_s` 0: not said."""

    origins: Sequence[str]
    methods: Sequence[str]
    headers: Sequence[str]
    exposed: Sequence[str]
    credentials: bool
    max_age_s: int

    def preflight(self, incoming: Incoming) -> Outgoing | None:
        """The answer to a preflight, None for any other request. A preflight needs no route."""
        if incoming.method != "OPTIONS" or not incoming.header("access-control-request-method"):
            return None
        headers = self._allowed(incoming)
        if headers:
            lists = {"methods": self.methods, "headers": self.headers}
            headers += [
                (f"{_PREFIX}allow-{name}", ",".join(values)) for name, values in lists.items() if values
            ]
            if self.max_age_s:
                headers.append((f"{_PREFIX}max-age", str(self.max_age_s)))
        return Outgoing(status=204, body=b"", headers=headers)

    def marked(self, incoming: Incoming, outgoing: Outgoing) -> Outgoing:
        """The answer with the gateway's own headers; those of the function are dropped."""
        kept = [(name, value) for name, value in outgoing.headers if not name.startswith(_PREFIX)]
        headers = self._allowed(incoming)
        if headers and self.exposed:
            headers.append((f"{_PREFIX}expose-headers", ",".join(self.exposed)))
        return Outgoing(status=outgoing.status, body=outgoing.body, headers=[*kept, *headers])

    def _allowed(self, incoming: Incoming) -> list[tuple[str, str]]:
        origin = incoming.header("origin")
        if not origin or not any(_covers(allowed, origin) for allowed in self.origins):
            return []
        anyone = "*" in self.origins and not self.credentials
        headers = [(f"{_PREFIX}allow-origin", "*" if anyone else origin)]
        return [*headers, (f"{_PREFIX}allow-credentials", "true")] if self.credentials else headers


def read(config: Mapping[str, Any] | None) -> Cors | None:
    """From the API's configuration, as moto keeps it."""
    if not config:
        return None
    return Cors(
        origins=[str(one).lower() for one in config.get("allowOrigins") or ()],
        methods=list(config.get("allowMethods") or ()),
        headers=list(config.get("allowHeaders") or ()),
        exposed=list(config.get("exposeHeaders") or ()),
        credentials=bool(config.get("allowCredentials")),
        max_age_s=int(config.get("maxAge") or 0),
    )


def _covers(allowed: str, origin: str) -> bool:
    if allowed in _SCHEMES:
        return origin.lower().startswith(allowed[:-1])
    return allowed in ("*", origin.lower())
