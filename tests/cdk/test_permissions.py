"""The function may do what its statements say and nothing else, and the usual checkers agree."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import cfnlint.api
import pytest
from aws_cdk import Validations, aws_ec2, aws_iam, aws_kms, aws_s3
from cdk_nag import AwsSolutionsChecks, ServerlessChecks

from serverless_ai_cdk import FunctionLlm
from serverless_ai_patterns.aws import function_llm, policy
from serverless_ai_patterns.function_llm import FunctionLlmSettings, Jwt, Llm

CDK = Path(__file__).parents[2] / "cdk"
PROFILE = "arn:aws:bedrock:us-east-1:123456789012:application-inference-profile/abc123"
SETTINGS = {
    "jwt": FunctionLlmSettings(auth=Jwt(issuer="https://issuer.example.com", audience=("a",))),
    "global profile": FunctionLlmSettings(llm=Llm(model="global.amazon.nova-2-lite-v1:0")),
    "given profile": FunctionLlmSettings(llm=Llm(model=PROFILE)),
    "base model": FunctionLlmSettings(llm=Llm(model="amazon.nova-lite-v1:0")),
}


@pytest.fixture(
    scope="module",
    params=["default", "everything", "explicit region", "flags of cdk.json", "own vpc and key", *SETTINGS],
)
def made(request, make, new_stack, everything_settings):
    match request.param:
        case "default":
            return make()
        case "everything":
            return make(everything_settings)
        case "explicit region":
            return make(everything_settings, region="eu-west-1")
        case "flags of cdk.json":
            flags = json.loads((CDK / "cdk.json").read_text())["context"]
            return make(everything_settings, stack=new_stack(context=flags))
        case "own vpc and key":
            stack = new_stack()
            vpc, key = aws_ec2.Vpc(stack, "Vpc", max_azs=2), aws_kms.Key(stack, "Key")
            return make(everything_settings, stack=stack, vpc=vpc, key=key)
    return make(SETTINGS[request.param])


@pytest.fixture(scope="module")
def template(made):
    return made.synth()


def flat(value: Any) -> Any:
    """A template's value with its references in angle brackets, so that ARNs are plain strings."""
    match value:
        case {"Ref": name}:
            return f"<{name}>"
        case {"Fn::GetAtt": [name, attribute]}:
            return f"<{name}.{attribute}>"
        case {"Fn::Join": ["", parts]}:
            return "".join(flat(part) for part in parts)
        case dict():
            return {key: flat(inner) for key, inner in value.items()}
        case list():
            return [flat(inner) for inner in value]
    return value


def statements(template, role: str) -> list[dict[str, Any]]:
    (inline,) = flat(template.resources("AWS::IAM::Role")[role]["Properties"]["Policies"])
    return [in_order(statement) for statement in inline["PolicyDocument"]["Statement"]]


def in_order(statement: dict[str, Any]) -> dict[str, Any]:
    """One value is a list of one, and order, which the CDK may change, means nothing."""
    return {**statement, "Action": _sorted(statement["Action"]), "Resource": _sorted(statement["Resource"])}


def _sorted(value: Any) -> list[Any]:
    return sorted(value) if isinstance(value, list) else [value]


def role_of_function(template) -> str:
    return template.one("AWS::Lambda::Function")["Role"]["Fn::GetAtt"][0]


def test_the_role_holds_exactly_the_statements_of_the_pattern(made, template):
    pattern = made.pattern
    resolved = {
        name: flat(made.stack.resolve(value))
        for name, value in {
            "partition": made.stack.partition,
            "region": made.stack.region,
            "account": made.stack.account,
            "dead_letters_arn": pattern.dead_letters.queue_arn,
            "table_arn": pattern.table.table_arn,
            "destination_arn": pattern.destination.queue_arn if pattern.destination else "",
            "guardrail_arn": pattern.guardrail.attr_guardrail_arn if pattern.guardrail else "",
            "key_arn": pattern.log_group.node.default_child.kms_key_id or "",
        }.items()
    }
    place = f"{resolved['partition']}:logs:{resolved['region']}:{resolved['account']}"
    group = f"arn:{place}:log-group:<{template.id_of('AWS::Logs::LogGroup')}>"
    in_vpc = "VpcConfig" in template.one("AWS::Lambda::Function")
    expected = function_llm.statements(pattern.model, log_group_arn=group, in_vpc=in_vpc, **resolved)
    assert statements(template, role_of_function(template)) == [
        in_order(statement.to_json()) for statement in expected
    ]


def test_no_role_gets_anything_but_its_inline_statements(template):
    assert not template.all("AWS::IAM::Policy")
    assert not template.all("AWS::IAM::ManagedPolicy")
    for role in template.all("AWS::IAM::Role"):
        assert "ManagedPolicyArns" not in role


def test_no_star_outside_the_written_list(template):
    granted = [s for role in template.resources("AWS::IAM::Role") for s in statements(template, role)]
    assert granted
    for statement in granted:
        assert statement["Effect"] == "Allow"
        assert not any("*" in action for action in statement["Action"])
        if any("*" in resource for resource in statement["Resource"]):
            assert statement["Sid"] in policy.STAR_RESOURCES


def test_both_packs_of_cdk_nag_find_nothing(made, template):
    assert template
    for pack in (AwsSolutionsChecks(), ServerlessChecks()):
        report = pack.validate_scope(made.pattern)
        assert [(v.rule_name, v.violating_resources[0].construct_path) for v in report.violations] == []


def test_every_acknowledgement_has_a_reason_and_stays_on_one_resource(made):
    found = list(_acknowledgements(made.pattern))
    assert found
    for path, reason in found:
        assert len(reason) > 20, path
        assert path.endswith("/Resource"), path


def _acknowledgements(pattern: FunctionLlm) -> Iterator[tuple[str, str]]:
    for construct in pattern.node.find_all():
        for entry in construct.node.metadata:
            if entry.type == Validations.ACKNOWLEDGED_RULES_METADATA_KEY:
                for reason in entry.data.values():
                    yield construct.node.path, reason


def test_cfn_lint_finds_nothing(template):
    # W3005: the CDK itself writes a DependsOn beside the reference to the role.
    found = cfnlint.api.lint(template.text, config={"regions": ["us-east-1"], "ignore_checks": ["W3005"]})
    assert [(match.rule.id, match.message, match.path) for match in found] == []


def test_what_a_user_grants_too_broadly_is_still_found(make):
    made = make()
    made.pattern.function.add_to_role_policy(
        aws_iam.PolicyStatement(actions=["s3:GetObject"], resources=["*"])
    )
    made.synth()
    report = AwsSolutionsChecks().validate_scope(made.pattern)
    assert [v.rule_name for v in report.violations] == ["AwsSolutions-IAM5[Resource::*]"]


def test_a_user_can_grant_the_function_more(make):
    made = make()
    aws_s3.Bucket(made.stack, "Documents").grant_read(made.pattern.function)
    template = made.synth()
    added = template.one("AWS::IAM::Policy")
    assert added["Roles"] == [{"Ref": role_of_function(template)}]


def test_a_profile_given_by_arn_reaches_models_only_through_itself(make):
    template = make(SETTINGS["given profile"]).synth()
    by_sid = {s["Sid"]: s for s in statements(template, role_of_function(template))}
    assert by_sid["InvokeProfile"]["Resource"] == [PROFILE]
    behind = by_sid["InvokeModelBehindGivenProfile"]
    assert behind["Condition"] == {"StringEquals": {"bedrock:InferenceProfileArn": PROFILE}}
