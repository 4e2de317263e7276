"""What every deployment of FunctionLlm promises, whatever its settings."""

from __future__ import annotations

import json
from collections import Counter

import pytest

from serverless_ai_patterns import bundle

STATEFUL = ("AWS::Logs::LogGroup", "AWS::DynamoDB::Table", "AWS::SQS::Queue")

SMALL = {
    "AWS::Logs::LogGroup": 1,
    "AWS::DynamoDB::Table": 1,
    "AWS::SQS::Queue": 1,
    "AWS::SQS::QueuePolicy": 1,
    "AWS::IAM::Role": 1,
    "AWS::Lambda::Function": 1,
    "AWS::Lambda::EventInvokeConfig": 1,
    "AWS::Lambda::Permission": 1,
    "AWS::ApiGatewayV2::Api": 1,
    "AWS::ApiGatewayV2::Integration": 1,
    "AWS::ApiGatewayV2::Route": 1,
    "AWS::ApiGatewayV2::Stage": 1,
    "AWS::CloudWatch::Alarm": 5,
    "AWS::CloudWatch::Dashboard": 1,
}


@pytest.fixture(scope="module", params=["default", "everything"])
def template(request):
    return request.getfixturevalue(request.param)


def test_the_default_is_made_of_these_resources_and_no_other(default):
    assert Counter(r["Type"] for r in default.resources().values()) == SMALL


def test_there_is_one_function_and_no_custom_resource(template):
    assert len(template.resources("AWS::Lambda::Function")) == 1
    kinds = {resource["Type"] for resource in template.resources().values()}
    assert not any(kind.startswith(("Custom::", "AWS::CloudFormation::")) for kind in kinds)


def test_the_function_is_small_current_traced_and_logs_json_to_its_own_group(template):
    function = template.one("AWS::Lambda::Function")
    assert function["Architectures"] == ["arm64"]
    assert function["Runtime"] == "python3.13"
    assert function["Handler"] == bundle.handler("function_llm", "aws")
    assert function["TracingConfig"] == {"Mode": "Active"}
    assert function["LoggingConfig"] == {
        "LogFormat": "JSON",
        "LogGroup": {"Ref": template.id_of("AWS::Logs::LogGroup")},
    }
    assert function["Role"]["Fn::GetAtt"][0] in template.resources("AWS::IAM::Role")


def test_the_asset_is_the_bundle_and_nothing_else_and_needs_no_docker(template):
    (asset,) = [a for a in template.assets["files"].values() if a["source"]["packaging"] == "zip"]
    folder = template.folder / asset["source"]["path"]
    files = {p.relative_to(folder).as_posix(): p.read_bytes() for p in folder.rglob("*") if p.is_file()}
    assert files == {name: path.read_bytes() for name, path in bundle.bundle("function_llm", "aws").items()}
    assert not template.assets["dockerImages"]


def test_every_route_is_authorised(template):
    routes = template.all("AWS::ApiGatewayV2::Route")
    assert [(r["RouteKey"], r["AuthorizationType"]) for r in routes] == [("POST /chat", "AWS_IAM")]


def test_a_route_that_a_user_adds_is_authorised_too(make):
    from aws_cdk.aws_apigatewayv2_integrations import HttpUrlIntegration

    made = make()
    made.pattern.api.add_routes(path="/more", integration=HttpUrlIntegration("More", "https://example.com"))
    routes = made.synth().all("AWS::ApiGatewayV2::Route")
    assert [route["AuthorizationType"] for route in routes] == ["AWS_IAM", "AWS_IAM"]


def test_the_only_stage_is_throttled_and_writes_an_access_log_without_secrets(template):
    stage = template.one("AWS::ApiGatewayV2::Stage")
    assert stage["StageName"] == "$default"
    assert stage["DefaultRouteSettings"] == {"ThrottlingRateLimit": 10, "ThrottlingBurstLimit": 20}
    log = json.loads(stage["AccessLogSettings"]["Format"])
    assert {"requestId", "ip", "status", "route"} <= log.keys()
    assert not any("header" in value.lower() or "body" in value.lower() for value in log.values())
    destination = stage["AccessLogSettings"]["DestinationArn"]["Fn::Join"][1]
    assert destination[-1] == {"Ref": template.id_of("AWS::Logs::LogGroup")}


