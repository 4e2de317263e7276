"""Real programs against the running local cloud: our own stack, a wide one, existing resources, a failure."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from serverless_ai_local import launch
from serverless_ai_local.aws.from_pulumi.aws_cloud import AwsCloud
from serverless_ai_local.doors.pulumi import Deployment, ProgramError
from serverless_ai_local.doors.pulumi.clouds import CloudError, Target

ROOT = Path(__file__).parents[2]
STACK = "function-llm"
EVERYTHING = (
    '{"function": {"memory_mb": 1024}, "llm": {"guardrail": true}, "events": '
    '{"schedule": "rate(1 day)", "destination": true, "bus_filter": {"source": ["shop"]}}}'
)
LISTS = {
    "apigatewayv2": ("get_apis", "Items"),
    "bedrock": ("list_guardrails", "guardrails"),
    "cloudwatch": ("describe_alarms", "MetricAlarms"),
    "dynamodb": ("list_tables", "TableNames"),
    "events": ("list_rules", "Rules"),
    "iam": ("list_roles", "Roles"),
    "lambda": ("list_functions", "Functions"),
    "logs": ("describe_log_groups", "logGroups"),
    "s3": ("list_buckets", "Buckets"),
    "scheduler": ("list_schedules", "Schedules"),
    "secretsmanager": ("list_secrets", "SecretList"),
    "sns": ("list_topics", "Topics"),
    "sqs": ("list_queues", "QueueUrls"),
    "ssm": ("describe_parameters", "Parameters"),
}
WIDE = """
import json
tags = {"team": "ai"}
def allow(action, resource, service):
    return aws.iam.get_policy_document_output(statements=[{
        "actions": [action], "resources": [resource],
        "principals": [{"type": "Service", "identifiers": [service]}]}]).json
key = aws.kms.Key("key", enable_key_rotation=True, deletion_window_in_days=7, tags=tags)
aws.kms.Alias("alias", name="alias/shop", target_key_id=key.key_id)
topic = aws.sns.Topic("topic", kms_master_key_id=key.key_id)
queue = aws.sqs.Queue("queue", kms_master_key_id=key.key_id, visibility_timeout_seconds=VISIBILITY, tags=tags)
aws.sqs.Queue("fifo", fifo_queue=True, content_based_deduplication=True)
sending = allow("sqs:SendMessage", queue.arn, "sns.amazonaws.com")
aws.sqs.QueuePolicy("queue", queue_url=queue.url, policy=sending)
aws.sns.TopicPolicy("topic", arn=topic.arn, policy=allow("sns:Publish", topic.arn, "events.amazonaws.com"))
aws.sns.TopicSubscription("sub", topic=topic.arn, protocol="sqs", endpoint=queue.arn,
    raw_message_delivery=True, filter_policy=json.dumps({"kind": ["order"]}))
trust = aws.iam.get_policy_document(statements=[aws.iam.GetPolicyDocumentStatementArgs(
    actions=["sts:AssumeRole"], principals=[aws.iam.GetPolicyDocumentStatementPrincipalArgs(
        type="Service", identifiers=["lambda.amazonaws.com"])])])
role = aws.iam.Role("role", assume_role_policy=trust.json, tags=tags)
policy = aws.iam.Policy("policy", policy=json.dumps({"Version": "2012-10-17", "Statement": [
    {"Effect": "Allow", "Resource": "*", "Action": [
        "sqs:ReceiveMessage", "sqs:DeleteMessage", "sqs:GetQueueAttributes"]}]}))
attached = aws.iam.RolePolicyAttachment("attached", role=role.name, policy_arn=policy.arn)
function = aws.lambda_.Function("function", role=role.arn, runtime=aws.lambda_.Runtime.PYTHON3D13,
    handler="app.handler", code=pulumi.AssetArchive({"app.py": pulumi.StringAsset("handler = print")}),
    environment={"variables": {"TOKEN": pulumi.Output.secret("hush-hush")}}, tags=tags)
aws.lambda_.EventSourceMapping("esm", event_source_arn=queue.arn, function_name=function.name, batch_size=5,
    opts=pulumi.ResourceOptions(depends_on=attached))
aws.lambda_.Permission("permission", action="lambda:InvokeFunction", function=function.arn,
    principal="events.amazonaws.com", statement_id="Rule")
bus = aws.cloudwatch.EventBus("bus")
rule = aws.cloudwatch.EventRule("rule", event_bus_name=bus.name, event_pattern='{"source": ["shop"]}')
aws.cloudwatch.EventTarget("target", rule=rule.name, event_bus_name=bus.name, arn=function.arn,
    retry_policy={"maximum_retry_attempts": RETRIES})
