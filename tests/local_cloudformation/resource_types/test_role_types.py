"""Roles and policies as declared, seen through boto3."""

from __future__ import annotations

from typing import Any

import pytest

from serverless_ai_local.aws.provider import Made, ResourceError

READ_ONLY = "arn:aws:iam::aws:policy/ReadOnlyAccess"
BASIC = "arn:aws:iam::aws:policy/service-role/AWSLambdaBasicExecutionRole"


def trust(service: str) -> dict[str, Any]:
    statement = {"Effect": "Allow", "Principal": {"Service": service}, "Action": "sts:AssumeRole"}
    return {"Version": "2012-10-17", "Statement": [statement]}


def test_role(types: Any) -> None:
    iam = types.client("iam")

    def read(made: Made) -> Any:
        name = made.physical_id
        inline = iam.list_role_policies(RoleName=name)["PolicyNames"]
        attached = iam.list_attached_role_policies(RoleName=name)["AttachedPolicies"]
        found = iam.get_role(RoleName=name)["Role"]
        return {
            **found,
            "boundary": found.get("PermissionsBoundary", {}).get("PermissionsBoundaryArn"),
            "inline": {
                each: iam.get_role_policy(RoleName=name, PolicyName=each)["PolicyDocument"] for each in inline
            },
            "attached": [each["PolicyArn"] for each in attached],
            "tags": {tag["Key"]: tag["Value"] for tag in iam.list_role_tags(RoleName=name)["Tags"]},
        }

    logs, table = types.allow("logs:PutLogEvents"), types.allow("dynamodb:GetItem")
    made = types.lives(
        "AWS::IAM::Role",
        read,
        [
            (
                {
                    "AssumeRolePolicyDocument": trust("lambda.amazonaws.com"),
                    "Description": "d",
                    "MaxSessionDuration": "7200",
                    "ManagedPolicyArns": [BASIC],
                    "PermissionsBoundary": READ_ONLY,
                    "Policies": [
                        {"PolicyName": "Logs", "PolicyDocument": logs},
                        {"PolicyName": "Gone", "PolicyDocument": table},
                    ],
                    "Tags": [{"Key": "a", "Value": "1"}],
                },
                {
                    "AssumeRolePolicyDocument": trust("lambda.amazonaws.com"),
                    "Description": "d",
                    "MaxSessionDuration": 7200,
                    "attached": [BASIC],
                    "boundary": READ_ONLY,
                    "inline": {"Logs": logs, "Gone": table},
                    "tags": {"a": "1"},
                },
            ),
            (
                {
                    "AssumeRolePolicyDocument": trust("scheduler.amazonaws.com"),
                    "ManagedPolicyArns": [READ_ONLY],
                    "Policies": [{"PolicyName": "Logs", "PolicyDocument": table}],
                },
                {
                    "AssumeRolePolicyDocument": trust("scheduler.amazonaws.com"),
                    "MaxSessionDuration": 3600,
                    "attached": [READ_ONLY],
                    "boundary": None,
                    "inline": {"Logs": table},
                    "tags": {},
                },
            ),
        ],
        "ChatRole",
    )
    assert made.attributes["Arn"] == f"arn:aws:iam::123456789012:role/{made.physical_id}"
    assert made.attributes["RoleId"].startswith("ARO")


def test_a_role_whose_policy_is_refused_is_not_left_behind(types: Any) -> None:
    iam = types.client("iam")
    before = [role["RoleName"] for role in iam.list_roles()["Roles"]]
    broken = {
        "PolicyName": "P",
        "PolicyDocument": {"Version": "2012-10-17", "Statement": [{"Effect": "Perhaps"}]},
    }
    for properties in (
        {"Policies": [broken]},
        {"ManagedPolicyArns": ["arn:aws:iam::aws:policy/NoSuchPolicy"]},
        {"Policies": [{"PolicyName": "P"}]},
        {"Policies": [{"PolicyName": "P", "PolicyDocument": types.allow("a:b")}] * 2},
    ):
        with pytest.raises(ResourceError):
            types.provider("AWS::IAM::Role").create(
                types.context(),
                "R",
                {"AssumeRolePolicyDocument": trust("lambda.amazonaws.com"), **properties},
            )
    assert [role["RoleName"] for role in iam.list_roles()["Roles"]] == before


def test_inline_policy_on_roles(types: Any) -> None:
    iam = types.client("iam")
    properties = {"AssumeRolePolicyDocument": trust("lambda.amazonaws.com")}
    with types.made("AWS::IAM::Role", properties) as one, types.made("AWS::IAM::Role", properties) as two:

        def names(role: Made) -> list[str]:
            return iam.list_role_policies(RoleName=role.physical_id)["PolicyNames"]

        provider, context = types.provider("AWS::IAM::Policy"), types.context()
        document = types.allow("s3:GetObject")
        first = {"PolicyName": "P", "PolicyDocument": document, "Roles": [one.physical_id]}
        then = {**first, "Roles": [two.physical_id]}
        made = provider.create(context, "R", first)
        assert made.physical_id == "P"
        assert names(one) == ["P"]
        provider.update(context, "P", first, then)
        assert (names(one), names(two)) == ([], ["P"])
        assert iam.get_role_policy(RoleName=two.physical_id, PolicyName="P")["PolicyDocument"] == document
        assert provider.replaces(first, {**first, "PolicyName": "Q"})
        provider.delete(context, "P", then)
        provider.delete(context, "P", then)
        assert names(two) == []
        with pytest.raises(ResourceError, match="needs one of Roles, Users, Groups"):
            provider.create(context, "R", {"PolicyName": "P", "PolicyDocument": document})


def test_managed_policy(types: Any) -> None:
    iam = types.client("iam")
    with types.made("AWS::IAM::Role", {"AssumeRolePolicyDocument": trust("lambda.amazonaws.com")}) as role:

        def read(made: Made) -> Any:
            policy = iam.get_policy(PolicyArn=made.physical_id)["Policy"]
            about = {"PolicyArn": made.physical_id, "VersionId": policy["DefaultVersionId"]}
            attached = iam.list_attached_role_policies(RoleName=role.physical_id)["AttachedPolicies"]
            return {
                "document": iam.get_policy_version(**about)["PolicyVersion"]["Document"],
                "attached": [each["PolicyArn"] for each in attached] == [made.physical_id],
            }

        documents = [types.allow(f"s3:Action{number}") for number in range(7)]
        steps = [
            ({"PolicyDocument": document}, {"document": document, "attached": False})
            for document in documents
        ]
        steps[0][0]["Roles"] = [role.physical_id]
        steps[0][1]["attached"] = True
        made = types.lives("AWS::IAM::ManagedPolicy", read, steps)
    assert made.physical_id.startswith("arn:aws:iam::123456789012:policy/Shop-R-")
