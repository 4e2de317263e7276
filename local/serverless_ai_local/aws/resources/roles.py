"""IAM roles and policies."""

from __future__ import annotations

from contextlib import suppress
from typing import Any, Final

from serverless_ai_local.aws.provider import Context, Made, ResourceError
from serverless_ai_local.aws.resources.attachment import Attachment, Target
from serverless_ai_local.aws.resources.calls import MissingError, as_json, call
from serverless_ai_local.aws.resources.kind import Call, Facet, Kind, Properties
from serverless_ai_local.aws.resources.naming import Name
from serverless_ai_local.aws.resources.tagging import Tagging

_ROLE: Final = "AWS::IAM::Role"
# IAM numbers a managed policy's versions and keeps five (IAM quotas).
_HOLDERS: Final = {"Roles": "Role", "Users": "User", "Groups": "Group"}


def _trust(context: Context, made: Made, old: Properties, new: Properties) -> None:
    document = as_json(new["AssumeRolePolicyDocument"])
    about = {"RoleName": made.physical_id, "PolicyDocument": document}
    call(context, "iam", "UpdateAssumeRolePolicy", about)


def _boundary(context: Context, made: Made, old: Properties, new: Properties) -> None:
    about = {"RoleName": made.physical_id}
    if "PermissionsBoundary" in new:
        boundary = {"PermissionsBoundary": new["PermissionsBoundary"]}
        call(context, "iam", "PutRolePermissionsBoundary", about | boundary)
    else:
        call(context, "iam", "DeleteRolePermissionsBoundary", about)


def _inline(context: Context, made: Made, old: Properties, new: Properties) -> None:
    before, after = _by_name(old), _by_name(new)
    for name in before.keys() - after.keys():
        call(context, "iam", "DeleteRolePolicy", {"RoleName": made.physical_id, "PolicyName": name})
    for name, document in after.items():
        if before.get(name) != document:
            parameters = {"RoleName": made.physical_id, "PolicyName": name, "PolicyDocument": document}
            call(context, "iam", "PutRolePolicy", parameters)


def _by_name(properties: Properties) -> dict[str, str]:
    named: dict[str, str] = {}
    for policy in properties.get("Policies", []):
        if policy.keys() ^ {"PolicyName", "PolicyDocument"}:
            raise ResourceError(f"{_ROLE}.Policies: each needs PolicyName and PolicyDocument, got {policy!r}")
        if policy["PolicyName"] in named:
            raise ResourceError(f"{_ROLE}.Policies: the name {policy['PolicyName']!r} stands twice")
        named[policy["PolicyName"]] = as_json(policy["PolicyDocument"])
    return named


def _managed(context: Context, made: Made, old: Properties, new: Properties) -> None:
    before, after = old.get("ManagedPolicyArns", []), new.get("ManagedPolicyArns", [])
    for arn in before:
        if arn not in after:
            call(context, "iam", "DetachRolePolicy", {"RoleName": made.physical_id, "PolicyArn": arn})
    for arn in after:
        if arn not in before:
            call(context, "iam", "AttachRolePolicy", {"RoleName": made.physical_id, "PolicyArn": arn})


def _empty_role(context: Context, physical_id: str, properties: Properties) -> None:
    """Take off what the role's own properties put on it; what others put there stops the deletion."""
    about = {"RoleName": physical_id}
    for policy in properties.get("Policies", []):
        if "PolicyName" in policy:
            with suppress(MissingError):
                call(context, "iam", "DeleteRolePolicy", about | {"PolicyName": policy["PolicyName"]})
    for arn in properties.get("ManagedPolicyArns", []):
        with suppress(MissingError):
            call(context, "iam", "DetachRolePolicy", about | {"PolicyArn": arn})


def _put_inline(context: Context, holder: str, thing: str, name: str, document: str) -> None:
    parameters = {f"{holder}Name": thing, "PolicyName": name, "PolicyDocument": document}
    call(context, "iam", f"Put{holder}Policy", parameters)


def _delete_inline(context: Context, holder: str, thing: str, name: str) -> None:
    call(context, "iam", f"Delete{holder}Policy", {f"{holder}Name": thing, "PolicyName": name})


