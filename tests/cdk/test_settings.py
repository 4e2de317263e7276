"""Every setting of FunctionLlm has its effect on the template."""

from __future__ import annotations

import json
from dataclasses import fields, is_dataclass, replace

import pytest

from serverless_ai_cdk import FunctionLlm
from serverless_ai_patterns.function_llm import Events, FunctionLlmSettings, Jwt, Llm, Sessions, TokenBudget
from serverless_ai_runtime import config
from serverless_ai_runtime.config import FunctionLlmConfig

ISSUER = "https://issuer.example.com/pool"
FILTER = {"source": ["shop"], "detail": {"total": [{"numeric": [">", 100]}]}, "$or": [{"region": ["x"]}]}
MESSAGE = 'Write "it" down: <aws.scheduler.scheduled-time> — ünïcode\n{}'


def configuration(template) -> FunctionLlmConfig:
    """What the function will read; a reference stands as its logical id."""
    variables = template.one("AWS::Lambda::Function")["Environment"]["Variables"]
    return config.from_env(
        FunctionLlmConfig, {name: v if isinstance(v, str) else json.dumps(v) for name, v in variables.items()}
    )


def function(template):
    return template.one("AWS::Lambda::Function")


def throttling(template):
    return template.one("AWS::ApiGatewayV2::Stage")["DefaultRouteSettings"]


def authorisation(template):
    return template.one("AWS::ApiGatewayV2::Authorizer")["JwtConfiguration"]


def scheduled(template):
    return json.loads(template.one("AWS::Scheduler::Schedule")["Target"]["Input"])["message"]


# Path of the setting -> a value that is not its default, where its effect shows, what shows there.
EFFECTS = {
    "llm.model": ("amazon.nova-lite-v1:0", lambda t: configuration(t).model, "amazon.nova-lite-v1:0"),
    "llm.system_prompt": ("Be kind.", lambda t: configuration(t).system_prompt, "Be kind."),
    "llm.max_output_tokens": (77, lambda t: configuration(t).max_output_tokens, 77),
    "llm.context_tokens": (777, lambda t: configuration(t).context_tokens, 777),
    "llm.guardrail": (True, lambda t: len(t.all("AWS::Bedrock::Guardrail")), 1),
    "sessions.history_turns": (3, lambda t: configuration(t).history_turns, 3),
    "sessions.ttl_hours": (2, lambda t: configuration(t).session_ttl_s, 7200),
    "budget.caller_tokens_per_day": (5, lambda t: configuration(t).caller_tokens_per_day, 5),
    "budget.total_tokens_per_day": (6, lambda t: configuration(t).total_tokens_per_day, 6),
    "auth": (
        Jwt(issuer=ISSUER, audience=("a", "b")),
        authorisation,
        {"Issuer": ISSUER, "Audience": ["a", "b"]},
    ),
    "throttle.requests_per_second": (7, lambda t: throttling(t)["ThrottlingRateLimit"], 7),
    "throttle.burst": (8, lambda t: throttling(t)["ThrottlingBurstLimit"], 8),
    "function.memory_mb": (1769, lambda t: function(t)["MemorySize"], 1769),
    "function.timeout_s": (9, lambda t: function(t)["Timeout"], 9),
    "function.max_concurrency": (4, lambda t: function(t)["ReservedConcurrentExecutions"], 4),
    "function.log_retention_days": (1827, lambda t: t.one("AWS::Logs::LogGroup")["RetentionInDays"], 1827),
    "function.log_content": (True, lambda t: configuration(t).log_content, True),
    "events.schedule": (
        "cron(0 6 ? * MON-FRI *)",
        lambda t: t.one("AWS::Scheduler::Schedule")["ScheduleExpression"],
        "cron(0 6 ? * MON-FRI *)",
    ),
    "events.schedule_message": (MESSAGE, scheduled, MESSAGE),
    "events.bus_filter": (FILTER, lambda t: t.one("AWS::Events::Rule")["EventPattern"], FILTER),
    "events.destination": (True, lambda t: len(t.all("AWS::SQS::Queue")), 2),
}

