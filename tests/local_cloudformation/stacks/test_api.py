"""The API as SDKs see it: what is read, what is refused, and with which error."""

from __future__ import annotations

import json
import uuid
from typing import Any

import pytest
from botocore.exceptions import ClientError

BODY = json.dumps({"Resources": {"A": {"Type": "Test::Thing"}}})


def code(caught: pytest.ExceptionInfo[ClientError]) -> str:
    return caught.value.response["Error"]["Code"]


def test_everything_about_a_stack_can_be_read(door: Any) -> None:
    parameters = {
        "P": {"Type": "String", "Default": "p", "Description": "about p", "AllowedValues": ["p", "q"]},
        "S": {"Type": "String", "NoEcho": True},
    }
    stack = door.create(
        {"A": {"Properties": {"P": {"Ref": "P"}}, "Metadata": {"m": 1}}},
        sections={
            "Description": "a <b> & 'c'",
            "Parameters": parameters,
            "Outputs": {"O": {"Value": {"Ref": "A"}, "Export": {"Name": "e"}}},
        },
        Parameters=[{"ParameterKey": "S", "ParameterValue": "secret"}],
        Tags=[{"Key": "k", "Value": "v"}],
        EnableTerminationProtection=True,
        RoleARN="arn:aws:iam::123456789012:role/some-role",
    )
    api, arn = door.api, stack["StackId"]
    assert stack["Description"] == "a <b> & 'c'"
    assert stack["Parameters"] == [
        {"ParameterKey": "P", "ParameterValue": "p"},
        {"ParameterKey": "S", "ParameterValue": "****"},
    ]
    assert stack["Tags"] == [{"Key": "k", "Value": "v"}]
    assert stack["Outputs"] == [{"OutputKey": "O", "OutputValue": "S-A-1", "ExportName": "e"}]
    assert stack["RoleARN"].endswith("some-role")
    assert api.describe_stacks(StackName=arn)["Stacks"][0] == stack
    assert [each["StackName"] for each in api.describe_stacks()["Stacks"]] == ["S"]
    assert api.list_stacks(StackStatusFilter=["CREATE_COMPLETE"])["StackSummaries"][0]["StackId"] == arn
    assert api.list_stacks(StackStatusFilter=["DELETE_COMPLETE"])["StackSummaries"] == []
    (listed,) = api.list_stack_resources(StackName="S")["StackResourceSummaries"]
    (described,) = api.describe_stack_resources(StackName="S")["StackResources"]
    (by_id,) = api.describe_stack_resources(PhysicalResourceId="S-A-1")["StackResources"]
    detail = api.describe_stack_resource(StackName="S", LogicalResourceId="A")["StackResourceDetail"]
    for shown in (listed, described, by_id, detail):
        assert (shown["LogicalResourceId"], shown["PhysicalResourceId"]) == ("A", "S-A-1")
        assert (shown["ResourceType"], shown["ResourceStatus"]) == ("Test::Thing", "CREATE_COMPLETE")
    assert detail["Metadata"] == '{"m": 1}'
    assert api.get_template(StackName="S")["TemplateBody"]["Parameters"] == parameters
    summary = api.get_template_summary(StackName="S")
    assert summary["ResourceTypes"] == ["Test::Thing"]
    assert summary["Parameters"][0]["ParameterConstraints"] == {"AllowedValues": ["p", "q"]}
    assert summary["ResourceIdentifierSummaries"] == [
        {"ResourceType": "Test::Thing", "LogicalResourceIds": ["A"]}
    ]
    failed = api.describe_events(StackName="S", Filters={"FailedEvents": True})["OperationEvents"]
    everything = api.describe_events(StackName="S")["OperationEvents"]
    assert failed == []
    assert {event["LogicalResourceId"] for event in everything} == {"S", "A"}
    one = everything[0]["OperationId"]
    assert api.describe_events(StackName="S", OperationId=one)["OperationEvents"] == everything


def test_failed_events_can_be_asked_for_alone(door: Any) -> None:
    door.world.failing.add(("create", "A"))
    door.create({"A": {}})
    (event,) = door.api.describe_events(StackName="S", Filters={"FailedEvents": True})["OperationEvents"]
    assert (event["LogicalResourceId"], event["EventType"]) == ("A", "PROVISIONING_ERROR")


def test_a_template_is_validated_without_a_stack(door: Any) -> None:
    role = {"Resources": {"R": {"Type": "AWS::IAM::Role", "Properties": {"RoleName": "x"}}}}
    found = door.api.validate_template(TemplateBody=json.dumps(role))
    assert found["Capabilities"] == ["CAPABILITY_NAMED_IAM"]
    with pytest.raises(ClientError, match="Unrecognized resource types"):
        door.api.validate_template(TemplateBody=json.dumps({"Resources": {"R": {"Type": "Nope"}}}))


