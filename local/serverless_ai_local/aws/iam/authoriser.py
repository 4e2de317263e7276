"""May this identity do this? Policies are read at every call, so a changed role counts at once."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Final

from serverless_ai_local.aws.api import ApiError, Identity
from serverless_ai_local.aws.iam import store
from serverless_ai_local.aws.iam.conditions import PolicyError
from serverless_ai_local.aws.iam.ledger import Check, Ledger
from serverless_ai_local.aws.iam.policy import Asked, Decision, decide

DENIED: Final = "AccessDeniedException"


class Authoriser:
    """Checks identities against their own policies and boundaries, and writes the checks of roles down."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger

    def check(
        self,
        identity: Identity,
        action: str,
        resource: str,
        context: Mapping[str, Sequence[str]] | None = None,
    ) -> None:
        """Return if `action` on `resource` is allowed; raise `ApiError` in IAM's words if it is not.

        `context` holds condition keys beyond those every request has. Administrators are always allowed.
        """
        if identity.administrator:
            return
        asked = Asked(action=action, resource=resource, context={**general(identity), **(context or {})})
        refusal = self._refusal(identity, asked)
        if identity.role_arn is not None:
            name = identity.role_arn.rsplit("/", 1)[1]
            allowed = refusal is None
            self._ledger.add(
                Check(role=name, action=action, resource=resource, allowed=allowed, message=refusal or "")
            )
        if refusal is not None:
            raise ApiError(DENIED, refusal, 403)

    def _refusal(self, identity: Identity, asked: Asked) -> str | None:
        subject = (
            f"User: {identity.arn} is not authorized to perform: {asked.action} on resource: {asked.resource}"
        )
        try:
            policies = (
                store.role_policies(identity.role_arn)
                if identity.role_arn
                else store.user_policies(identity.arn)
            )
            layers = [("identity-based policy", policies.identity)]
            if policies.boundary is not None:
                layers.append(("permissions boundary", [policies.boundary]))
            for kind, documents in layers:
                decision = decide(documents, asked)
                if decision is Decision.DENIED:
                    article = "an" if kind.startswith("i") else "a"
                    return f"{subject} with an explicit deny in {article} {kind}"
                if decision is Decision.UNMENTIONED:
                    return f"{subject} because no {kind} allows the {asked.action} action"
        except store.NoSuchRole:
            return f"{subject} because its role does not exist any more"
        except PolicyError as error:
            owner = identity.role_arn or identity.arn
            raise ApiError(
                "InvalidPolicy", f"a policy of {owner} cannot be evaluated: {error}", 500
            ) from error
        return None


def general(identity: Identity) -> dict[str, Sequence[str]]:
    """Condition keys that every request of this identity has."""
    now = datetime.now(UTC)
    context: dict[str, Sequence[str]] = {
        "aws:PrincipalArn": [identity.role_arn or identity.arn],
        "aws:PrincipalAccount": [identity.account],
        "aws:PrincipalType": ["AssumedRole" if identity.role_arn else "User"],
        "aws:userid": [identity.user_id],
        "aws:CurrentTime": [now.strftime("%Y-%m-%dT%H:%M:%SZ")],
        "aws:EpochTime": [str(int(now.timestamp()))],
        "aws:SecureTransport": ["true"],  # as in the cloud; on this machine there is no wire to secure
        "aws:ViaAWSService": ["false"],
    }
    if identity.role_arn is None:
        context["aws:username"] = [identity.arn.rsplit("/", 1)[1]]
    return context