table = aws.dynamodb.Table("table", attributes=[{"name": "pk", "type": "S"}], hash_key="pk",
    billing_mode="PAY_PER_REQUEST", stream_enabled=True, stream_view_type="NEW_IMAGE")
bucket = aws.s3.Bucket("bucket", force_destroy=True, tags=tags)
aws.s3.BucketVersioning("versioning", bucket=bucket.bucket, versioning_configuration={"status": "Enabled"})
aws.s3.BucketPublicAccessBlock("block", bucket=bucket.bucket, block_public_acls=True)
secret = aws.secretsmanager.Secret("secret")
hidden = pulumi.Output.secret("hush-2")
aws.secretsmanager.SecretVersion("v", secret_id=secret.id, secret_string=hidden)
aws.ssm.Parameter("parameter", type="String", value="v", name="/shop/parameter")
log_group = aws.cloudwatch.LogGroup("logs", retention_in_days=7)
for name, one in {
    "account": aws.get_caller_identity().account_id, "bucket": bucket.bucket, "bus": bus.name,
    "environment": function.environment, "function": function.name, "key": key.id, "log": log_group.arn,
    "logs": log_group.name, "queue": queue.url, "role": role.name, "rule": rule.name, "secret": secret.arn,
    "size": function.source_code_size, "stream": table.stream_arn, "table": table.name,
    "tags": function.tags_all, "topic": topic.arn,
}.items():
    pulumi.export(name, one)
"""


@pytest.fixture(scope="module")
def local_cloud(tmp_path_factory: pytest.TempPathFactory) -> Iterator[launch.RunningCloud]:
    running = launch.start(tmp_path_factory.mktemp("cloud"))
    yield running
    running.stop()


def left(cloud: launch.RunningCloud) -> dict[str, list]:
    """Everything there is."""
    found = {name: getattr(cloud.client(name), call)().get(key, []) for name, (call, key) in LISTS.items()}
    return {name: things for name, things in found.items() if things}


def done(result) -> list[tuple]:
    return [(step.op, step.name, step.diff) for step in result.steps if step.op != "same"]


def test_our_stack_lives_its_whole_life(local_cloud, tmp_path):
    def deployment(**config: str) -> Deployment:
        return Deployment(
            ROOT / "pulumi/stacks/aws", STACK, endpoint=local_cloud.url, state_dir=tmp_path, config=config
        )

    preview = deployment().preview()
    assert {op for op, *_ in done(preview)} == {"create"}
    assert left(local_cloud) == {}

    made = deployment().up()
    assert [step[:2] for step in sorted(done(made))] == [step[:2] for step in sorted(done(preview))]
    assert made.outputs["endpoint"].startswith(f"{local_cloud.url}/_aws/execute-api/")
    function = local_cloud.client("lambda").get_function(FunctionName=made.outputs["function_name"])
    assert function["Configuration"]["CodeSize"] < 200_000
    assert done(deployment().up()) == []

    changed = deployment(settings=EVERYTHING).up()
    updates = {name: diff for op, name, diff in done(changed) if op == "update"}
    assert "memorySize" in updates["function-llm-function"]
    assert set(updates) == {f"function-llm-{part}" for part in ("function", "policy", "dead-letters-policy")}
    assert {one.type for one in changed.graph} >= {"AWS::Scheduler::Schedule", "AWS::Bedrock::Guardrail"}
    rule = next(one for one in changed.graph if one.type == "AWS::Events::Rule")
    assert rule.properties["Targets"][0]["Arn"] == function["Configuration"]["FunctionArn"]

    gone = deployment().destroy()
    assert {op for op, *_ in done(gone)} == {"delete"}
    assert len(gone.steps) == len(changed.steps)
    assert left(local_cloud) == {}


@pytest.fixture
def wide(project, local_cloud):
    """Deploy the wide program, with other numbers if wanted."""
    project.write("")

    def deployment(visibility: int = 30, retries: int = 1) -> Deployment:
        text = WIDE.replace("VISIBILITY", str(visibility)).replace("RETRIES", str(retries))
        (project.folder / "__main__.py").write_text("import pulumi, pulumi_aws as aws\n" + text)
        return Deployment(
            project.folder,
            "dev",
            endpoint=local_cloud.url,
            state_dir=project.state_dir,
            config={"aws:defaultTags": '{"tags": {"owner": "me"}}'},
            on_event=project.events.append,
        )

    return deployment


def test_a_wide_program_lives_its_whole_life(wide, local_cloud, project):
    made = wide().up()
    outputs = made.outputs
    assert outputs["tags"] == {"owner": "me", "team": "ai"}
    assert outputs["account"] == "123456789012"
    assert outputs["stream"].startswith("arn:aws:dynamodb:us-east-1:123456789012:table/table-")
    assert not outputs["log"].endswith(":*")
    assert outputs["environment"].value == {"variables": {"TOKEN": "hush-hush"}}
    assert outputs["size"] > 0
    functions = local_cloud.client("lambda")
    configuration = functions.get_function_configuration(FunctionName=outputs["function"])
    assert configuration["Environment"]["Variables"] == {"TOKEN": "hush-hush"}
    secrets = local_cloud.client("secretsmanager")
    assert secrets.get_secret_value(SecretId=outputs["secret"])["SecretString"] == "hush-2"
    printed = f"{made} {project.events} {project.state}"
    assert "hush" not in printed

    _exists(outputs, project, local_cloud)

    changed = wide(visibility=45, retries=3).up()
    assert sorted(done(changed)) == [
        ("update", "queue", ("visibilityTimeoutSeconds",)),
        ("update", "target", ("retryPolicy.maximumRetryAttempts",)),
    ]
    targets = local_cloud.client("events").list_targets_by_rule(
        Rule=outputs["rule"], EventBusName=outputs["bus"]
    )["Targets"]
    assert [one["RetryPolicy"]["MaximumRetryAttempts"] for one in targets] == [3]

    local_cloud.client("s3").put_object(Bucket=outputs["bucket"], Key="k", Body=b"v")
    wide().destroy()
    assert left(local_cloud) == {}


def _exists(outputs, project, local_cloud) -> None:
    """Another program finds what the first one made."""
    other = project.folder.parent / "other"
    other.mkdir()
    (other / "Pulumi.yaml").write_text("name: other\nruntime: python\n")
    (other / "__main__.py").write_text(
        f"""
