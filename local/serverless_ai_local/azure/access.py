"""Who may do what: every call of a service is checked against the role assignments that are deployed."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from serverless_ai_local.aws.iam.ledger import Check, Ledger
from serverless_ai_local.azure.calls import Call, ServiceFault
from serverless_ai_local.azure.entra import Entra, InvalidTokenError, Principal
from serverless_ai_local.azure.estate import Estate
from serverless_ai_local.azure.place import ADMINISTRATOR
from serverless_ai_local.azure.roles import COSMOS_ROLES, ROLES, Role

ASSIGNMENT = "authorization:RoleAssignment"
COSMOS_ASSIGNMENT = "cosmosdb:SqlResourceSqlRoleAssignment"


class Access:
    """Verifies tokens and checks role assignments; each check of a managed identity is written down."""

    def __init__(self, estate: Estate, entra: Entra, ledger: Ledger) -> None:
        self._estate, self._entra, self._ledger = estate, entra, ledger

    def caller(self, call: Call, audiences: Sequence[str], refusal: ServiceFault) -> Principal:
        """Who sent a bearer token for one of these audiences; `refusal` is raised if there is none."""
        try:
            return self.principal(call.bearer, audiences)
        except InvalidTokenError as error:
            text = f"{refusal.message} ({error})"
            raise ServiceFault(refusal.status, refusal.code, text, refusal.headers) from None

    def principal(self, token: str, audiences: Sequence[str]) -> Principal:
        """Whose token it is. Raises `InvalidTokenError`."""
        claims = self._entra.verify(token, audiences)
        oid = str(claims["oid"])
        return Principal(oid=oid, name=self._name(oid, str(claims.get("xms_mirid", ""))))

    def allows(self, who: Principal, scope: str, *actions: str, refusal: str) -> bool:
        """Whether an assignment on `scope` or around it allows any one of the actions, the usual one first.

        `refusal` is what the service says if not.
        """
        roles = [
            ROLES[_definition(one.inputs)]
            for one in self._estate.all(ASSIGNMENT)
            if one.inputs["principalId"] == who.oid
            and _within(scope, str(one.inputs["scope"]))
            and _definition(one.inputs) in ROLES
        ]
        return self._noted(who, scope, roles, actions, refusal)

    def allows_records(self, who: Principal, account: str, scope: str, action: str, *, refusal: str) -> bool:
        """The same by the assignments of a Cosmos DB account's own data plane."""
        roles = [
            COSMOS_ROLES[_definition(one.inputs)]
            for one in self._estate.all(COSMOS_ASSIGNMENT, under=account)
            if one.inputs["principalId"] == who.oid
            and _within(scope, str(one.inputs["scope"]))
            and _definition(one.inputs) in COSMOS_ROLES
        ]
        return self._noted(who, scope, roles, (action,), refusal)

    def _noted(
        self, who: Principal, scope: str, roles: Sequence[Role], actions: Sequence[str], refusal: str
    ) -> bool:
        if who.oid == ADMINISTRATOR:
            return True
        used = next((action for action in actions for role in roles if _may(role, action)), None)
        self._ledger.add(
            Check(
                role=who.name or who.oid,
                action=used or actions[0],
                resource=scope,
                allowed=used is not None,
                message="" if used else refusal,
            )
        )
        return used is not None

    def _name(self, oid: str, resource_id: str) -> str:
        found = self._estate.get(resource_id) if resource_id else None
        return found.name if found else oid


def _definition(inputs: Mapping[str, object]) -> str:
    return str(inputs["roleDefinitionId"]).rsplit("/", 1)[-1].lower()


def _within(resource: str, scope: str) -> bool:
    whole, around = resource.lower(), scope.lower().rstrip("/")
    return whole == around or whole.startswith(around + "/")


def _may(role: Role, action: str) -> bool:
    return any(_matches(pattern, action) for pattern in (*role.data_actions, *role.actions))


def _matches(pattern: str, action: str) -> bool:
    words = (re.escape(word) for word in pattern.split("*"))
    return re.fullmatch(".*".join(words), action, re.IGNORECASE) is not None
