"""API Management's policy documents, read and executed: those policies that we emit, and no other."""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final
from xml.etree import ElementTree

from serverless_ai_local.gateway.deployed import JwtAuthorizer
from serverless_ai_local.gateway.jwt_authorizer import JwtVerifier, TokenError

SECTIONS: Final = ("inbound", "backend", "outbound", "on-error")


class PolicyError(ValueError):
    """A document that the local gateway cannot execute; the text names what."""


class Stopped(Exception):
    """A policy ends the request: status and text are what the caller gets."""

    def __init__(self, status: int, message: str, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(message)
        self.status, self.message, self.headers = status, message, dict(headers or {})


@dataclass(slots=True)
class Passing:
    """A request on its way to the backend."""

    headers: dict[str, str]
    """By lower-case name."""
    subscription: str
    """Id of the subscription whose key came with it; empty if none did."""


Step = Callable[[Passing], None]


class Policies:
    """Makes the inbound steps of a document. Counters live as long as the gateway."""

    def __init__(self, verifier: JwtVerifier, clock: Callable[[], float] = time.monotonic) -> None:
        self._verifier, self._clock = verifier, clock
        self._counts: dict[tuple[str, str], tuple[float, int]] = {}
        self._lock = threading.Lock()

    def read(self, api: str, document: str) -> Sequence[Step]:
        """Raises `PolicyError` for what is not offered, so that nothing is skipped in silence."""
        try:
            root = ElementTree.fromstring(document)  # noqa: S314 - expat of this Python refuses entity bombs
        except ElementTree.ParseError as error:
            raise PolicyError(f"the policy document is not XML: {error}") from None
        if root.tag != "policies" or any(section.tag not in SECTIONS for section in root):
            raise PolicyError(f"a policy document is <policies> with {', '.join(SECTIONS)}")
        steps: list[Step] = []
        for section in root:
            for element in section:
                if element.tag == "base":
                    continue
                if section.tag != "inbound" or element.tag not in self._known():
                    raise PolicyError(
                        f"<{element.tag}> in <{section.tag}> is not offered by the local gateway"
                    )
                steps.append(self._known()[element.tag](api, element))
        return steps

    def _known(self) -> Mapping[str, Callable[[str, ElementTree.Element], Step]]:
        return {
            "rate-limit": self._rate_limit,
            "set-header": _set_header,
            "validate-jwt": self._validate_jwt,
        }

    def _validate_jwt(self, api: str, element: ElementTree.Element) -> Step:
        known = (
            "header-name", "require-scheme", "require-expiration-time", "require-signed-tokens",
            "failed-validation-httpcode", "failed-validation-error-message",
        )  # fmt: skip
        _only(element, known, ("openid-config", "audiences", "issuers"))
        for name in ("require-expiration-time", "require-signed-tokens"):
            if element.get(name, "true") != "true":
                raise PolicyError(f"<validate-jwt {name}> must be true on the local gateway")
        configuration = element.find("openid-config")
        audiences = tuple(one.text or "" for one in element.iterfind("audiences/audience"))
        issuers = [one.text or "" for one in element.iterfind("issuers/issuer")]
        if configuration is None or not audiences or not issuers:
            raise PolicyError("<validate-jwt> needs openid-config, audiences and issuers")
        header = element.get("header-name", "Authorization").lower()
        scheme = element.get("require-scheme", "")
        status = int(element.get("failed-validation-httpcode", "401"))
        message = element.get("failed-validation-error-message", "")

        def step(passing: Passing) -> None:
            given, _, token = passing.headers.get(header, "").partition(" ")
            if not token.strip() or (scheme and given.lower() != scheme.lower()):
                raise Stopped(status, message or "JWT not present.")
            reasons: list[str] = []
            for issuer in issuers:
                try:
                    authorizer = JwtAuthorizer(header=header, issuer=issuer, audience=audiences)
                    self._verifier.verify(token.strip(), authorizer, ())
                except TokenError as error:
                    reasons.append(str(error))
                else:
                    return
            raise Stopped(status, message or f"Invalid JWT: {reasons[0]}")

        return step

    def _rate_limit(self, api: str, element: ElementTree.Element) -> Step:
        _only(element, ("calls", "renewal-period"), ())
        calls, period = int(element.get("calls", "0")), float(element.get("renewal-period", "0"))

        def step(passing: Passing) -> None:
            if not passing.subscription:
                return  # calls without a subscription are not counted, as in Azure
            key, now = (api, passing.subscription), self._clock()
            with self._lock:
                began, count = self._counts.get(key, (now, 0))
                if now - began >= period:
                    began, count = now, 0
                self._counts[key] = (began, count + 1)
            if count >= calls:
                wait = max(1, math.ceil(began + period - now))
                text = f"Rate limit is exceeded. Try again in {wait} seconds."
                raise Stopped(429, text, {"retry-after": str(wait)})

        return step


def _set_header(api: str, element: ElementTree.Element) -> Step:
    _only(element, ("name", "exists-action"), ("value",))
    name, action = element.get("name", "").lower(), element.get("exists-action", "override")
    if action not in ("override", "delete") or not name:
        raise PolicyError(f"<set-header exists-action={action!r}> is not offered by the local gateway")
    value = element.findtext("value") or ""

    def step(passing: Passing) -> None:
        if action == "delete":
            passing.headers.pop(name, None)
        else:
            passing.headers[name] = value

    return step


def _only(element: ElementTree.Element, attributes: Sequence[str], children: Sequence[str]) -> None:
    for name in element.attrib:
        if name not in attributes:
            raise PolicyError(f"<{element.tag} {name}> is not offered by the local gateway")
    for child in element:
        if child.tag not in children:
            raise PolicyError(f"<{child.tag}> in <{element.tag}> is not offered by the local gateway")
