"""The table of AWS types: held against the installed SDK and the providers, and each conversion tried."""

from __future__ import annotations

import json

import pytest
from cfnlint.schema.manager import PROVIDER_SCHEMA_MANAGER
from hypothesis import given
from hypothesis import strategies as st

from serverless_ai_local.aws.from_pulumi.aws_cloud import DIRECT, INVOKES, ROWS, AwsCloud
from serverless_ai_local.aws.from_pulumi.place import context_for, settings
from serverless_ai_local.aws.from_pulumi.policy_document import policy_document
from serverless_ai_local.aws.resources import registry
from serverless_ai_local.doors.pulumi import UNKNOWN, checks, reflection
from serverless_ai_local.doors.pulumi.assets import Archive, Member
from serverless_ai_local.doors.pulumi.clouds import CloudError, Live, Placed, Target

AWS = AwsCloud()
GATHERED = {
    "AWS::Events::Rule": {"IsEnabled"},
    "AWS::IAM::Policy": {"Role"},
    "AWS::Lambda::Function": {"Archive", "ImageUri", "S3Bucket", "S3Key", "S3ObjectVersion"},
    "AWS::SSM::Parameter": {"InsecureValue"},
}
TOKENS = [row.token for row in ROWS]


@pytest.mark.parametrize("row", ROWS, ids=TOKENS)
def test_a_row_names_what_the_sdk_and_the_providers_have(row):
    assert row.type in registry()
    inputs = reflection.resource(row.token).properties
    assert row.inputs.keys() <= inputs.keys()
    assert row.outputs.keys() <= reflection.outputs(row.token).keys()
    if row.name is not None:
        assert row.name.input in inputs
    assert set(row.unique or ()) <= inputs.keys()


@pytest.mark.parametrize("row", ROWS, ids=TOKENS)
def test_a_row_can_make_what_the_sdk_requires(row):
    required = {key for key, known in reflection.resource(row.token).properties.items() if known.required}
    assert required <= row.rules().keys()


@pytest.mark.parametrize("direct", DIRECT, ids=[one.token for one in DIRECT])
def test_a_type_made_apart_takes_what_the_sdk_requires(direct):
    inputs = reflection.resource(direct.token).properties
    assert set(direct.inputs) <= inputs.keys()
    assert {key for key, known in inputs.items() if known.required} <= set(direct.inputs)


def test_a_row_speaks_cloudformation():
    # The API takes these and CloudFormation does not.
    beyond = {
        "AWS::Lambda::Permission": {"StatementId"},
        "AWS::SSM::Parameter": {"KeyId"},
        "AWS::Scheduler::Schedule": {"ActionAfterCompletion"},
    }
    found: dict[str, set[str]] = {}
    for row in ROWS:
        schema = PROVIDER_SCHEMA_MANAGER.get_resource_schema("us-east-1", row.type).schema
        rules = [rule for rule in row.inputs.values() if rule is not None]
        names = {rule if isinstance(rule, str) else rule[0] for rule in rules} - {None}
        # Those that are gathered into a group have no property of their own.
        gathered = {name for name in names if name[0].islower()} | GATHERED.get(row.type, set())
        unknown = names - gathered - schema["properties"].keys()
        if unknown:
            found[row.type] = unknown
    assert found == beyond


def test_every_function_exists_in_the_sdk():
    assert all(reflection.invoke(token) for token in INVOKES)


@pytest.mark.parametrize("row", ROWS, ids=TOKENS)
def test_inputs_that_are_not_known_yet_are_translated_all_the_same(row):
    known = reflection.resource(row.token).properties
    either = ("isEnabled", "insecureValue", "s3Bucket", "s3Key", "s3ObjectVersion", "imageUri")
    inputs = {key: UNKNOWN for key in row.rules() if key in known and key not in either}
    if row.type == "AWS::DynamoDB::Table":
        inputs |= {"billingMode": "PAY_PER_REQUEST", "localSecondaryIndexes": []}
        del inputs["readCapacity"], inputs["writeCapacity"]
    assert row.properties(inputs)


def properties(token: str, **inputs):
    return next(row for row in ROWS if row.token.endswith(f":{token}")).properties(inputs)