def _holder(property_: str, holder: str) -> Target:
    def attach(context: Context, thing: str, name: str, document: str) -> None:
        _put_inline(context, holder, thing, name, document)

    def detach(context: Context, thing: str, name: str) -> None:
        _delete_inline(context, holder, thing, name)

    return Target(property_, attach=attach, detach=detach)


def _attachments(context: Context, made: Made, old: Properties, new: Properties) -> None:
    for property_, holder in _HOLDERS.items():
        before, after = old.get(property_, []), new.get(property_, [])
        for verb, things in (("Detach", set(before) - set(after)), ("Attach", set(after) - set(before))):
            for thing in sorted(things):
                parameters = {f"{holder}Name": thing, "PolicyArn": made.physical_id}
                call(context, "iam", f"{verb}{holder}Policy", parameters)


def _new_version(context: Context, made: Made, old: Properties, new: Properties) -> None:
    about = {"PolicyArn": made.physical_id}
    versions: list[Any] = call(context, "iam", "ListPolicyVersions", about)["Versions"]
    for version in versions:
        if not version["IsDefaultVersion"]:
            call(context, "iam", "DeletePolicyVersion", about | {"VersionId": version["VersionId"]})
    document = {"PolicyDocument": as_json(new["PolicyDocument"]), "SetAsDefault": True}
    call(context, "iam", "CreatePolicyVersion", about | document)


def _empty_policy(context: Context, physical_id: str, properties: Properties) -> None:
    about = {"PolicyArn": physical_id}
    _attachments(context, Made(physical_id=physical_id), properties, {})
    for version in call(context, "iam", "ListPolicyVersions", about)["Versions"]:
        if not version["IsDefaultVersion"]:
            call(context, "iam", "DeletePolicyVersion", about | {"VersionId": version["VersionId"]})


PROVIDERS: Final = (
    Kind(
        type=_ROLE,
        service="iam",
        create_call=Call("CreateRole"),
        update_call=Call("UpdateRole", {"RoleName": "{id}"}),
        delete_call=Call("DeleteRole", {"RoleName": "{id}"}),
        read_call=Call("GetRole", {"RoleName": "{p[RoleName]}"}),
        ref="{p[RoleName]}",
        attributes={"Arn": "{answer[Role][Arn]}", "RoleId": "{answer[Role][RoleId]}"},
        name=Name(property="RoleName", limit=64),
        immutable=frozenset({"Path"}),
        documents=frozenset({"AssumeRolePolicyDocument"}),
        resets={"Description": "", "MaxSessionDuration": 3600},
        before_delete=_empty_role,
        facets=(
            Facet(properties=frozenset({"AssumeRolePolicyDocument"}), apply=_trust, in_create=True),
            Facet(properties=frozenset({"PermissionsBoundary"}), apply=_boundary, in_create=True),
            Facet(properties=frozenset({"Policies"}), apply=_inline),
            Facet(properties=frozenset({"ManagedPolicyArns"}), apply=_managed),
        ),
        tagging=Tagging(target="{id}", tag="TagRole", untag="UntagRole"),
    ),
    Attachment(
        type="AWS::IAM::Policy",
        targets=tuple(_holder(property_, holder) for property_, holder in _HOLDERS.items()),
        name=Name(property="PolicyName", limit=128),
    ),
    Kind(
        type="AWS::IAM::ManagedPolicy",
        service="iam",
        create_call=Call("CreatePolicy"),
        delete_call=Call("DeletePolicy", {"PolicyArn": "{id}"}),
        ref="{answer[Policy][Arn]}",
        attributes={"PolicyArn": "{id}"},
        name=Name(property="ManagedPolicyName", limit=128, of_id=lambda arn: arn.rsplit("/", 1)[-1]),
        renames={"ManagedPolicyName": "PolicyName"},
        immutable=frozenset({"Path", "Description"}),
        documents=frozenset({"PolicyDocument"}),
        before_delete=_empty_policy,
        facets=(
            Facet(properties=frozenset({"PolicyDocument"}), apply=_new_version, in_create=True),
            Facet(properties=frozenset(_HOLDERS), apply=_attachments),
        ),
    ),
)
