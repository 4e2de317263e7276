"""Who asks, and what of: claims of a verified token -> tenant and tags."""

from __future__ import annotations

from typing import NamedTuple, cast

from serverless_ai_runtime.core.rag.ports import Access
from serverless_ai_runtime.core.replies import Rejection
from serverless_ai_runtime.core.requests import Caller


class Claims(NamedTuple):
    """Names of the claims that count; "" = there is none."""

    tenant: str = ""
    """Then every document is of the tenant that its first folder names."""
    tags: str = ""


class NoTenant(Rejection):
    """403: the token does not say whose documents the caller may see."""

    status = 403

    def __init__(self, claim: str) -> None:
        super().__init__("no_tenant", f"the token must name the caller's tenant in the claim {claim}")


def access_of(caller: Caller, claims: Claims) -> Access:
    """Raises `NoTenant`."""
    tenant = ""
    if claims.tenant:
        value = caller.claims.get(claims.tenant)
        if not isinstance(value, str) or not value.strip():
            raise NoTenant(claims.tenant)
        tenant = value
    return Access(tenant, frozenset(_texts(caller.claims.get(claims.tags)) if claims.tags else ()))


def _texts(value: object) -> list[str]:
    """A list of texts, or one text of several: an HTTP API of AWS writes a list as `[a b]`."""
    if isinstance(value, list):
        return [one for one in cast("list[object]", value) if isinstance(one, str) and one]
    if not isinstance(value, str):
        return []
    if value.startswith("[") and value.endswith("]"):
        value = value[1:-1]
    return value.replace(",", " ").split()