BASE = {"events.schedule_message": FunctionLlmSettings(events=Events(schedule="rate(1 day)"))}
"""Settings without which another one has nothing to act on."""


def changed(path: str, value: object) -> FunctionLlmSettings:
    base = BASE.get(path, FunctionLlmSettings())
    group, _, field = path.partition(".")
    return replace(base, **{group: replace(getattr(base, group), **{field: value}) if field else value})


def leaves(settings: object) -> set[str]:
    found = set()
    for group in fields(settings):
        inner = getattr(settings, group.name)
        grouped = is_dataclass(inner) and fields(inner)
        found |= {f"{group.name}.{leaf.name}" for leaf in fields(inner)} if grouped else {group.name}
    return found


def test_no_setting_is_missing_from_this_test():
    assert leaves(FunctionLlmSettings()) == EFFECTS.keys()


@pytest.mark.parametrize("path", EFFECTS)
def test_a_setting_has_its_effect(make, default, path):
    value, where, expected = EFFECTS[path]
    template = make(changed(path, value)).synth()
    assert where(template) == expected
    assert template.text != default.text


def test_the_default_configuration_is_what_the_settings_say(default):
    settings, read = FunctionLlmSettings(), configuration(default)
    assert read.model == "us.amazon.nova-micro-v1:0"
    assert read.system_prompt == settings.llm.system_prompt
    assert read.session_ttl_s == 24 * 3600
    assert read.store == json.dumps({"Ref": default.id_of("AWS::DynamoDB::Table")})
    assert (read.destination, read.guardrail_id, read.guardrail_version) == ("", "", "")


def test_the_function_sends_results_to_the_queue_made_for_them(make):
    template = make(FunctionLlmSettings(events=Events(destination=True))).synth()
    results = json.loads(configuration(template).destination)["Ref"]
    queues = template.resources("AWS::SQS::Queue")
    (dead_letters,) = queues.keys() - {results}
    redrive = queues[results]["Properties"]["RedrivePolicy"]
    assert redrive == {"deadLetterTargetArn": {"Fn::GetAtt": [dead_letters, "Arn"]}, "maxReceiveCount": 5}


def test_nothing_is_remembered_where_there_is_nothing_to_remember(make):
    forgetful = FunctionLlmSettings(
        sessions=Sessions(history_turns=0),
        budget=TokenBudget(caller_tokens_per_day=0, total_tokens_per_day=0),
    )
    made = make(forgetful)
    template = made.synth()
    assert made.pattern.table is None
    assert not template.all("AWS::DynamoDB::Table")
    assert configuration(template).store == ""
    assert "dynamodb" not in template.text


def test_a_table_that_nothing_would_use_is_refused(make, new_stack):
    from aws_cdk import aws_dynamodb

    stack = new_stack()
    table = aws_dynamodb.Table.from_table_name(stack, "Mine", "mine")
    forgetful = FunctionLlmSettings(
        sessions=Sessions(history_turns=0),
        budget=TokenBudget(caller_tokens_per_day=0, total_tokens_per_day=0),
    )
    with pytest.raises(
        ValueError, match=r"Test/Chat: a table was given, but these settings remember nothing"
    ):
        FunctionLlm(stack, "Chat", forgetful, table=table)


def test_the_jwt_authoriser_guards_every_route(make):
    template = make(FunctionLlmSettings(auth=Jwt(issuer=ISSUER, audience=("a",)))).synth()
    authoriser = template.one("AWS::ApiGatewayV2::Authorizer")
    assert authoriser["AuthorizerType"] == "JWT"
    assert authoriser["IdentitySource"] == ["$request.header.Authorization"]
    for route in template.all("AWS::ApiGatewayV2::Route"):
        assert route["AuthorizationType"] == "JWT"
        assert route["AuthorizerId"] == {"Ref": template.id_of("AWS::ApiGatewayV2::Authorizer")}