def test_the_conversions_of_the_kinds():
    assert properties("Queue", redrivePolicy='{"maxReceiveCount": 3}', tags={"b": "2", "a": "1"}) == {
        "RedrivePolicy": {"maxReceiveCount": 3},
        "Tags": [{"Key": "a", "Value": "1"}, {"Key": "b", "Value": "2"}],
    }
    assert properties("LogGroup", retentionInDays=0, name="x", region="eu-west-1") == {"LogGroupName": "x"}
    assert properties("RolePolicy", role="arn:aws:iam::1:role/a/r", name="p", policy='{"a": 1}') == {
        "Roles": ["r"],
        "PolicyName": "p",
        "PolicyDocument": {"a": 1},
    }
    assert properties("EventRule", isEnabled=False, eventPattern="{}") == {
        "State": "DISABLED",
        "EventPattern": {},
    }
    assert properties(
        "Stage", routeSettings=[{"routeKey": "$default", "throttlingBurstLimit": 2}], name="s"
    ) == {
        "RouteSettings": {"$default": {"ThrottlingBurstLimit": 2}},
        "StageName": "s",
    }
    assert properties("Alias", name="shop", targetKeyId="k")["AliasName"] == "alias/shop"
    alarm = properties(
        "MetricAlarm",
        metricQueries=[
            {"id": "m", "metric": {"metricName": "E", "period": 60, "stat": "Sum", "dimensions": {"F": "f"}}}
        ],
    )
    assert alarm["Metrics"] == [
        {
            "Id": "m",
            "MetricStat": {
                "Metric": {"MetricName": "E", "Dimensions": [{"Name": "F", "Value": "f"}]},
                "Period": 60,
                "Stat": "Sum",
            },
        }
    ]


def test_a_table_is_grouped():
    index = {"name": "i", "hashKey": "g", "projectionType": "INCLUDE", "nonKeyAttributes": ["x"]}
    found = properties(
        "Table",
        hashKey="pk",
        rangeKey="sk",
        readCapacity=1,
        writeCapacity=2,
        streamEnabled=True,
        streamViewType="KEYS_ONLY",
        globalSecondaryIndexes=[index | {"readCapacity": 3, "writeCapacity": 4}],
        localSecondaryIndexes=[{"name": "l", "rangeKey": "t", "projectionType": "ALL"}],
        serverSideEncryption={"enabled": True, "kmsKeyArn": "arn"},
    )
    assert found == {
        "KeySchema": [
            {"AttributeName": "pk", "KeyType": "HASH"},
            {"AttributeName": "sk", "KeyType": "RANGE"},
        ],
        "ProvisionedThroughput": {"ReadCapacityUnits": 1, "WriteCapacityUnits": 2},
        "StreamSpecification": {"StreamViewType": "KEYS_ONLY"},
        "GlobalSecondaryIndexes": [
            {
                "IndexName": "i",
                "KeySchema": [{"AttributeName": "g", "KeyType": "HASH"}],
                "Projection": {"ProjectionType": "INCLUDE", "NonKeyAttributes": ["x"]},
                "ProvisionedThroughput": {"ReadCapacityUnits": 3, "WriteCapacityUnits": 4},
            }
        ],
        "LocalSecondaryIndexes": [
            {
                "IndexName": "l",
                "KeySchema": [
                    {"AttributeName": "pk", "KeyType": "HASH"},
                    {"AttributeName": "t", "KeyType": "RANGE"},
                ],
                "Projection": {"ProjectionType": "ALL"},
            }
        ],
        "SSESpecification": {"SSEEnabled": True, "KMSMasterKeyId": "arn", "SSEType": "KMS"},
    }


@pytest.mark.parametrize(
    ("token", "inputs", "message"),
    [
        (
            "Queue",
            {"policy": "{}"},
            r"^policy: is not supported on the local cloud; supported: content_based",
        ),
        ("Queue", {"redrivePolicy": "{"}, r"^redrive_policy: is not JSON"),
        (
            "Function",
            {"s3Bucket": "b", "publish": True},
            r"^publish: must be False on the local cloud, got True",
        ),
        ("Function", {"role": "r"}, r"a function needs one of code, s3_bucket"),
        ("Function", {"imageUri": "i", "vpcConfig": {"vpcId": "v"}}, r"^vpc_config.vpc_id: is not supported"),
        ("Table", {"hashKey": "k"}, r"give billing_mode PAY_PER_REQUEST, or read_capacity"),
        ("Table", {"billingMode": "PAY_PER_REQUEST", "readCapacity": 1}, r"give billing_mode"),
        (
            "Table",
            {"globalSecondaryIndexes": [{"name": "i", "projectionType": "ALL", "keySchemas": []}]},
            r"^global_secondary_indexes\[0\].key_schemas: is not supported",
        ),
        ("EventRule", {"isEnabled": True, "state": "ENABLED"}, r"is_enabled and state say the same"),
        ("Parameter", {"type": "String"}, r"give value or insecure_value"),
        ("Bucket", {"versioning": {"mfaDelete": True}}, r"^versioning.mfa_delete: must be False"),
    ],
)
def test_what_cannot_be_translated_is_named(token, inputs, message):
    with pytest.raises(CloudError, match=message):
        properties(token, **inputs)


