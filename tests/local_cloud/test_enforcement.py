"""Roles of functions and IAM users may do what their policies say, and the record shows what was asked."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from botocore.exceptions import ClientError

from serverless_ai_local.launch import Credentials, RunningCloud

Client = Callable[[str], Any]
ACCOUNT = "123456789012"
REGION = "us-east-1"
PROFILE = f"arn:aws:bedrock:{REGION}:{ACCOUNT}:inference-profile/us.amazon.nova-micro-v1:0"
BEHIND = [
    f"arn:aws:bedrock:{r}::foundation-model/amazon.nova-micro-v1:0"
    for r in ("us-east-1", "us-east-2", "us-west-2")
]
HELLO = {"messages": [{"role": "user", "content": [{"text": "hello"}]}]}


def denied(call: Callable[..., Any], **parameters: Any) -> str:
    with pytest.raises(ClientError) as caught:
        call(**parameters)
    error = caught.value.response
    assert error["Error"]["Code"] in ("AccessDeniedException", "AccessDenied"), error
    assert error["ResponseMetadata"]["HTTPStatusCode"] in (400, 403)
    return error["Error"]["Message"]


@pytest.fixture(scope="module")
def table(root: Client, name: Callable[[str], str]) -> str:
    made = name("table")
    root("dynamodb").create_table(
        TableName=made,
        BillingMode="PAY_PER_REQUEST",
        KeySchema=[{"AttributeName": "pk", "KeyType": "HASH"}],
        AttributeDefinitions=[{"AttributeName": "pk", "AttributeType": "S"}],
    )
    return made


def test_a_role_without_policies_may_do_nothing_and_is_told_so_in_iams_words(role: Any, table: str) -> None:
    message = denied(role.client("dynamodb").get_item, TableName=table, Key={"pk": {"S": "a"}})
    arn = f"arn:aws:dynamodb:{REGION}:{ACCOUNT}:table/{table}"
    assert message == (
        f"User: arn:aws:sts::{ACCOUNT}:assumed-role/{role.name}/by-hand is not authorized to perform: "
        f"dynamodb:GetItem on resource: {arn} because no identity-based policy "
        "allows the dynamodb:GetItem action"
    )
    assert role.checks() == [
        {
            "role": role.name,
            "action": "dynamodb:GetItem",
            "resource": arn,
            "allowed": False,
            "message": message,
            "times": 1,
        }
    ]


def test_a_statement_allows_just_what_it_says_and_a_change_counts_at_once(role: Any, table: str) -> None:
    dynamodb, key = role.client("dynamodb"), {"pk": {"S": "a"}}
    arn = f"arn:aws:dynamodb:{REGION}:{ACCOUNT}:table/{table}"
    role.may({"Action": ["dynamodb:GetItem", "dynamodb:PutItem"], "Resource": arn})
    dynamodb.put_item(TableName=table, Item=key)
    assert dynamodb.get_item(TableName=table, Key=key)["Item"] == key
    for call, more in (
        (dynamodb.delete_item, {"Key": key}),
        (dynamodb.scan, {}),
        (dynamodb.describe_table, {}),
    ):
        assert "no identity-based policy" in denied(call, TableName=table, **more)
    assert "table/other" in denied(dynamodb.get_item, TableName="other", Key=key)
    role.may({"Action": "dynamodb:Scan", "Resource": arn})
    dynamodb.scan(TableName=table)
    denied(dynamodb.get_item, TableName=table, Key=key)


def test_a_written_deny_is_told_apart(role: Any, table: str) -> None:
    role.may({"Action": "*"}, {"Effect": "Deny", "Action": "dynamodb:Scan"})
    assert "with an explicit deny in an identity-based policy" in denied(
        role.client("dynamodb").scan, TableName=table
    )


def test_a_boundary_bounds(root: Client, role: Any, table: str, name: Callable[[str], str]) -> None:
    document = {
        "Version": "2012-10-17",
        "Statement": [{"Effect": "Allow", "Action": "sqs:*", "Resource": "*"}],
    }
    arn = root("iam").create_policy(PolicyName=name("b"), PolicyDocument=json.dumps(document))["Policy"][
        "Arn"
    ]
    role.may({"Action": "*"})
    root("iam").put_role_permissions_boundary(RoleName=role.name, PermissionsBoundary=arn)
    assert "because no permissions boundary allows" in denied(role.client("dynamodb").scan, TableName=table)


def test_managed_policies_count_too(root: Client, role: Any, name: Callable[[str], str]) -> None:
    root("iam").attach_role_policy(
        RoleName=role.name, PolicyArn="arn:aws:iam::aws:policy/service-role/AWSLambdaBasicExecutionRole"
    )
    group = name("group")
    role.client("logs").create_log_group(logGroupName=group)
    denied(role.client("sqs").get_queue_url, QueueName="q")


def test_batches_and_transactions_need_every_part(role: Any, table: str) -> None:
    dynamodb, item = role.client("dynamodb"), {"pk": {"S": "b"}}
    arn = f"arn:aws:dynamodb:{REGION}:{ACCOUNT}:table/{table}"
    role.may({"Action": "dynamodb:PutItem", "Resource": arn})
    dynamodb.transact_write_items(TransactItems=[{"Put": {"TableName": table, "Item": item}}])
    both = [
        {"Put": {"TableName": table, "Item": item}},
        {"Delete": {"TableName": table, "Key": {"pk": {"S": "c"}}}},
    ]
    assert "dynamodb:DeleteItem" in denied(dynamodb.transact_write_items, TransactItems=both)
    assert "dynamodb:BatchWriteItem" in denied(
        dynamodb.batch_write_item, RequestItems={table: [{"PutRequest": {"Item": item}}]}
    )


def test_an_operation_that_cannot_be_checked_is_refused_by_name(role: Any) -> None:
    role.may({"Action": "*"})
    assert "iam:ListUsers" in denied(role.client("iam").list_users)


def test_a_policy_that_cannot_be_judged_is_an_error_and_not_a_yes(role: Any, table: str) -> None:
    role.may({"Action": "*", "Condition": {"StringEquals": {"aws:MadeUp": "x"}}})
    with pytest.raises(ClientError, match="aws:MadeUp"):
        role.client("dynamodb").scan(TableName=table)


def test_a_function_whose_role_is_deleted_may_do_nothing(root: Client, role: Any, table: str) -> None:
    role.may({"Action": "*"})
    role.client("dynamodb").scan(TableName=table)
    root("iam").delete_role_policy(RoleName=role.name, PolicyName="p")
    root("iam").delete_role(RoleName=role.name)
    assert "does not exist any more" in denied(role.client("dynamodb").scan, TableName=table)


def test_services_and_what_they_ask_for(root: Client, role: Any, name: Callable[[str], str]) -> None:
    """Every one denied without its statement, and let through with it."""
    bucket, queue, group, secret = name("bucket"), name("queue"), name("group"), name("secret")
    root("s3").create_bucket(Bucket=bucket)
    url = root("sqs").create_queue(QueueName=queue)["QueueUrl"]
    topic = root("sns").create_topic(Name=name("topic"))["TopicArn"]
    root("logs").create_log_group(logGroupName=group)
    secret_arn = root("secretsmanager").create_secret(Name=secret, SecretString="x")["ARN"]
    root("ssm").put_parameter(Name="/a/b", Value="x", Type="String", Overwrite=True)
    sqs = f"arn:aws:sqs:{REGION}:{ACCOUNT}:{queue}"
    stream = f"arn:aws:logs:{REGION}:{ACCOUNT}:log-group:{group}:log-stream:s"
    c = role.client
    cases: list[tuple[str, str, Callable[[], Any]]] = [
        (
            "s3:PutObject",
            f"arn:aws:s3:::{bucket}/a/b",
            lambda: c("s3").put_object(Bucket=bucket, Key="a/b", Body=b"x"),
        ),
        ("s3:GetObject", f"arn:aws:s3:::{bucket}/a/b", lambda: c("s3").get_object(Bucket=bucket, Key="a/b")),
        ("s3:ListBucket", f"arn:aws:s3:::{bucket}", lambda: c("s3").list_objects_v2(Bucket=bucket)),
        (
            "s3:DeleteObject",
            f"arn:aws:s3:::{bucket}/a/b",
            lambda: c("s3").delete_object(Bucket=bucket, Key="a/b"),
        ),
        ("sqs:SendMessage", sqs, lambda: c("sqs").send_message(QueueUrl=url, MessageBody="x")),
        ("sqs:ReceiveMessage", sqs, lambda: c("sqs").receive_message(QueueUrl=url)),
        ("sns:Publish", topic, lambda: c("sns").publish(TopicArn=topic, Message="x")),
        (
            "logs:CreateLogStream",
            stream,
            lambda: c("logs").create_log_stream(logGroupName=group, logStreamName="s"),
        ),
        (
            "events:PutEvents",
            f"arn:aws:events:{REGION}:{ACCOUNT}:event-bus/default",
            lambda: c("events").put_events(Entries=[{"Source": "s", "DetailType": "d", "Detail": "{}"}]),
        ),
        (
            "secretsmanager:GetSecretValue",
            secret_arn,
            lambda: c("secretsmanager").get_secret_value(SecretId=secret),
        ),
        (
            "ssm:GetParameter",
            f"arn:aws:ssm:{REGION}:{ACCOUNT}:parameter/a/b",
            lambda: c("ssm").get_parameter(Name="/a/b"),
        ),
        (
            "cloudwatch:PutMetricData",
            "*",
            lambda: c("cloudwatch").put_metric_data(
                Namespace="n", MetricData=[{"MetricName": "m", "Value": 1}]
            ),
        ),
        (
            "bedrock:InvokeModel",
            BEHIND[0],
            lambda: c("bedrock-runtime").converse(modelId="amazon.nova-micro-v1:0", **HELLO),
        ),
        (
            "bedrock:InvokeModelWithResponseStream",
            BEHIND[0],
            lambda: c("bedrock-runtime").converse_stream(modelId="amazon.nova-micro-v1:0", **HELLO),
        ),
    ]
    for action, resource, call in cases:
        role.may({"Action": "sts:GetCallerIdentity"})
        assert f"{action} on resource: {resource} because" in denied(call), action
        role.may({"Action": action, "Resource": resource})
        call()
    allowed = {(check["action"], check["resource"]) for check in role.checks() if check["allowed"]}
    assert allowed == {(action, resource) for action, resource, _ in cases}


def test_conditions_on_what_is_put_on_a_bus(role: Any) -> None:
    role.may({"Action": "events:PutEvents", "Condition": {"StringEquals": {"events:source": "shop"}}})

    def put(source: str) -> Any:
        entry = {"Source": source, "DetailType": "d", "Detail": "{}"}
        return role.client("events").put_events(Entries=[entry])

    put("shop")
    denied(lambda: put("bank"))


# -- Bedrock through a profile ----------------------------------------------------------------------
def profile_statements() -> list[dict[str, Any]]:
    through = {"StringEquals": {"bedrock:InferenceProfileArn": PROFILE}}
    return [
        {"Action": "bedrock:InvokeModel", "Resource": PROFILE},
        {"Action": "bedrock:InvokeModel", "Resource": BEHIND, "Condition": through},
    ]


def test_a_profile_needs_itself_and_the_model_in_every_region(role: Any) -> None:
    bedrock, model = role.client("bedrock-runtime"), "us.amazon.nova-micro-v1:0"
    role.may(*profile_statements())
    bedrock.converse(modelId=model, **HELLO)
    bedrock.converse(modelId=PROFILE, **HELLO)
    assert BEHIND[0] in denied(bedrock.converse, modelId="amazon.nova-micro-v1:0", **HELLO)
    role.may(profile_statements()[1])
    assert PROFILE in denied(bedrock.converse, modelId=model, **HELLO)
    role.may(profile_statements()[0])
    denied(bedrock.converse, modelId=model, **HELLO)
    for missing in BEHIND:
        first, second = profile_statements()
        role.may(first, {**second, "Resource": [arn for arn in BEHIND if arn != missing]})
        assert missing in denied(bedrock.converse, modelId=model, **HELLO)


def test_a_global_profile_also_needs_the_arn_without_a_region(role: Any) -> None:
    profile = f"arn:aws:bedrock:{REGION}:{ACCOUNT}:inference-profile/global.amazon.nova-2-lite-v1:0"
    base = "foundation-model/amazon.nova-2-lite-v1:0"
    call = {"modelId": "global.amazon.nova-2-lite-v1:0", **HELLO}
    role.may({"Action": "bedrock:InvokeModel", "Resource": [profile, f"arn:aws:bedrock:{REGION}::{base}"]})
    assert f"arn:aws:bedrock:::{base}" in denied(role.client("bedrock-runtime").converse, **call)
    both = [profile, f"arn:aws:bedrock:{REGION}::{base}", f"arn:aws:bedrock:::{base}"]
    role.may({"Action": "bedrock:InvokeModel", "Resource": both})
    role.client("bedrock-runtime").converse(**call)


def test_a_guardrail_needs_its_own_permission(root: Client, role: Any, name: Callable[[str], str]) -> None:
    filters = [{"type": "PROMPT_ATTACK", "inputStrength": "HIGH", "outputStrength": "NONE"}]
    made = root("bedrock").create_guardrail(
        name=name("g"),
        blockedInputMessaging="no",
        blockedOutputsMessaging="no",
        contentPolicyConfig={"filtersConfig": filters},
    )
    config = {"guardrailIdentifier": made["guardrailId"], "guardrailVersion": "DRAFT"}
    call = {"modelId": "us.amazon.nova-micro-v1:0", "guardrailConfig": config, **HELLO}
    role.may(*profile_statements())
    assert "bedrock:ApplyGuardrail on resource: " + made["guardrailArn"] in denied(
        role.client("bedrock-runtime").converse, **call
    )
    role.may(*profile_statements(), {"Action": "bedrock:ApplyGuardrail", "Resource": made["guardrailArn"]})
    role.client("bedrock-runtime").converse(**call)
    unguarded = {"Null": {"bedrock:GuardrailIdentifier": "true"}}
    role.may(
        {"Action": "bedrock:*"}, {"Effect": "Deny", "Action": "bedrock:InvokeModel", "Condition": unguarded}
    )
    role.client("bedrock-runtime").converse(**call)
    denied(role.client("bedrock-runtime").converse, modelId="us.amazon.nova-micro-v1:0", **HELLO)


# -- users and the record ---------------------------------------------------------------------------
def test_an_iam_user_may_do_what_users_and_groups_policies_say(
    cloud: RunningCloud, root: Client, name: Callable[[str], str]
) -> None:
    iam, user, group = root("iam"), name("user"), name("group")
    iam.create_user(UserName=user)
    key = iam.create_access_key(UserName=user)["AccessKey"]
    keys = Credentials(access_key=key["AccessKeyId"], secret_key=key["SecretAccessKey"])
    sqs = cloud.client("sqs", keys)
    url = root("sqs").create_queue(QueueName=f"{user}-inbox")["QueueUrl"]
    assert f"User: arn:aws:iam::{ACCOUNT}:user/{user}" in denied(
        sqs.send_message, QueueUrl=url, MessageBody="x"
    )
    statement = {
        "Effect": "Allow",
        "Action": "sqs:SendMessage",
        "Resource": "arn:aws:sqs:*:*:${aws:username}-inbox",
    }
    iam.create_group(GroupName=group)
    iam.put_group_policy(
        GroupName=group,
        PolicyName="p",
        PolicyDocument=json.dumps({"Version": "2012-10-17", "Statement": [statement]}),
    )
    iam.add_user_to_group(GroupName=group, UserName=user)
    sqs.send_message(QueueUrl=url, MessageBody="x")


def test_the_record_counts_by_role_and_can_be_cleared(cloud: RunningCloud, role: Any, table: str) -> None:
    role.may({"Action": "dynamodb:Scan"})
    for _ in range(3):
        role.client("dynamodb").scan(TableName=table)
    (check,) = role.checks()
    assert (check["allowed"], check["times"]) == (True, 3)
    assert cloud.admin("GET", "iam/checks?role=nobody")["checks"] == []
    assert check in cloud.admin("GET", "iam/checks")["checks"]
    cloud.admin("DELETE", "iam/checks")
    assert role.checks() == []