def test_a_guardrail_is_used_in_a_fixed_version_and_blocks_prompt_attacks_on_the_way_in(everything):
    guardrail = everything.one("AWS::Bedrock::Guardrail")
    filters = {f["Type"]: f for f in guardrail["ContentPolicyConfig"]["FiltersConfig"]}
    assert (filters["PROMPT_ATTACK"]["InputStrength"], filters["PROMPT_ATTACK"]["OutputStrength"]) == (
        "HIGH",
        "NONE",
    )
    read = configuration(everything)
    version = everything.id_of("AWS::Bedrock::GuardrailVersion")
    made = everything.id_of("AWS::Bedrock::Guardrail")
    assert json.loads(read.guardrail_id) == {"Fn::GetAtt": [made, "GuardrailId"]}
    assert json.loads(read.guardrail_version) == {"Fn::GetAtt": [version, "Version"]}


def test_a_bus_event_that_cannot_be_delivered_ends_in_the_dead_letter_queue(everything):
    (target,) = everything.one("AWS::Events::Rule")["Targets"]
    dead_letters = dead_letters_of(everything)
    assert target["DeadLetterConfig"] == {"Arn": {"Fn::GetAtt": [dead_letters, "Arn"]}}
    assert target["RetryPolicy"] == {"MaximumEventAgeInSeconds": 3600, "MaximumRetryAttempts": 8}
    rule = {"Fn::GetAtt": [everything.id_of("AWS::Events::Rule"), "Arn"]}
    allowed = [
        s
        for p in everything.all("AWS::SQS::QueuePolicy")
        for s in p["PolicyDocument"]["Statement"]
        if s["Effect"] == "Allow"
    ]
    assert len(allowed) == 1
    assert allowed[0]["Principal"] == {"Service": "events.amazonaws.com"}
    assert allowed[0]["Resource"] == {"Fn::GetAtt": [dead_letters, "Arn"]}
    assert allowed[0]["Condition"] == {"ArnEquals": {"aws:SourceArn": rule}}
    invokers = {p["Principal"]: p for p in everything.all("AWS::Lambda::Permission")}
    assert invokers["events.amazonaws.com"]["SourceArn"] == rule


def test_a_schedule_has_its_own_role_and_names_its_execution(everything):
    target = everything.one("AWS::Scheduler::Schedule")["Target"]
    role = everything.resources("AWS::IAM::Role")[target["RoleArn"]["Fn::GetAtt"][0]]["Properties"]
    trust = role["AssumeRolePolicyDocument"]["Statement"][0]
    assert trust["Principal"] == {"Service": "scheduler.amazonaws.com"}
    assert trust["Condition"] == {"StringEquals": {"aws:SourceAccount": {"Ref": "AWS::AccountId"}}}
    assert target["DeadLetterConfig"] == {"Arn": {"Fn::GetAtt": [dead_letters_of(everything), "Arn"]}}
    event = json.loads(target["Input"])
    assert event == {
        "source": "schedule",
        "id": "<aws.scheduler.execution-id>",
        "message": "Write today's summary.",
    }


def dead_letters_of(template) -> str:
    config = template.one("AWS::Lambda::EventInvokeConfig")
    return config["DestinationConfig"]["OnFailure"]["Destination"]["Fn::GetAtt"][0]


def test_the_model_alias_keeps_prompts_near_the_region_of_the_stack(make):
    assert configuration(make(region="eu-west-1").synth()).model == "eu.amazon.nova-micro-v1:0"


@pytest.mark.parametrize("model", ["no such model", "arn:aws:s3:::bucket", "../../etc"])
def test_an_impossible_model_is_refused_by_its_name(make, model):
    with pytest.raises(ValueError, match=r"model must be .*got") as refused:
        make(FunctionLlmSettings(llm=Llm(model=model)))
    assert repr(model) in str(refused.value)