@pytest.mark.parametrize(
    ("token", "message"),
    [
        (
            "aws:sqs/queues:Queues",
            r"aws:sqs/queues:Queues is not on the local cloud; there are: aws:sqs/queue:Queue",
        ),
        ("aws:quantum/thing:Thing", r"is not on the local cloud"),
    ],
)
def test_an_unknown_type_is_named(token, message):
    with pytest.raises(CloudError, match=message):
        AWS.kind(token)


def test_an_unknown_input_of_a_type_made_apart_is_named():
    kind = AWS.kind("aws:cloudwatch/eventTarget:EventTarget")
    with pytest.raises(CloudError, match=r"^ecs_target: is not supported on the local cloud; supported: arn"):
        kind.check({"rule": "r", "arn": "a", "targetId": "t", "ecsTarget": {}})
    with pytest.raises(CloudError, match="give secret_string or secret_binary"):
        AWS.kind("aws:secretsmanager/secretVersion:SecretVersion").check({"secretId": "s"})


@given(st.text(max_size=300), st.sampled_from(ROWS), st.text("0123456789abcdef", min_size=30, max_size=30))
def test_generated_names_keep_their_limits_and_their_ends(name, row, digits):
    if row.name is None:
        return
    for given_inputs in ({}, {"fifoQueue": True, "fifoTopic": True}, {f"{row.name.input}Prefix": name}):
        found = AWS.kind(row.token).defaults(name, given_inputs, lambda count: digits[:count])
        text = found[row.name.input]
        assert len(text) <= row.name.limit
        assert text.endswith(".fifo") == (
            row.type in ("AWS::SQS::Queue", "AWS::SNS::Topic") and "fifoQueue" in given_inputs
        )
    assert AWS.kind(row.token).defaults(name, {row.name.input: "mine"}, lambda count: "") == {}


def test_settings_say_where_and_refuse_what_means_nothing():
    assert settings({}) == {"region": "us-east-1", "tags": {}}
    given_tags = '{"tags": {"a": "b"}}'
    assert settings({"region": "eu-west-1", "defaultTags": given_tags, "skipRegionValidation": "true"}) == {
        "region": "eu-west-1",
        "tags": {"a": "b"},
    }
    for config, message in (
        ({"regoin": "x"}, r"aws:regoin is not supported on the local cloud; allowed: allowedAccountIds"),
        ({"endpoints": "[]"}, r"aws:endpoints is not supported"),
        ({"region": "Frankfurt"}, r"aws:region must be a region such as us-east-1 and is 'Frankfurt'"),
        ({"defaultTags": "{"}, r"is not JSON"),
        ({"allowedAccountIds": '["1"]'}, r"the account of the local cloud is 123456789012"),
        ({"forbiddenAccountIds": ["123456789012"]}, r"which this provider does not allow"),
    ):
        with pytest.raises(CloudError, match=message):
            settings(config)


def test_a_region_of_its_own_wins_and_moving_replaces():
    target = Target(endpoint="http://127.0.0.1:9", stack="s", settings={"region": "us-east-1", "tags": {}})
    assert context_for(target, {"region": "eu-west-1"}).region == "eu-west-1"
    assert AWS.kind("aws:sqs/queue:Queue").replaces({"name": "a"}, {"name": "a", "region": "eu-west-1"})
    assert AWS.kind("aws:cloudwatch/eventTarget:EventTarget").replaces({}, {"region": "eu-west-1"})
    here, there = {"region": "us-east-1", "tags": {}}, {"region": "us-east-1", "tags": {"a": "b"}}
    assert AWS.consequence("aws:sqs/queue:Queue", here, there) == "update"
    assert AWS.consequence("aws:sqs/queuePolicy:QueuePolicy", here, there) == "none"
    assert (
        AWS.consequence("aws:iam/rolePolicyAttachment:RolePolicyAttachment", here, {"region": "x"})
        == "replace"
    )


