"""Policy documents: what a set of statements says about one action on one resource."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum
from typing import Any, Final

from serverless_ai_local.aws.iam import glob
from serverless_ai_local.aws.iam.conditions import Context, PolicyError, satisfied
from serverless_ai_local.plain import is_list, is_mapping

Document = Mapping[str, Any]
_ELEMENTS: Final = frozenset(
    {"Sid", "Effect", "Action", "NotAction", "Resource", "NotResource", "Principal", "Condition"}
)
_PRINCIPALS: Final = ("AWS", "Service", "Federated", "CanonicalUser")


class Decision(Enum):
    """A deny that is written beats every allow; where nothing is written, nothing is allowed."""

    ALLOWED = "allowed"
    DENIED = "explicitly denied"
    UNMENTIONED = "not allowed"


@dataclass(frozen=True, kw_only=True, slots=True)
class Asked:
    """One action on one resource, under the conditions of the request (keys in any case)."""

    action: str
    resource: str
    context: Context = field(default_factory=dict[str, Sequence[str]])
    principal: tuple[str, str] | None = None
    """For resource policies: kind (`AWS`, `Service`) and who."""


def decide(documents: Iterable[Document], asked: Asked) -> Decision:
    """What these documents together say. Raises `PolicyError` for what cannot be understood."""
    context = {key.lower(): values for key, values in asked.context.items()}
    decision = Decision.UNMENTIONED
    for document in documents:
        for statement in _statements(document):
            if _applies(statement, asked, context):
                if statement["Effect"] == "Deny":
                    return Decision.DENIED
                decision = Decision.ALLOWED
    return decision


def allows_service(
    document: Document | None,
    *,
    service: str,
    action: str,
    resource: str,
    source_arn: str | None = None,
    source_account: str | None = None,
) -> bool:
    """Whether a resource policy lets a service act, e.g. `apigateway.amazonaws.com` invoke a function."""
    context: dict[str, Sequence[str]] = {}
    if source_arn is not None:
        context["aws:SourceArn"] = [source_arn]
    if source_account is not None:
        context["aws:SourceAccount"] = [source_account]
    asked = Asked(action=action, resource=resource, context=context, principal=("Service", service))
    return document is not None and decide([document], asked) is Decision.ALLOWED


def _statements(document: Document) -> list[Mapping[str, Any]]:
    found = document.get("Statement", [])
    statements: list[Mapping[str, Any]] = list(found) if is_list(found) else [found]
    for statement in statements:
        unknown = set(statement) - _ELEMENTS
        if unknown:
            raise PolicyError(f"policy element {min(unknown)!r} is not known to the local cloud")
        if statement.get("Effect") not in ("Allow", "Deny"):
            raise PolicyError(f"Effect must be Allow or Deny, got {statement.get('Effect')!r}")
        if not any(name in statement for name in ("Action", "NotAction")):
            raise PolicyError("a statement needs Action or NotAction")
    return statements


def _applies(statement: Mapping[str, Any], asked: Asked, context: Context) -> bool:
    return (
        _names_principal(statement.get("Principal"), asked)
        and _listed(statement, "Action", asked.action, context, fold=True)
        and _listed(statement, "Resource", asked.resource, context, fold=False)
        and satisfied(statement.get("Condition") or {}, context)
    )


def _listed(statement: Mapping[str, Any], element: str, asked: str, context: Context, *, fold: bool) -> bool:
    """Whether `Action` or `Resource` lists what is asked, or its `Not...` does not; yes without either."""
    for name, wanted in ((element, True), (f"Not{element}", False)):
        if name in statement:
            patterns = _list(statement[name])
            text = asked.lower() if fold else asked
            found = any(_fits(pattern.lower() if fold else pattern, text, context) for pattern in patterns)
            return found is wanted
    return True


def _fits(pattern: str, text: str, context: Context) -> bool:
    expanded = glob.expand(pattern, context)
    return expanded is not None and glob.match_tokens(expanded, text)


def _names_principal(named: object, asked: Asked) -> bool:
    """Identity policies name no principal: then the identity is the one that holds the policy."""
    if named is None:
        return asked.principal is None
    if asked.principal is None:
        return False
    if named == "*":
        return True
    if not is_mapping(named):
        raise PolicyError(f"Principal must be '*' or an object, got {named!r}")
    for kind in named:
        if kind not in _PRINCIPALS:
            raise PolicyError(f"principal type {kind!r} is not known")
    kind, who = asked.principal
    return any(one in ("*", who) for one in _list(named.get(kind, [])))


def _list(value: Any) -> list[str]:
    return [str(item) for item in value] if is_list(value) else [str(value)]
