"""What the Pulumi component promises without being told anything, and with every part switched on."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import pulumi
import pulumi_aws as aws
import pytest

from serverless_ai_patterns import bundle
from serverless_ai_patterns.aws import delivery, function_llm, guardrail, observability, policy
from serverless_ai_patterns.function_llm import (
    Events,
    FunctionLlmSettings,
    Llm,
    Sessions,
    TokenBudget,
)
from serverless_ai_patterns.models import resolve_aws
from serverless_ai_pulumi.aws import FunctionLlm, VpcPlacement
from serverless_ai_runtime.config import FunctionLlmConfig, from_env

PLACE = {"partition": "aws", "region": "eu-west-1", "account": "111122223333"}
LOGS = "arn:aws:logs:eu-west-1:111122223333:log-group:chat-logs-0a1b2c3"
TABLE = "arn:aws:dynamodb:eu-west-1:111122223333:table/chat-table-0a1b2c3"
DEAD_LETTERS = "arn:aws:sqs:eu-west-1:111122223333:chat-dead-letters-0a1b2c3"
RESULTS = "arn:aws:sqs:eu-west-1:111122223333:chat-results-0a1b2c3"
GUARDRAIL = "arn:aws:bedrock:eu-west-1:111122223333:guardrail/chat-guardrail-0a1b2c3"
FUNCTION = "arn:aws:lambda:eu-west-1:111122223333:function:chat-function-0a1b2c3"
KEY = "arn:aws:kms:eu-west-1:111122223333:key/mine"


def as_iam_writes(statements):
    return [json.loads(json.dumps(one.to_json())) for one in statements]


def test_the_minimal_call_makes_one_authorised_throttled_and_logged_route(usual):
    route = usual.one("Route")
    assert (route.inputs["routeKey"], route.inputs["authorizationType"]) == ("POST /chat", "AWS_IAM")
    assert "authorizerId" not in route.inputs
    assert usual.all("Authorizer") == []
    stage = usual.one("Stage").inputs
    assert (stage["name"], stage["autoDeploy"]) == ("$default", True)
    assert stage["defaultRouteSettings"] == {"throttlingRateLimit": 10, "throttlingBurstLimit": 20}
    assert stage["accessLogSettings"] == {
        "destinationArn": "arn:aws:logs:eu-west-1:111122223333:log-group:chat-logs-0a1b2c3",
        "format": observability.ACCESS_LOG_FORMAT,
    }


def test_only_this_route_may_call_the_function(usual):
    permission = usual.one("Permission").inputs
    assert permission["principal"] == "apigateway.amazonaws.com"
    assert permission["sourceArn"] == (
        "arn:aws:execute-api:eu-west-1:111122223333:chat-api-0a1b2c3/*/POST/chat"
    )


def test_a_jwt_route_checks_issuer_and_every_audience(whole):
    authorizer = whole.one("Authorizer").inputs
    assert authorizer["authorizerType"] == "JWT"
    assert authorizer["jwtConfiguration"] == {
        "issuer": "https://login.example.com/",
        "audiences": ["chat", "admin"],
    }
    route = whole.one("Route").inputs
    assert (route["authorizationType"], route["authorizerId"]) == ("JWT", "chat-api-authorizer-id")


def test_the_function_is_small_traced_and_writes_json_to_its_own_log_group(usual):
    made = usual.one("Function")
    expected = {
        "runtime": "python3.13",
        "architectures": ["arm64"],
        "handler": "serverless_ai_runtime.entrypoints.aws_lambda.function_llm",
        "memorySize": 512,
        "timeout": 29,
        "tracingConfig": {"mode": "Active"},
        "loggingConfig": {"logFormat": "JSON", "logGroup": "chat-logs-0a1b2c3"},
    }
    assert {key: made.inputs[key] for key in expected} == expected
    assert not {"reservedConcurrentExecutions", "vpcConfig", "kmsKeyArn", "name"} & set(made.inputs)
    assert {each.inputs["retentionInDays"] for each in usual.all("LogGroup")} == {30}


def test_the_function_has_a_role_that_only_lambda_assumes(usual):
    role = usual.one("Role")
    assert usual.one("Function").inputs["role"] == f"arn:aws:iam::111122223333:role/{role.physical}"
    assert usual.one("RolePolicy").inputs["role"] == role.physical
    (trust,) = role.document("assumeRolePolicy")["Statement"]
    assert (trust["Effect"], trust["Action"]) == ("Allow", "sts:AssumeRole")
    assert trust["Principal"] == {"Service": "lambda.amazonaws.com"}


def test_the_function_waits_for_its_permissions(whole):
    granted = whole.one("RolePolicy", "chat-policy")
    assert granted.urn in whole.one("Function").dependencies
    assert whole.one("RolePolicy", "chat-schedule-policy").urn in whole.one("Schedule").dependencies
    assert whole.one("Permission", "chat-rule-permission").urn in whole.one("EventTarget").dependencies


def test_the_table_expires_records_and_can_be_restored(usual):
    table = usual.one("Table").inputs
    assert table["billingMode"] == "PAY_PER_REQUEST"
    assert (table["hashKey"], table["attributes"]) == ("pk", [{"name": "pk", "type": "S"}])
    assert table["ttl"] == {"attributeName": "expires_at", "enabled": True}
    assert table["pointInTimeRecovery"] == {"enabled": True}


def test_an_event_that_fails_every_time_ends_in_the_dead_letter_queue(usual):
    config = usual.one("FunctionEventInvokeConfig").inputs
    assert config["maximumRetryAttempts"] == 2
    assert config["destinationConfig"] == {"onFailure": {"destination": DEAD_LETTERS}}


def test_queues_are_encrypted_and_refuse_plain_http(whole):
    queues = whole.all("Queue")
    assert {each.name for each in queues} == {"chat-dead-letters", "chat-results"}
    for queue in queues:
        assert queue.inputs["sqsManagedSseEnabled"] is True
        first = whole.one("QueuePolicy", f"{queue.name}-policy").document("policy")["Statement"][0]
        assert (first["Effect"], first["Action"], first["Principal"]) == ("Deny", "sqs:*", "*")
        assert first["Resource"] == f"arn:aws:sqs:eu-west-1:111122223333:{queue.physical}"
        assert first["Condition"] == {"Bool": {"aws:SecureTransport": "false"}}


def test_results_that_nobody_takes_become_dead_letters(whole):
    assert whole.one("Queue", "chat-results").document("redrivePolicy") == {
        "deadLetterTargetArn": DEAD_LETTERS,
        "maxReceiveCount": delivery.RECEIVES_BEFORE_DEAD,
    }


def test_a_bus_event_is_retried_and_then_kept(whole):
    rule = whole.one("EventRule")
    assert rule.document("eventPattern") == {"source": ["shop"], "detail": {"n": [1]}}
    target = whole.one("EventTarget").inputs
    assert (target["arn"], target["rule"]) == (FUNCTION, rule.physical)
    assert target["deadLetterConfig"] == {"arn": DEAD_LETTERS}
    assert target["retryPolicy"] == {
        "maximumEventAgeInSeconds": delivery.EVENT_AGE_S,
        "maximumRetryAttempts": delivery.DELIVERY_RETRIES,
    }
    rule_arn = f"arn:aws:events:eu-west-1:111122223333:rule/{rule.physical}"
    assert whole.one("Permission", "chat-rule-permission").inputs["sourceArn"] == rule_arn
    allowed = whole.one("QueuePolicy", "chat-dead-letters-policy").document("policy")["Statement"][1]
    assert allowed["Principal"] == {"Service": "events.amazonaws.com"}
    assert allowed["Condition"] == {"ArnEquals": {"aws:SourceArn": [rule_arn]}}


def test_the_schedule_has_a_role_of_its_own_that_may_only_call_and_bury(whole):
    schedule = whole.one("Schedule").inputs
    assert schedule["scheduleExpression"] == "rate(1 day)"
    assert schedule["flexibleTimeWindow"] == {"mode": "OFF"}
    target = schedule["target"]
    assert (target["arn"], target["deadLetterConfig"]) == (FUNCTION, {"arn": DEAD_LETTERS})
    assert target["input"] == delivery.schedule_input("Write today's summary.")
    role = whole.one("Role", "chat-schedule-role")
    assert target["roleArn"] == f"arn:aws:iam::111122223333:role/{role.physical}"
    trust = role.document("assumeRolePolicy")["Statement"]
    assert [one["Principal"] for one in trust] == [{"Service": "scheduler.amazonaws.com"}]
    assert trust[0]["Condition"] == {"StringEquals": {"aws:SourceAccount": "111122223333"}}
    assert whole.one("RolePolicy", "chat-schedule-policy").document("policy")["Statement"] == as_iam_writes(
        [policy.invoke_function(FUNCTION), policy.send_to("SendDeadLetters", DEAD_LETTERS)]
    )


def test_the_guardrail_is_made_from_the_shared_content_and_named_by_version(whole):
    made = whole.one("Guardrail").inputs
    filters = made["contentPolicyConfig"]["filtersConfigs"]
    assert [(one["type"], one["inputStrength"], one["outputStrength"]) for one in filters] == [
        (one.type, one.input_strength, one.output_strength) for one in guardrail.FILTERS
    ]
    version = whole.one("GuardrailVersion").inputs
    assert version["guardrailArn"] == GUARDRAIL
    assert guardrail.revision() in version["description"]
    told = configuration(whole)
    assert (told.guardrail_id, told.guardrail_version) == ("id-of-chat-guardrail-0a1b2c3", "7")


def test_the_role_may_do_what_the_shared_list_says_and_nothing_else(usual, whole):
    model = resolve_aws("small", "eu-west-1")
    made = {"log_group_arn": LOGS, "dead_letters_arn": DEAD_LETTERS, "table_arn": TABLE}
    optional = {"destination_arn": RESULTS, "guardrail_arn": GUARDRAIL}
    granted = usual.one("RolePolicy", "chat-policy").document("policy")["Statement"]
    assert granted == as_iam_writes(function_llm.statements(model, **PLACE, **made))
    granted = whole.one("RolePolicy", "chat-policy").document("policy")["Statement"]
    assert granted == as_iam_writes(function_llm.statements(model, **PLACE, **made, **optional))
    for recording in (usual, whole):
        assert recording.all("RolePolicyAttachment") == []
        for role in recording.all("Role"):
            assert not {"managedPolicyArns", "inlinePolicies"} & set(role.inputs)


def test_no_statement_has_a_star_outside_the_written_list(usual, whole, deploy):
    everywhere = deploy(lambda: FunctionLlm("vpc", vpc=PLACED, key_arn=KEY))
    for statement in [*usual.statements, *whole.statements, *everywhere.statements]:
        assert not any("*" in action for action in statement["Action"]), statement
        if any("*" in resource for resource in statement["Resource"]):
            assert statement["Sid"] in policy.STAR_RESOURCES, statement


def test_the_function_is_told_what_the_settings_say_and_what_was_made(whole):
    told = configuration(whole)
    assert told.model == resolve_aws("small", "eu-west-1").id
    assert told.store == "chat-table-0a1b2c3"
    assert told.destination == "https://sqs.eu-west-1.amazonaws.com/111122223333/chat-results-0a1b2c3"
    assert (told.history_turns, told.session_ttl_s, told.max_output_tokens) == (10, 86400, 1024)


def test_alarms_are_the_shared_specifications(usual):
    specs = observability.function_llm_alarms(
        function_name="chat-function-0a1b2c3",
        dead_letter_queue_name="chat-dead-letters-0a1b2c3",
        timeout_s=29,
        tokens_per_hour=observability.alarm_tokens_per_hour(2_000_000),
    )
    made = {each.inputs["alarmDescription"]: each.inputs for each in usual.all("MetricAlarm")}
    assert len(made) == len(specs)
    for spec in specs:
        alarm = made[spec.description]
        assert alarm.get("extendedStatistic", alarm.get("statistic")) == spec.statistic
        assert ("extendedStatistic" in alarm) == (spec.statistic == "p95")
        rest = {
            "namespace": spec.namespace,
            "metricName": spec.metric,
            "dimensions": spec.dimensions,
            "period": spec.period_s,
            "threshold": spec.threshold,
            "comparisonOperator": spec.comparison,
            "evaluationPeriods": spec.evaluation_periods,
            "treatMissingData": spec.treat_missing_data,
        }
        assert {key: alarm[key] for key in rest} == rest


def test_the_dashboard_is_the_shared_one(usual):
    made = usual.one("Dashboard")
    assert made.document("dashboardBody") == observability.function_llm_dashboard(
        region="eu-west-1",
        function_name="chat-function-0a1b2c3",
        api_id="chat-api-id",
        stage="$default",
        dead_letter_queue_name="chat-dead-letters-0a1b2c3",
    )
    assert made.inputs["dashboardName"] == "chat-function-0a1b2c3", (
        "unique in the account, as the function is"
    )


def test_everything_is_a_child_of_the_component_and_the_component_of_the_stack(whole):
    component = whole.one("FunctionLlm")
    assert component.type == "serverless-ai:aws:FunctionLlm"
    assert component.parent.split("::")[2] == "pulumi:pulumi:Stack"
    children = [each for each in whole.resources if each is not component]
    assert {each.parent for each in children} == {component.urn}
    assert all(each.name.startswith("chat-") for each in children)


def test_the_archive_holds_the_bundle_and_nothing_else(usual):
    assets = usual.one("Function").inputs["code"]["assets"]
    files = bundle.bundle("function_llm", "aws")
    assert {name: Path(asset["path"]) for name, asset in assets.items()} == dict(files)
    state = hashlib.sha256()
    for name in sorted(assets):
        content = Path(assets[name]["path"]).read_bytes()
        state.update(f"{name}\0{len(content)}\0".encode() + content)
    assert state.hexdigest() == bundle.digest("function_llm", "aws"), (
        "same source, same hash as every other tool"
    )


def test_the_same_program_twice_says_the_same(whole, deploy, everything):
    assert deploy(lambda: FunctionLlm("chat", everything)).picture == whole.picture


def test_a_preview_knows_every_resource_that_an_update_makes(whole, deploy, everything):
    preview = deploy(lambda: FunctionLlm("chat", everything), preview=True)
    assert preview.picture.keys() == whole.picture.keys()


def test_one_call_asks_for_the_region_and_no_other_call_is_made(whole):
    assert whole.invokes == [("aws:index/getRegion:getRegion", "")]


def test_an_explicit_provider_reaches_every_child_and_the_call(deploy):
    def program():
        elsewhere = aws.Provider("elsewhere", region="eu-west-1")
        FunctionLlm("chat", opts=pulumi.ResourceOptions(provider=elsewhere))

    recording = deploy(program)
    reference = f"{recording.one('aws', 'elsewhere').urn}::elsewhere-id"
    children = [each for each in recording.resources if each.name.startswith("chat-")]
    assert len(children) > 10
    assert {each.provider for each in children} == {reference}
    assert recording.invokes == [("aws:index/getRegion:getRegion", reference)]


def test_two_components_share_nothing(deploy):
    def program():
        FunctionLlm("one")
        FunctionLlm("two")

    recording = deploy(program)
    one, two = (
        [each for each in recording.resources if each.name.startswith(name)] for name in ("one", "two")
    )
    assert len(one) == len(two) == len(recording.resources) / 2
    for mine, other in ((one, "two"), (two, "one")):
        texts = [json.dumps(each.inputs) for each in mine if each.type != "aws:lambda/function:Function"]
        assert not any(f"{other}-" in text for text in texts)


def test_the_model_is_the_one_near_the_region(usual):
    resources = [arn for one in usual.statements if "Model" in one["Sid"] for arn in one["Resource"]]
    assert resources
    assert all(arn.split(":")[3].startswith("eu-") for arn in resources)


def test_nothing_is_remembered_when_the_settings_say_so(deploy):
    recording = deploy(lambda: FunctionLlm("chat", STATELESS))
    assert recording.all("Table") == []
    assert "UseTable" not in {one["Sid"] for one in recording.statements}
    assert configuration(recording).store == ""


STATELESS = FunctionLlmSettings(
    sessions=Sessions(history_turns=0), budget=TokenBudget(caller_tokens_per_day=0, total_tokens_per_day=0)
)
PLACED = VpcPlacement(subnet_ids=["subnet-1", "subnet-2"], security_group_ids=["sg-1"])


def test_a_log_group_of_yours_is_used_for_both_logs_and_none_is_made(deploy):
    def program():
        mine = aws.cloudwatch.LogGroup("mine", retention_in_days=1)
        made = FunctionLlm("chat", log_group=mine)
        assert made.log_group is mine

    recording = deploy(program)
    arn = "arn:aws:logs:eu-west-1:111122223333:log-group:mine-0a1b2c3"
    assert [each.name for each in recording.all("LogGroup")] == ["mine"]
    assert recording.one("Function").inputs["loggingConfig"]["logGroup"] == "mine-0a1b2c3"
    assert recording.one("Stage").inputs["accessLogSettings"]["destinationArn"] == arn
    assert as_iam_writes([policy.write_logs(arn)])[0] in recording.statements


def test_a_table_of_yours_is_used_and_none_is_made(deploy):
    def program():
        mine = aws.dynamodb.Table("mine", hash_key="pk", attributes=[{"name": "pk", "type": "S"}])
        made = FunctionLlm("chat", table=mine)
        assert made.table is mine

    recording = deploy(program)
    assert [each.name for each in recording.all("Table")] == ["mine"]
    assert configuration(recording).store == "mine-0a1b2c3"
    arn = "arn:aws:dynamodb:eu-west-1:111122223333:table/mine-0a1b2c3"
    assert as_iam_writes([policy.use_table(arn)])[0] in recording.statements


def test_a_table_that_nothing_would_be_stored_in_is_refused(deploy):
    def program():
        FunctionLlm("chat", STATELESS, table=aws.dynamodb.Table("mine", hash_key="pk"))

    with pytest.raises(ValueError, match="chat: a table was given, but these settings remember nothing"):
        deploy(program)


def test_in_a_vpc_of_yours_the_function_may_attach_itself(deploy):
    recording = deploy(lambda: FunctionLlm("chat", vpc=PLACED))
    assert recording.one("Function").inputs["vpcConfig"] == {
        "subnetIds": ["subnet-1", "subnet-2"],
        "securityGroupIds": ["sg-1"],
    }
    assert as_iam_writes([policy.attach_to_vpc()])[0] in recording.statements
    assert not [each for each in recording.resources if each.type.startswith("aws:ec2/")]


def test_a_key_of_yours_encrypts_all_that_is_kept(deploy, everything):
    recording = deploy(lambda: FunctionLlm("chat", everything, key_arn=pulumi.Output.from_input(KEY)))
    assert {each.inputs["kmsKeyId"] for each in recording.all("LogGroup")} == {KEY}
    assert recording.one("Table").inputs["serverSideEncryption"] == {"enabled": True, "kmsKeyArn": KEY}
    assert {each.inputs["kmsMasterKeyId"] for each in recording.all("Queue")} == {KEY}
    assert not any("sqsManagedSseEnabled" in each.inputs for each in recording.all("Queue"))
    assert recording.one("Function").inputs["kmsKeyArn"] == KEY
    assert recording.one("Guardrail").inputs["kmsKeyArn"] == KEY
    for services in (function_llm.KEYED, ["sqs"]):  # the function's role, and the schedule's
        (use,) = as_iam_writes([policy.use_key(KEY, region="eu-west-1", services=services)])
        assert recording.statements.count(use) == 1
    assert len(recording.all("Role")) == 2


def test_without_a_key_no_role_may_use_one(whole):
    assert "UseKey" not in {one["Sid"] for one in whole.statements}


@pytest.mark.parametrize("model", ["smal", "no model at all", "arn:aws:s3:::bucket"])
@pytest.mark.parametrize("preview", [True, False])
def test_an_impossible_model_fails_the_program_already_in_a_preview(deploy, model, preview):
    with pytest.raises(ValueError, match="model must be"):
        deploy(lambda: FunctionLlm("chat", FunctionLlmSettings(llm=Llm(model=model))), preview=preview)


@pytest.mark.parametrize("events", [Events(schedule="rate(1 day)"), Events(bus_filter={"source": ["shop"]})])
def test_one_way_in_makes_nothing_of_the_other(deploy, events):
    recording = deploy(lambda: FunctionLlm("chat", FunctionLlmSettings(events=events)))
    assert len(recording.all("Schedule")) == (events.schedule is not None)
    assert len(recording.all("EventRule")) == len(recording.all("EventTarget")) == (events.schedule is None)
    assert len(recording.all("Queue")) == 1


def configuration(recording) -> FunctionLlmConfig:
    return from_env(FunctionLlmConfig, recording.one("Function").inputs["environment"]["variables"])
