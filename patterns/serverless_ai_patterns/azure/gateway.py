"""The policy of a gateway before the function: whose tokens pass, and how many calls a subscription has.

API Management's `rate-limit` counts calls by subscription key and lets calls without one pass unlimited; its
counterpart by caller does not exist in the Consumption tier. So a gateway asks for a key beside the token.
Source: https://learn.microsoft.com/azure/api-management/rate-limit-policy, read 2026-11.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil
from typing import Final
from xml.sax.saxutils import escape, quoteattr

from serverless_ai_patterns.function_llm import Throttle

KEY_HEADER: Final = "Ocp-Apim-Subscription-Key"
LONGEST_PERIOD_S: Final = 300
"""The longest window that `rate-limit` takes."""

_CODE: Final = ("@(", "@{", "{{")


@dataclass(frozen=True, slots=True)
class Trust:
    """Tokens that are let in: of one of `issuers`, for one of `audiences`."""

    metadata: str
    """URL of the OpenID configuration, which names the issuer's keys."""
    issuers: Sequence[str]
    audiences: Sequence[str]


def entra(tenant_id: str, client_id: str) -> Trust:
    """Tokens of an Entra tenant for the app registration `client_id`, in both of their versions."""
    return Trust(
        metadata=openid_configuration(entra_issuer(tenant_id)),
        issuers=(entra_issuer(tenant_id), f"https://sts.windows.net/{tenant_id}/"),
        audiences=entra_audiences(client_id),
    )


def entra_issuer(tenant_id: str) -> str:
    return f"https://login.microsoftonline.com/{tenant_id}/v2.0"


def entra_audiences(client_id: str) -> tuple[str, ...]:
    """What a token for an app registration may be made out to: its id (version 2) or its URI (version 1)."""
    return (client_id, f"api://{client_id}")


def openid_configuration(issuer: str) -> str:
    return f"{issuer.rstrip('/')}/.well-known/openid-configuration"


def policy(trust: Trust, throttle: Throttle) -> str:
    """The policy document. Raises ValueError for a value that API Management would take for code."""
    for value in (trust.metadata, *trust.issuers, *trust.audiences):
        if not value.isprintable() or any(mark in value for mark in _CODE):
            raise ValueError(
                f"{value!r} cannot be an issuer or audience in API Management: it must be printable and "
                f"without {' '.join(_CODE)}, which begin code there"
            )
    calls, period_s = window(throttle)
    return f"""<policies>
  <inbound>
    <base />
    <validate-jwt header-name="Authorization" require-scheme="Bearer" require-expiration-time="true"
        require-signed-tokens="true" failed-validation-httpcode="401">
      <openid-config url={quoteattr(trust.metadata)} />
      <audiences>{_each("audience", trust.audiences)}</audiences>
      <issuers>{_each("issuer", trust.issuers)}</issuers>
    </validate-jwt>
    <rate-limit calls="{calls}" renewal-period="{period_s}" />
    <set-header name="{KEY_HEADER}" exists-action="delete" />
  </inbound>
  <backend><base /></backend>
  <outbound><base /></outbound>
  <on-error><base /></on-error>
</policies>"""


def window(throttle: Throttle) -> tuple[int, int]:
    """Calls, and the seconds in which a subscription may make them: the burst, at the average rate."""
    period_s = min(LONGEST_PERIOD_S, max(1, ceil(throttle.burst / throttle.requests_per_second)))
    return min(throttle.burst, throttle.requests_per_second * period_s), period_s


def _each(tag: str, values: Sequence[str]) -> str:
    return "".join(f"<{tag}>{escape(value)}</{tag}>" for value in values)
