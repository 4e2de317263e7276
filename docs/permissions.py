"""Who may do what, as tables: the statements, assignments and bindings of a deployment, in its own words."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

from serverless_ai_local.gcp import project
from serverless_ai_local.graph import Resource
from serverless_ai_local.pictures.sketch import Graph
from serverless_ai_patterns.azure import roles
from serverless_ai_patterns.azure.roles import Role
from serverless_ai_patterns.gcp.policy import PIPELINE_ROLES, ROLES

_AZURE_ROLES: Final = {one.id: one for one in vars(roles).values() if isinstance(one, Role)}
_ASSIGNMENTS: Final = (
    "azure-native:authorization:RoleAssignment",
    "azure-native:cosmosdb:SqlResourceSqlRoleAssignment",
)
_IDENTITY, _TOPIC = "azure-native:managedidentity:UserAssignedIdentity", "azure-native:eventgrid:Topic"
_BINDINGS: Final[Mapping[str, str]] = {
    "gcp:artifactregistry/repositoryIamMember:RepositoryIamMember": "repository",
    "gcp:cloudrunv2/serviceIamBinding:ServiceIamBinding": "name",
    "gcp:projects/iAMMember:IAMMember": "project",
    "gcp:storage/bucketIAMMember:BucketIAMMember": "bucket",
    "gcp:pubsub/subscriptionIAMMember:SubscriptionIAMMember": "subscription",
    "gcp:pubsub/topicIAMMember:TopicIAMMember": "topic",
}
"""Type of a grant -> the input that says on what."""
_WHO: Final = {
    "lambda.amazonaws.com": "function",
    "scheduler.amazonaws.com": "schedule",
    "textract.amazonaws.com": "Textract",
}
"""Who may take a role on AWS."""
_ROLE: Final = re.compile(r"Role[0-9A-F]{8}$")
"""How the logical id of a role ends."""
_CONDITIONS: Final = {
    "bedrock:InferenceProfileArn": "only through that profile",
    "events:source": "only as {}",
    "iam:PassedToService": "only to {}",
    "kms:ViaService": "only through {}",
}
"""Condition key of a statement -> how it reads."""
_AGENTS: Final = {"gcp-sa-pubsub": "Pub/Sub's own", "gs-project-accounts": "Cloud Storage's own"}
_GCP_ROLES: Final = {**ROLES, **PIPELINE_ROLES}
_WHERE: Final = {
    "bucket": "bucket",
    "name": "service",
    "project": "the project",
    "repository": "repository",
    "subscription": "subscription",
    "topic": "topic",
}


def aws(resources: Sequence[Resource]) -> str:
    """Every statement of every role that is deployed."""
    lines = ["| role of | may | on |", "|---|---|---|"]
    roles = [resource for resource in resources if resource.type == "AWS::IAM::Role"]
    functions = [role.name for role in roles if _trusts(role) == "function"]
    for role in roles:
        who = _trusts(role)
        if who == "function":
            who = _function(role.name, functions)
        for policy in role.properties.get("Policies", []):
            for statement in policy["PolicyDocument"]["Statement"]:
                actions = "<br>".join(f"`{action}`" for action in _list(statement["Action"]))
                on = "<br>".join(f"`{_readable(one)}`" for one in _list(statement["Resource"]))
                for test in statement.get("Condition", {}).values():
                    on += "".join(f"<br>{_condition(key, value)}" for key, value in test.items())
                lines.append(f"| {who} | {actions} | {on} |")
    return "\n".join(lines)


def azure(resources: Sequence[Resource]) -> str:
    """Every role assignment that is deployed: whose, which built-in role, on which resource."""
    graph = Graph(resources)
    lines = ["| identity of | role | on | for |", "|---|---|---|---|"]
    for grant in graph.of(*_ASSIGNMENTS):
        role = _AZURE_ROLES[grant.properties["roleDefinitionId"].rpartition("/")[2]]
        identities = graph.others(grant, _IDENTITY)
        # An identity is named after its function; the topic delivers as itself.
        who = graph.short(identities[0]).replace("identity", "function") if identities else "topic"
        principals = identities or graph.others(grant, _TOPIC)
        # What it is on, and not what that is in.
        on = max(
            (one for one in graph.others(grant) if one not in principals),
            key=lambda one: one.physical_id.count("/"),
        )
        kind = on.type.removeprefix("azure-native:")
        lines.append(f"| {who} | {role.name} | `{kind}` {graph.short(on)} | {role.use} |")
    return "\n".join(lines)


def gcp(resources: Sequence[Resource]) -> str:
    """Every grant that is deployed: whose, which permissions or predefined role, on what."""
    graph = Graph(resources)
    readable = _names(graph)
    custom = {
        f"roles/{one.properties['roleId']}": one.properties["permissions"]
        for one in graph.of("gcp:projects/iAMCustomRole:IAMCustomRole")
    }
    lines = ["| account | may | on |", "|---|---|---|"]
    for kind, key in _BINDINGS.items():
        for grant in graph.of(kind):
            role: str = grant.properties["role"]
            own = custom.get(f"roles/{role.rpartition('/')[2]}")
            may = "<br>".join(f"`{one}`" for one in own) if own else f"`{role}`: {_GCP_ROLES[role]}"
            on = _WHERE[key]
            if key != "project":
                on += f" {_granted(graph, grant, grant.properties[key])}"
            if "condition" in grant.properties:
                expression = readable(grant.properties["condition"]["expression"])
                on += f", if `{expression}`".replace("|", "\\|")
            for member in _list(grant.properties.get("members") or grant.properties["member"]):
                lines.append(f"| {_member(readable(member))} | {may} | {on} |")
    return "\n".join(lines)


def _trusts(role: Resource) -> str:
    """Who may take a role on AWS."""
    trust = str(role.properties["AssumeRolePolicyDocument"])
    return next(who for service, who in _WHO.items() if service in trust)


def _function(role: str, roles: Sequence[str]) -> str:
    """The function of a role, by logical ids: the shortest is that of the one that needs no other name."""
    plain = _ROLE.sub("", min(roles, key=len))
    own = _ROLE.sub("", role).removeprefix(plain)
    return f"{own.lower()} function" if own else "function"


def table(cloud: str, *deployments: Sequence[Resource]) -> str:
    """The grants of all deployments, each of which may have parts that the others lack."""
    lines = (line for one in deployments for line in TABLES[cloud](one).splitlines())
    return "\n".join(dict.fromkeys(lines))


TABLES: Final[Mapping[str, Callable[[Sequence[Resource]], str]]] = {"aws": aws, "azure": azure, "gcp": gcp}


def _granted(graph: Graph, grant: Resource, name: str) -> str:
    """What of that which the grant refers to has this generated name."""
    return next(graph.short(one) for one in graph.others(grant) if name in _generated(one))


def _names(graph: Graph) -> Callable[[str], str]:
    """Replaces the generated names of resources, which differ from one deployment to the next."""
    known = {name: graph.short(one) for one in graph.resources for name in _generated(one)}
    known[project.PROJECT] = "PROJECT"
    longest_first = sorted(known, key=lambda name: (-len(name), name))
    pattern = re.compile("|".join(map(re.escape, longest_first)))
    return lambda text: pattern.sub(lambda found: known[found[0]], text)


def _generated(resource: Resource) -> set[str]:
    if resource.type in _BINDINGS:
        return set()
    found = {resource.properties.get(key) for key in ("name", "accountId", "repositoryId")}
    return {str(name) for name in found if name is not None}


def _member(member: str) -> str:
    kind, _, name = member.partition(":")
    if kind == "user":
        return "those you name"
    account = name.partition("@")[0]
    return next((who for service, who in _AGENTS.items() if f"@{service}." in name), account)


def _condition(key: str, value: Any) -> str:
    words = _CONDITIONS[key]
    return words.format(", ".join(f"`{one}`" for one in _list(value)))


def _list(value: Any) -> list[str]:
    return value if isinstance(value, list) else [value]


def _readable(arn: str) -> str:
    """An ARN without what differs from one deployment to the next."""
    text = re.sub(r"([A-Z][A-Za-z]+)-\1", "", arn.replace("123456789012", "ACCOUNT"))
    text = re.sub(r"guardrail/\w+", "guardrail/ID", text)
    # A bucket's name is that of its stack and construct in small letters.
    text = re.sub(r"([a-z]+)-\1([a-z]+)[0-9a-f]{8}-[0-9a-z]{8,16}", r"\2", text)
    return re.sub(r"([A-Za-z]+?)[0-9A-F]{8}-[0-9A-Z]{8,16}", r"\1", text)