@pytest.mark.parametrize(
    ("call", "given", "message"),
    [
        ("describe_stacks", {"StackName": "Nope"}, "Stack with id Nope does not exist"),
        ("get_template", {"StackName": "Nope"}, "Stack with id Nope does not exist"),
        ("describe_stack_events", {"StackName": "Nope"}, "Stack [Nope] does not exist"),
        ("list_stack_resources", {"StackName": "Nope"}, "Stack with id Nope does not exist"),
        ("update_stack", {"StackName": "Nope", "TemplateBody": BODY}, "Stack [Nope] does not exist"),
        ("list_change_sets", {"StackName": "Nope"}, "Stack [Nope] does not exist"),
        ("describe_change_set", {"ChangeSetName": "x"}, "StackName must be specified"),
        ("list_imports", {"ExportName": "nope"}, "Export 'nope' does not exist"),
        ("describe_stack_resources", {"PhysicalResourceId": "nope"}, "Stack for nope does not exist"),
        ("create_stack", {"StackName": "S"}, "Either Template URL or Template Body must be specified"),
        ("create_stack", {"StackName": "a b", "TemplateBody": BODY}, "stack name 'a b' must be a letter"),
        ("create_stack", {"StackName": "1a", "TemplateBody": BODY}, "stack name '1a' must be a letter"),
        ("create_stack", {"StackName": "S", "TemplateBody": "{"}, "Template format error"),
        (
            "create_stack",
            {"StackName": "S", "TemplateBody": BODY, "TimeoutInMinutes": 5},
            "CreateStack.TimeoutInMinutes=5",
        ),
        (
            "create_stack",
            {"StackName": "S", "TemplateBody": BODY, "NotificationARNs": ["arn:x"]},
            "NotificationARNs",
        ),
        (
            "create_stack",
            {"StackName": "S", "TemplateBody": BODY, "OnFailure": "DELETE", "DisableRollback": True},
            "either DisableRollback or OnFailure",
        ),
        ("delete_stack", {"StackName": "S-1", "DeletionMode": "FORCE_DELETE_STACK"}, "DeletionMode"),
    ],
)
def test_what_cannot_be_is_a_validation_error_that_says_why(
    door: Any, call: str, given: dict[str, Any], message: str
) -> None:
    with pytest.raises(ClientError) as caught:
        getattr(door.api, call)(**given)
    assert code(caught) == "ValidationError"
    assert message in caught.value.response["Error"]["Message"]


@pytest.mark.parametrize(
    ("call", "given"),
    [
        ("detect_stack_drift", {"StackName": "S"}),
        ("create_stack_set", {"StackSetName": "S"}),
        ("cancel_update_stack", {"StackName": "S"}),
    ],
)
def test_an_operation_that_is_not_offered_is_named(door: Any, call: str, given: dict[str, Any]) -> None:
    with pytest.raises(ClientError) as caught:
        getattr(door.api, call)(**given)
    assert code(caught) == "UnsupportedOperation"
    name = "".join(part.title() for part in call.split("_"))
    assert f"does not support {name}" in caught.value.response["Error"]["Message"]


def test_a_stack_is_made_once(door: Any) -> None:
    token = str(uuid.uuid4())
    stack = door.create({"A": {}}, ClientRequestToken=token)
    again = door.create({"A": {}}, ClientRequestToken=token)
    assert again["StackId"] == stack["StackId"]
    assert door.world.log == [("create", "A")]
    with pytest.raises(ClientError) as caught:
        door.create({"A": {}})
    assert code(caught) == "AlreadyExistsException"


def test_an_update_with_the_same_token_happens_once(door: Any) -> None:
    door.create({"A": {}})
    for _ in range(2):
        door.update({"A": {}, "B": {}}, ClientRequestToken="u-1")
    assert door.world.log == [("create", "A"), ("create", "B")]


def test_a_busy_stack_refuses_another_operation(door: Any) -> None:
    door.api.create_stack(
        StackName="S", TemplateBody=json.dumps({"Resources": {"A": {"Type": "Test::Slow"}}})
    )
    assert door.stack()["StackStatus"] == "CREATE_IN_PROGRESS"
    for call in (
        lambda: door.api.update_stack(StackName="S", TemplateBody=BODY),
        lambda: door.api.delete_stack(StackName="S"),
    ):
        with pytest.raises(ClientError, match="CREATE_IN_PROGRESS"):
            call()
    door.world.gate.set()
    assert door.settled()["StackStatus"] == "CREATE_COMPLETE"


def test_deletion_can_be_forbidden(door: Any) -> None:
    door.create({"A": {}}, EnableTerminationProtection=True)
    with pytest.raises(ClientError, match="TerminationProtection is enabled"):
        door.delete()
    door.api.update_termination_protection(StackName="S", EnableTerminationProtection=False)
    assert door.delete() == "DELETE_COMPLETE"