import pulumi, pulumi_aws as aws
for name, one in {{
    "bucket": aws.s3.Bucket.get("b", {outputs["bucket"]!r}),
    "bus": aws.cloudwatch.EventBus.get("e", {outputs["bus"]!r}),
    "function": aws.lambda_.Function.get("f", {outputs["function"]!r}),
    "key": aws.kms.Key.get("k", {outputs["key"]!r}),
    "logs": aws.cloudwatch.LogGroup.get("l", {outputs["logs"]!r}),
    "queue": aws.sqs.Queue.get("q", {outputs["queue"]!r}),
    "role": aws.iam.Role.get("r", {outputs["role"]!r}),
    "secret": aws.secretsmanager.Secret.get("s", {outputs["secret"]!r}),
    "table": aws.dynamodb.Table.get("t", {outputs["table"]!r}),
    "topic": aws.sns.Topic.get("n", {outputs["topic"]!r}),
}}.items():
    pulumi.export(name, one.arn)
"""
    )
    reading = Deployment(other, "dev", endpoint=local_cloud.url, state_dir=project.state_dir)
    found = reading.up()
    assert {step.op for step in found.steps} == {"create", "read"}
    for name, arn in found.outputs.items():
        assert arn.startswith("arn:aws:")
        assert outputs[name].rsplit("/", 1)[-1].rsplit(":", 1)[-1] in arn
    reading.destroy()
    assert local_cloud.client("dynamodb").describe_table(TableName=outputs["table"])


@pytest.mark.parametrize(
    ("token", "message"),
    [
        ("aws:dynamodb/table:Table", "'nowhere' cannot be read: .*not found"),
        ("aws:cloudwatch/logGroup:LogGroup", "'nowhere' cannot be read: log group nowhere does not exist"),
        ("aws:sqs/queuePolicy:QueuePolicy", "existing ones cannot be read on the local cloud"),
        ("aws:cloudwatch/eventTarget:EventTarget", "existing ones cannot be read on the local cloud"),
    ],
)
def test_what_does_not_exist_or_cannot_be_read_is_said(local_cloud, token, message):
    target = Target(endpoint=local_cloud.url, stack="s", settings={"region": "us-east-1"})
    with pytest.raises(CloudError, match=message):
        AwsCloud().kind(token).read(target, "nowhere")


def test_what_the_cloud_refuses_is_said_in_its_words_and_can_be_mended(project, local_cloud):
    def deployment(program: str) -> Deployment:
        project.write(program)
        return Deployment(project.folder, "dev", endpoint=local_cloud.url, state_dir=project.state_dir)

    good = 'first = aws.sqs.Queue("first")\n'
    bad = good + 'aws.sqs.Queue("second", name="not a name!", opts=pulumi.ResourceOptions(depends_on=first))'
    with pytest.raises(ProgramError, match=r"__main__.py:3: aws:sqs/queue:Queue 'second': .*CreateQueue"):
        deployment(bad).up()
    assert len(left(local_cloud)["sqs"]) == 1
    mended = deployment(bad.replace("not a name!", "a-name")).up()
    assert [step[:2] for step in done(mended)] == [("create", "second")]
    deployment(good).destroy()
    assert left(local_cloud) == {}
