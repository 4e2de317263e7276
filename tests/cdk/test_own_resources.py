"""What a user brings is used as it is, and nothing is made in its place."""

from __future__ import annotations

import pytest
from aws_cdk import Fn, Stack, aws_dynamodb, aws_ec2, aws_kms, aws_logs
from cdk_nag import AwsSolutionsChecks

KEY_ARN = "arn:aws:kms:us-east-1:123456789012:key/0a1b"
KINDS_WITH_KEY = {
    "AWS::Logs::LogGroup": "KmsKeyId",
    "AWS::SQS::Queue": "KmsMasterKeyId",
    "AWS::Lambda::Function": "KmsKeyArn",
    "AWS::Bedrock::Guardrail": "KmsKeyArn",
}


def test_a_log_group_of_your_own_gets_both_logs_and_none_is_made(make, new_stack):
    stack = new_stack()
    mine = aws_logs.LogGroup.from_log_group_name(stack, "Mine", "/mine")
    template = make(stack=stack, log_group=mine).synth()
    assert not template.all("AWS::Logs::LogGroup")
    assert template.one("AWS::Lambda::Function")["LoggingConfig"]["LogGroup"] == "/mine"
    destination = template.one("AWS::ApiGatewayV2::Stage")["AccessLogSettings"]["DestinationArn"]
    assert destination["Fn::Join"][1][-1] == ":log-group:/mine"
    assert ":log-group:/mine:*" in str(template.one("AWS::IAM::Role"))


@pytest.mark.parametrize(
    "name",
    ["/mine", Fn.import_value("shared-logs"), Fn.sub("/${AWS::StackName}/chat"), Fn.select(0, ["a", "b"])],
    ids=["literal", "imported", "substituted", "selected"],
)
def test_a_log_group_of_any_name_leaves_cdk_nag_quiet(make, new_stack, name):
    stack = new_stack()
    mine = aws_logs.LogGroup.from_log_group_name(stack, "Mine", name)
    made = make(stack=stack, log_group=mine)
    made.synth()
    assert [v.rule_name for v in AwsSolutionsChecks().validate_scope(made.pattern).violations] == []


def test_a_table_of_your_own_is_used_and_none_is_made(make, new_stack):
    stack = new_stack()
    arn = "arn:aws:dynamodb:us-east-1:123456789012:table/mine"
    mine = aws_dynamodb.Table.from_table_arn(stack, "Mine", arn)
    made = make(stack=stack, table=mine)
    template = made.synth()
    assert made.pattern.table is mine
    assert not template.all("AWS::DynamoDB::Table")
    (statement,) = [
        s
        for s in template.one("AWS::IAM::Role")["Policies"][0]["PolicyDocument"]["Statement"]
        if s["Sid"] == "UseTable"
    ]
    assert statement["Resource"] == arn
    assert "mine" in template.one("AWS::Lambda::Function")["Environment"]["Variables"].values()


def test_the_function_runs_in_the_private_subnets_of_your_vpc(make, new_stack):
    stack = new_stack()
    vpc = aws_ec2.Vpc(stack, "Vpc", max_azs=2)
    private = {stack.resolve(subnet.subnet_id)["Ref"] for subnet in vpc.private_subnets}
    template = make(stack=stack, vpc=vpc).synth()
    placed = template.one("AWS::Lambda::Function")["VpcConfig"]
    assert {subnet["Ref"] for subnet in placed["SubnetIds"]} == private
    assert len(template.all("AWS::EC2::VPC")) == 1
    (group,) = template.all("AWS::EC2::SecurityGroup")
    assert "SecurityGroupIngress" not in group


def test_your_key_encrypts_everything_that_can_be(make, new_stack, everything_settings):
    stack = new_stack()
    key = aws_kms.Key.from_key_arn(stack, "Key", KEY_ARN)
    template = make(everything_settings, stack=stack, key=key).synth()
    assert not template.all("AWS::KMS::Key")
    for kind, property_name in KINDS_WITH_KEY.items():
        assert {properties[property_name] for properties in template.all(kind)} == {KEY_ARN}
    table = template.one("AWS::DynamoDB::Table")["SSESpecification"]
    assert table == {"KMSMasterKeyId": KEY_ARN, "SSEEnabled": True, "SSEType": "KMS"}
    assert not any("SqsManagedSseEnabled" in queue for queue in template.all("AWS::SQS::Queue"))


def test_a_key_of_the_same_app_lets_logs_and_events_use_it_for_this_account_only(
    make, new_stack, everything_settings
):
    stack = new_stack()
    template = make(everything_settings, stack=stack, key=aws_kms.Key(stack, "Key")).synth()
    _, logs, events = template.one("AWS::KMS::Key")["KeyPolicy"]["Statement"]
    assert "logs." in str(logs["Principal"])
    assert ":log-group:*" in str(logs["Condition"]["ArnLike"]["kms:EncryptionContext:aws:logs:arn"])
    assert events["Principal"] == {"Service": "events.amazonaws.com"}
    assert events["Condition"] == {"StringEquals": {"aws:SourceAccount": {"Ref": "AWS::AccountId"}}}


def test_a_key_is_not_opened_to_services_that_do_not_need_it(make, new_stack):
    stack = new_stack()
    mine = aws_logs.LogGroup.from_log_group_name(stack, "Mine", "/mine")
    template = make(stack=stack, key=aws_kms.Key(stack, "Key"), log_group=mine).synth()
    assert len(template.one("AWS::KMS::Key")["KeyPolicy"]["Statement"]) == 1


def test_resources_of_another_stack_can_be_brought(make, new_stack):
    base = new_stack()
    key = aws_kms.Key(base, "Key")
    group = aws_logs.LogGroup(base, "Group")
    table = aws_dynamodb.Table(
        base, "Table", partition_key={"name": "pk", "type": aws_dynamodb.AttributeType.STRING}
    )
    stack = Stack(base.node.root, "User")
    template = make(stack=stack, key=key, log_group=group, table=table).synth()
    assert not template.all("AWS::Logs::LogGroup")
    assert not template.all("AWS::DynamoDB::Table")
    assert template.one("AWS::SQS::Queue")["KmsMasterKeyId"].keys() == {"Fn::ImportValue"}