def test_a_deleted_stack_is_only_found_by_its_id(door: Any) -> None:
    first = door.create({"A": {}})["StackId"]
    door.delete()
    door.api.delete_stack(StackName="S")
    door.api.delete_stack(StackName=first)
    with pytest.raises(ClientError, match="Stack with id S does not exist"):
        door.stack()
    assert door.stack(first)["StackStatus"] == "DELETE_COMPLETE"
    assert "DeletionTime" in door.stack(first)
    second = door.create({"A": {}})["StackId"]
    assert second != first
    assert door.stack()["StackId"] == second


def test_making_iam_resources_must_be_acknowledged(door: Any) -> None:
    role = {"R": {"Type": "AWS::IAM::Role"}}
    named = {"R": {"Type": "AWS::IAM::Role", "Properties": {"RoleName": "x"}}}
    for resources, capabilities, needed in (
        (role, [], "CAPABILITY_IAM"),
        (named, ["CAPABILITY_IAM"], "CAPABILITY_NAMED_IAM"),
    ):
        with pytest.raises(ClientError, match=needed) as caught:
            door.create(resources, Capabilities=capabilities)
        assert code(caught) == "InsufficientCapabilitiesException"
    assert door.create(named, Capabilities=["CAPABILITY_NAMED_IAM"])["StackStatus"] == "CREATE_COMPLETE"


def test_templates_are_read_from_the_local_s3(door: Any, services: Any) -> None:
    s3 = services.client("s3")
    s3.create_bucket(Bucket="door-templates")
    s3.put_object(Bucket="door-templates", Key="a dir/t é.json", Body=BODY)
    for name, url in {
        "Path": f"{services.url}/door-templates/a%20dir/t%20%C3%A9.json",
        "PathHost": "https://s3.us-east-1.amazonaws.com/door-templates/a%20dir/t%20%C3%A9.json",
        "VirtualHost": "https://door-templates.s3.us-east-1.amazonaws.com/a%20dir/t%20%C3%A9.json",
    }.items():
        door.api.create_stack(StackName=name, TemplateURL=url)
        assert door.settled(name)["StackStatus"] == "CREATE_COMPLETE"
    with pytest.raises(ClientError, match=r"S3 error: .*NoSuchKey"):
        door.api.create_stack(StackName="Missing", TemplateURL=f"{services.url}/door-templates/nope")


def test_previous_template_and_values_can_be_used_again(door: Any) -> None:
    sections = {"Parameters": {"P": {"Type": "String"}, "Q": {"Type": "String", "Default": "q"}}}
    resources = {"A": {"Properties": {"All": {"Fn::Sub": "${P}-${Q}"}}}}
    door.create(resources, sections=sections, Parameters=[{"ParameterKey": "P", "ParameterValue": "p1"}])
    door.api.update_stack(
        StackName="S",
        UsePreviousTemplate=True,
        Parameters=[
            {"ParameterKey": "P", "UsePreviousValue": True},
            {"ParameterKey": "Q", "ParameterValue": "q2"},
        ],
    )
    door.settled()
    assert door.world.things["S-A-1"]["All"] == "p1-q2"
    with pytest.raises(ClientError, match="UsePreviousValue, but there is no previous value"):
        door.update(
            resources,
            sections={"Parameters": {**sections["Parameters"], "R": {"Type": "String"}}},
            Parameters=[{"ParameterKey": "R", "UsePreviousValue": True}],
        )


def test_parameters_of_ssm_types_are_read_from_the_local_ssm(door: Any, services: Any) -> None:
    services.client("ssm").put_parameter(Name="/door/version", Value="30", Type="String", Overwrite=True)
    sections = {
        "Parameters": {"V": {"Type": "AWS::SSM::Parameter::Value<String>", "Default": "/door/version"}}
    }
    stack = door.create({"A": {"Properties": {"V": {"Ref": "V"}}}}, sections=sections)
    assert door.world.things["S-A-1"]["V"] == "30"
    assert stack["Parameters"] == [
        {"ParameterKey": "V", "ParameterValue": "/door/version", "ResolvedValue": "30"}
    ]
    sections["Parameters"]["V"]["Default"] = "/door/nope"
    with pytest.raises(ClientError, match=r"Unable to fetch parameters \[/door/nope\]"):
        door.create({"A": {}}, "T", sections=sections)


def test_yaml_templates_deploy(door: Any) -> None:
    body = """
    Parameters: {Name: {Type: String, Default: x}}
    Resources:
      A: {Type: "Test::Thing", Properties: {Size: 3, At: !Sub "${Name}-${AWS::Region}"}}
      B: {Type: "Test::Thing", Properties: {Of: !GetAtt A.Arn}}
    Outputs: {Zone: {Value: !Select [0, !GetAZs ""]}}
    """
    door.api.create_stack(StackName="S", TemplateBody=body)
    stack = door.settled()
    assert stack["StackStatus"] == "CREATE_COMPLETE"
    assert door.world.things["S-A-1"]["At"] == "x-us-east-1"
    assert door.world.things["S-B-2"]["Of"] == "arn:S-A-1"
    assert stack["Outputs"][0]["OutputValue"] == "us-east-1a"
    assert door.api.get_template(StackName="S")["TemplateBody"] == body
