"""What a service does as a role that trusts it: Lambda, Scheduler and EventBridge act this way."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any, Protocol

from serverless_ai_local.aws.api import ApiError, Identity
from serverless_ai_local.aws.iam import store
from serverless_ai_local.aws.iam.policy import Asked, Decision, decide
from serverless_ai_local.aws.identities import Credentials

Context = Mapping[str, Sequence[str]]


class Issuer(Protocol):
    """The part of the identities that services need."""

    def issue(self, role_arn: str, session_name: str) -> Credentials: ...


class Checks(Protocol):
    """The part of the authoriser that services need."""

    def check(
        self, identity: Identity, action: str, resource: str, context: Context | None = None
    ) -> None: ...


class ServiceRoles:
    """Lets services act as roles. Nothing is cached: a changed role counts at once."""

    def __init__(self, issuer: Issuer, checks: Checks) -> None:
        self._issuer, self._checks = issuer, checks

    def credentials(self, role_arn: str, service: str, session_name: str) -> Credentials:
        """Credentials of the role. Raises `ApiError` if there is none or it does not trust the service."""
        self.require_trust(role_arn, service)
        return self._issuer.issue(role_arn, session_name)

    def require_trust(self, role_arn: str, service: str, source_arn: str = "") -> None:
        """Raise `ApiError` unless the role exists and its trust policy lets the service assume it."""
        try:
            written: Any = store.role(role_arn).assume_role_policy_document
        except store.NoSuchRole as error:
            raise ApiError("AccessDeniedException", str(error), 403) from None
        document: Mapping[str, Any] = json.loads(written) if isinstance(written, str) else written
        account = role_arn.split(":")[4]
        context = {"aws:SourceAccount": [account], **({"aws:SourceArn": [source_arn]} if source_arn else {})}
        asked = Asked(
            action="sts:AssumeRole", resource=role_arn, context=context, principal=("Service", service)
        )
        if decide([document], asked) is not Decision.ALLOWED:
            raise ApiError(
                "AccessDeniedException", f"the role {role_arn} does not let {service} assume it", 403
            )

    def check(
        self, role_arn: str, session_name: str, action: str, resource: str, context: Context | None = None
    ) -> None:
        """Raise `ApiError` unless the role allows the action to a session with this name."""
        account, role = role_arn.split(":")[4], role_arn.rsplit("/", 1)[-1]
        identity = Identity(
            arn=f"arn:aws:sts::{account}:assumed-role/{role}/{session_name}",
            account=account,
            access_key="",
            role_arn=role_arn,
            user_id=f"{role}:{session_name}",
        )
        self._checks.check(identity, action, resource, context)