def test_the_gateway_may_invoke_the_function_for_its_own_api_and_path_only(default):
    permission = default.one("AWS::Lambda::Permission")
    assert permission["Principal"] == "apigateway.amazonaws.com"
    *_, api, path = permission["SourceArn"]["Fn::Join"][1]
    assert api == {"Ref": default.id_of("AWS::ApiGatewayV2::Api")}
    assert path == "/*/*/chat"


def test_the_table_is_on_demand_forgets_and_can_be_restored(template):
    table = template.one("AWS::DynamoDB::Table")
    assert table["BillingMode"] == "PAY_PER_REQUEST"
    assert table["KeySchema"] == [{"AttributeName": "pk", "KeyType": "HASH"}]
    assert table["TimeToLiveSpecification"] == {"AttributeName": "expires_at", "Enabled": True}
    assert table["PointInTimeRecoverySpecification"] == {"PointInTimeRecoveryEnabled": True}


def test_every_queue_is_encrypted_and_refuses_plain_http(template):
    queues = template.resources("AWS::SQS::Queue")
    assert all(q["Properties"]["SqsManagedSseEnabled"] for q in queues.values())
    policies = template.all("AWS::SQS::QueuePolicy")
    assert {p["Queues"][0]["Ref"] for p in policies} == queues.keys()
    for policy in policies:
        deny = policy["PolicyDocument"]["Statement"][0]
        assert (deny["Effect"], deny["Action"]) == ("Deny", "sqs:*")
        assert deny["Condition"] == {"Bool": {"aws:SecureTransport": "false"}}


def test_a_failing_event_is_retried_and_ends_in_the_dead_letter_queue(default):
    config = default.one("AWS::Lambda::EventInvokeConfig")
    queue = default.id_of("AWS::SQS::Queue")
    assert config["DestinationConfig"] == {"OnFailure": {"Destination": {"Fn::GetAtt": [queue, "Arn"]}}}
    assert (config["MaximumRetryAttempts"], config["MaximumEventAgeInSeconds"]) == (2, 3600)
    assert config["FunctionName"] == {"Ref": default.id_of("AWS::Lambda::Function")}
    assert config["Qualifier"] == "$LATEST"


def test_removing_the_stack_leaves_nothing(template):
    kept = {name: r for name, r in template.resources().items() if r["Type"] in STATEFUL}
    assert kept
    assert {r["DeletionPolicy"] for r in kept.values()} == {"Delete"}
    assert {r["UpdateReplacePolicy"] for r in kept.values()} == {"Delete"}
    assert not any(r.get("DeletionPolicy") == "Retain" for r in template.resources().values())


def test_alarms_watch_this_function_and_this_dead_letter_queue(default):
    alarms = {a["MetricName"]: a for a in default.all("AWS::CloudWatch::Alarm")}
    queue = alarms.pop("ApproximateNumberOfMessagesVisible")
    assert queue["Dimensions"][0]["Value"]["Fn::GetAtt"] == [default.id_of("AWS::SQS::Queue"), "QueueName"]
    assert alarms.keys() == {"Errors", "Duration", "Throttles", "Tokens"}
    function = {"Name": "FunctionName", "Value": {"Ref": default.id_of("AWS::Lambda::Function")}}
    assert all(a["Dimensions"] == [function] for a in alarms.values())
    assert alarms["Duration"]["ExtendedStatistic"] == "p95"
    assert all(a["TreatMissingData"] == "notBreaching" for a in alarms.values())


def test_the_dashboard_is_json_once_its_references_are_filled_in(template):
    parts = template.one("AWS::CloudWatch::Dashboard")["DashboardBody"]["Fn::Join"][1]
    body = json.loads("".join(part if isinstance(part, str) else "FILLED" for part in parts))
    metrics = {tuple(m[:2]) for w in body["widgets"] for m in w["properties"]["metrics"]}
    assert {
        ("AWS/Lambda", "Invocations"),
        ("AWS/Lambda", "Duration"),
        ("AWS/Lambda", "Throttles"),
        ("AWS/ApiGateway", "5xx"),
        ("AWS/ApiGateway", "Latency"),
        ("AWS/SQS", "ApproximateNumberOfMessagesVisible"),
        ("ServerlessAI", "ColdStarts"),
        ("ServerlessAI", "InputTokens"),
        ("ServerlessAI", "OutputTokens"),
        ("ServerlessAI", "BudgetRefusals"),
    } <= metrics


def test_the_same_source_gives_the_same_template_and_the_same_asset(make, default):
    again = make().synth()
    assert again.folder != default.folder
    assert again.text == default.text
    assert again.assets["files"].keys() == default.assets["files"].keys()
