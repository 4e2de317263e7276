"""Rules for AWS: who may do what, on which resource."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from serverless_ai_patterns.aws.policy import STAR_RESOURCES
from serverless_ai_policy.checks import never
from serverless_ai_policy.rule import Check, Each, Resource, Rule
from serverless_ai_policy.values import Values, at, document, is_mapping, is_set, known_at, listed

IDENTITY: Final = (
    *("aws:iam:RolePolicy", "aws:iam:Policy", "aws:iam:UserPolicy", "aws:iam:GroupPolicy"),
    "aws:iam:Role",
)
RESOURCE: Final = ("aws:sqs:QueuePolicy", "aws:sqs:Queue", "aws:sns:TopicPolicy", "aws:s3:BucketPolicy")
MANAGED: Final = ("aws:iam:Role", "aws:iam:RolePolicyAttachment", "aws:iam:PolicyAttachment")
_AWS_OWN: Final = ":iam::aws:policy/"


def _allowed(values: Values, path: str) -> list[dict[str, Any]]:
    """The statements of the policy at `path`, if there is one, that allow something."""
    given = at(values, path)
    statements = _statements(given, path) if is_set(given) else []
    return [one for one in statements if one.get("Effect", "Allow") == "Allow"]


def _statements(given: Any, path: str) -> list[dict[str, Any]]:
    statements = listed(document(given, path).get("Statement"), path)
    if not all(map(is_mapping, statements)):
        raise ValueError(f"{path} has a statement that is none")
    return statements


def _sid(statement: dict[str, Any]) -> str:
    return str(statement.get("Sid") or "without a Sid")


def _granted(resource: Resource) -> Iterator[dict[str, Any]]:
    yield from _allowed(resource.props, "policy")
    for one in listed(resource.props.get("inlinePolicies"), "inlinePolicies"):
        yield from _allowed(one, "policy")


def _stars(key: str) -> Check:
    """Statements that say `key` with a `*`, or say what is excepted from all."""

    def check(resource: Resource) -> Iterator[str]:
        for statement in _granted(resource):
            sid = _sid(statement)
            if f"Not{key}" in statement:
                yield f"the statement {sid} allows everything but its Not{key}"
            broad = [one for one in listed(statement.get(key), key) if "*" in str(one)]
            if broad and not (key == "Resource" and sid in STAR_RESOURCES):
                yield f"the statement {sid} allows {key} {', '.join(map(str, broad))}"

    return check


def _no_managed_policy(resource: Resource) -> Iterator[str]:
    given = listed(resource.props.get("managedPolicyArns"), "managedPolicyArns")
    for arn in (*given, known_at(resource.props, "policyArn")):
        if isinstance(arn, str) and _AWS_OWN in arn:
            yield f"{arn} allows what AWS decides, on every resource"


def _is_anyone(statement: dict[str, Any]) -> bool:
    principal = statement.get("Principal")
    return principal == "*" or "*" in listed(at(principal, "AWS"), "Principal")


def _trusts_somebody(resource: Resource) -> Iterator[str]:
    for statement in _allowed(resource.props, "assumeRolePolicy"):
        if _is_anyone(statement) or "NotPrincipal" in statement:
            yield "anyone may take this role"


def _callers_are_named(resource: Resource) -> Iterator[str]:
    for statement in _allowed(resource.props, "policy"):
        by_service = at(statement.get("Principal"), "Service") is not None
        open_to_all = _is_anyone(statement) or by_service or "NotPrincipal" in statement
        if open_to_all and not statement.get("Condition"):
            who = "a service, whoever uses it," if by_service else "anyone"
            yield f"the statement {_sid(statement)} lets in {who} without a condition"


def _callers_of_function(resource: Resource) -> Iterator[str]:
    principal = known_at(resource.props, "principal")
    if principal == "*":
        yield "anyone may call the function"
    elif str(principal).endswith(".amazonaws.com") and not (
        is_set(at(resource.props, "sourceArn")) or is_set(at(resource.props, "sourceAccount"))
    ):
        yield f"{principal} may call the function for whoever uses it"


RULES: Final = (
    Rule(
        id="aws-role-no-star-action",
        reason="A `*` grows with every action that AWS adds",
        mend="Name the actions that the calls need",
        looks=Each(IDENTITY, _stars("Action")),
        also=("AwsSolutions-IAM5",),
    ),
    Rule(
        id="aws-role-no-star-resource",
        reason="A role reaches what its function works on, and nothing that is made beside it later",
        mend="Name the resource's ARN; what has none is in the written list, by its Sid: "
        + ", ".join(sorted(STAR_RESOURCES)),
        looks=Each(IDENTITY, _stars("Resource")),
        also=("AwsSolutions-IAM5",),
    ),
    Rule(
        id="aws-role-no-managed-policy",
        reason="AWS's own policies allow more than one function needs, and change by themselves",
        mend="Write the few statements that are needed into a RolePolicy",
        looks=Each(MANAGED, _no_managed_policy),
        also=("AwsSolutions-IAM4",),
    ),
    Rule(
        id="aws-role-trust",
        reason="Whoever may take a role has all that it may do",
        mend="Name the service or the account in the trust policy's Principal",
        looks=Each(("aws:iam:Role",), _trusts_somebody),
    ),
    Rule(
        id="aws-resource-callers",
        reason="A service acts for every account that uses it: without a condition that is anyone",
        mend="Name the principal, and for a service the aws:SourceArn or aws:SourceAccount",
        looks=Each(RESOURCE, _callers_are_named),
        also=("CKV_AWS_168", "CKV_AWS_169"),
    ),
    Rule(
        id="aws-function-callers",
        reason="A service calls for every account that uses it: without a source that is anyone",
        mend="source_arn=... of the API, rule or schedule that calls",
        looks=Each(("aws:lambda:Permission",), _callers_of_function),
    ),
    Rule(
        id="aws-no-access-key",
        reason="A key works from anywhere and never ends",
        mend="Let a role be assumed, by a service or through OIDC",
        looks=Each(("aws:iam:AccessKey",), never("a long-lived access key is made")),
    ),
)