def test_code_is_known_by_its_content():
    one = Archive("a" * 64, {"app.py": Member(b"1")})
    other = Archive("b" * 64)
    code = properties("Function", name="f", code=one)["Code"]
    assert code == properties("Function", name="f", code=Archive("a" * 64))["Code"]
    assert code != properties("Function", name="f", code=other)["Code"]
    assert code["S3Bucket"] != properties("Function", name="g", code=one)["Code"]["S3Bucket"]
    assert len(code["S3Bucket"]) <= 63


def test_what_terraform_makes_apart_is_part_of_its_owner_in_the_graph():
    def placed(name, token, depends_on=(), /, **inputs):
        return Placed(name=name, token=token, inputs=inputs, live=Live(id=name), depends_on=depends_on)

    found = AWS.graph(
        [
            placed("rule", "aws:cloudwatch/eventRule:EventRule", name="r"),
            placed(
                "target", "aws:cloudwatch/eventTarget:EventTarget", ("rule",), rule="r", arn="a", targetId="t"
            ),
            placed("role", "aws:iam/role:Role", name="x", assumeRolePolicy="{}"),
            placed(
                "att", "aws:iam/rolePolicyAttachment:RolePolicyAttachment", ("role",), role="x", policyArn="p"
            ),
            placed("bucket", "aws:s3/bucket:Bucket", ("att",), bucket="b"),
            placed(
                "v",
                "aws:s3/bucketVersioning:BucketVersioning",
                bucket="b",
                versioningConfiguration={"status": "Enabled"},
            ),
            placed(
                "lost",
                "aws:s3/bucketVersioning:BucketVersioning",
                bucket="z",
                versioningConfiguration=UNKNOWN,
            ),
        ]
    )
    assert {one.name: dict(one.properties) for one in found} == {
        "rule": {"Name": "r", "Targets": [{"Id": "t", "Arn": "a"}]},
        "role": {"RoleName": "x", "AssumeRolePolicyDocument": {}, "ManagedPolicyArns": ["p"]},
        "bucket": {"BucketName": "b", "VersioningConfiguration": {"Status": "Enabled"}},
    }
    assert all(one.depends_on == () for one in found)


def test_a_buckets_settings_and_a_queues_policies_are_part_of_them_in_the_graph():
    def placed(name, token, /, **inputs):
        return Placed(name=name, token=token, inputs=inputs, live=Live(id=name), depends_on=())

    rule = {
        "id": "tidy",
        "status": "Enabled",
        "filter": {"prefix": "in/"},
        "abortIncompleteMultipartUpload": {"daysAfterInitiation": 7},
        "expiration": {"days": 30},
    }
    url = "http://127.0.0.1:9/123456789012/dead"
    allowed = {"redrivePermission": "byQueue", "sourceQueueArns": ["arn"]}
    found = AWS.graph(
        [
            placed("bucket", "aws:s3/bucket:Bucket", bucket="b"),
            placed("told", "aws:s3/bucketNotification:BucketNotification", bucket="b", eventbridge=True),
            placed(
                "tidy",
                "aws:s3/bucketLifecycleConfiguration:BucketLifecycleConfiguration",
                bucket="b",
                rules=[rule],
            ),
            placed("dead", "aws:sqs/queue:Queue", name="dead"),
            placed(
                "allow",
                "aws:sqs/redriveAllowPolicy:RedriveAllowPolicy",
                queueUrl=url,
                redriveAllowPolicy=json.dumps(allowed),
            ),
        ]
    )
    assert {one.name: dict(one.properties) for one in found} == {
        "bucket": {
            "BucketName": "b",
            "NotificationConfiguration": {"EventBridgeConfiguration": {"EventBridgeEnabled": True}},
            "LifecycleConfiguration": {
                "Rules": [
                    {
                        "Id": "tidy",
                        "Status": "Enabled",
                        "Prefix": "in/",
                        "AbortIncompleteMultipartUpload": {"DaysAfterInitiation": 7},
                        "ExpirationInDays": 30,
                    }
                ]
            },
        },
        "dead": {"QueueName": "dead", "RedriveAllowPolicy": allowed},
    }


@pytest.mark.parametrize(
    ("token", "inputs", "message"),
    [
        (
            "aws:s3/bucketNotification:BucketNotification",
            {"bucket": "b", "queues": [{"queueArn": "a"}]},
            r"^queues: must be \[\] on the local cloud",
        ),
        (
            "aws:s3/bucketLifecycleConfiguration:BucketLifecycleConfiguration",
            {"bucket": "b", "rules": [{"id": "i", "status": "Enabled", "transitions": []}]},
            r"^rules\[0\].transitions: is not supported on the local cloud; supported: abort_incomplete",
        ),
        (
            "aws:sqs/redriveAllowPolicy:RedriveAllowPolicy",
            {"queueUrl": "u", "redriveAllowPolicy": "{"},
            r"is not JSON",
        ),
    ],
)
def test_a_setting_that_cannot_be_had_is_named_before_anything_is_made(token, inputs, message):
    with pytest.raises(CloudError, match=message):
        AWS.kind(token).check(inputs)


def test_a_policy_document_is_terraforms():
    found = policy_document(
        {
            "policyId": "P",
            "statements": [
                {
                    "sid": "One",
                    "actions": ["s3:Get", "s3:Put", "s3:Get"],
                    "resources": ["*"],
                    "principals": [{"type": "*", "identifiers": ["*"]}],
                    "conditions": [
                        {"test": "StringLike", "variable": "s3:prefix", "values": ["", "home/"]},
                        {"test": "StringLike", "variable": "aws:user", "values": ["me"]},
                    ],
                },
                {
                    "effect": "Deny",
                    "notActions": ["x:y"],
                    "notResources": ["a", "b"],
                    "notPrincipals": [
                        {"type": "AWS", "identifiers": ["1"]},
                        {"type": "AWS", "identifiers": ["2"]},
                    ],
                },
            ],
        }
    )
    assert json.loads(found["json"]) == {
        "Version": "2012-10-17",
        "Id": "P",
        "Statement": [
            {
                "Sid": "One",
                "Effect": "Allow",
                "Action": ["s3:Put", "s3:Get"],
                "Resource": "*",
                "Principal": "*",
                "Condition": {"StringLike": {"s3:prefix": ["", "home/"], "aws:user": "me"}},
            },
            {
                "Effect": "Deny",
                "NotAction": "x:y",
                "NotResource": ["b", "a"],
                "NotPrincipal": {"AWS": ["2", "1"]},
            },
        ],
    }
    assert found["json"].startswith('{\n  "Version"')
    assert json.loads(found["minifiedJson"]) == json.loads(found["json"])
    assert found["id"] == policy_document(found | {"json": 0})["id"]


def test_policy_documents_are_merged_by_sid():
    def document(*statements):
        return json.dumps({"Version": "2012-10-17", "Statement": list(statements)})

    source = document({"Sid": "A", "Effect": "Allow"}, {"Effect": "Allow", "Action": "x"})
    override = json.dumps({"Statement": {"Sid": "A", "Effect": "Deny"}})
    found = policy_document(
        {
            "sourcePolicyDocuments": [source],
            "overridePolicyDocuments": [override],
            "statements": [{"sid": "B", "actions": ["b"]}],
        }
    )
    assert [(one.get("Sid"), one["Effect"]) for one in json.loads(found["json"])["Statement"]] == [
        ("A", "Deny"),
        (None, "Allow"),
        ("B", "Allow"),
    ]
    with pytest.raises(CloudError, match="sid 'A' stands twice"):
        policy_document({"sourcePolicyDocuments": [source, source]})
    with pytest.raises(CloudError, match="is not JSON"):
        policy_document({"sourceJson": "{"})


def test_what_the_sdk_says_is_what_is_checked():
    assert checks.resource("aws:s3/bucketVersioning:BucketVersioning", {"bucket": "b"}) == [
        "missing required property versioning_configuration of aws.s3.BucketVersioning"
    ]
    assert checks.resource(
        "pulumi:providers:aws", {"maxRetries": '"three"', "defaultTags": '{"tags": {"a": 1}}'}
    ) == [
        "max_retries: an integer wanted, got a string",
        "default_tags.tags.a: a string wanted, got an integer",
    ]
    assert checks.invoke("aws:index/getRegion:getRegion", {"nam": "x"})[0].startswith("unknown property nam")
