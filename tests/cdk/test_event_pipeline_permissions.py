"""The pipeline's roles may do what their statements say and nothing else, and the usual checkers agree."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import cfnlint.api
import pytest
from aws_cdk import Validations, aws_ec2, aws_kms
from cdk_nag import AwsSolutionsChecks, ServerlessChecks

from serverless_ai_cdk import EventPipeline
from serverless_ai_patterns.aws import event_pipeline, policy
from serverless_ai_patterns.event_pipeline import (
    Entities,
    EventPipelineSettings,
    ImageLabels,
    Moderate,
    Ocr,
    Sources,
    Transcribe,
)

CDK = Path(__file__).parents[2] / "cdk"
SETTINGS = {
    "queue only": EventPipelineSettings(sources=Sources(uploads=None)),
    "ocr": EventPipelineSettings(processor=Ocr()),
    "transcribe": EventPipelineSettings(processor=Transcribe()),
    "image labels": EventPipelineSettings(processor=ImageLabels()),
    "moderate": EventPipelineSettings(processor=Moderate()),
    "entities": EventPipelineSettings(processor=Entities()),
}
AI = {"textract", "rekognition", "comprehend", "transcribe"}


@pytest.fixture(
    scope="module",
    params=["default", "every source", "explicit region", "flags of cdk.json", "own vpc and key", *SETTINGS],
)
def made(request, make_pipeline, new_stack, every_source):
    match request.param:
        case "default":
            return make_pipeline()
        case "every source":
            return make_pipeline(every_source)
        case "explicit region":
            return make_pipeline(every_source, region="eu-west-1")
        case "flags of cdk.json":
            flags = json.loads((CDK / "cdk.json").read_text())["context"]
            return make_pipeline(every_source, stack=new_stack(context=flags))
        case "own vpc and key":
            stack = new_stack()
            vpc, key = aws_ec2.Vpc(stack, "Vpc", max_azs=2), aws_kms.Key(stack, "Key")
            return make_pipeline(every_source, stack=stack, vpc=vpc, key=key)
    return make_pipeline(SETTINGS[request.param])


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


def by_sid(template) -> dict[str, dict[str, Any]]:
    return {one["Sid"]: one for one in statements(template, role_of_function(template))}


def test_the_role_holds_exactly_the_statements_of_the_pattern(made, template):
    pattern = made.pattern
    resolved = {
        name: flat(made.stack.resolve(value))
        for name, value in {
            "partition": made.stack.partition,
            "region": made.stack.region,
            "account": made.stack.account,
            "queue_arn": pattern.queue.queue_arn,
            "dead_letters_arn": pattern.dead_letters.queue_arn,
            "table_arn": pattern.table.table_arn,
            "results_arn": pattern.results.bucket_arn,
            "uploads_arn": pattern.uploads.bucket_arn if pattern.uploads else "",
            "job_role_arn": pattern.job_ends.role.role_arn if pattern.job_ends.role else "",
            "key_arn": pattern.log_group.node.default_child.kms_key_id or "",
        }.items()
    }
    place = f"{resolved['partition']}:logs:{resolved['region']}:{resolved['account']}"
    group = f"arn:{place}:log-group:<{template.id_of('AWS::Logs::LogGroup')}>"
    expected = event_pipeline.statements(
        pattern.settings,
        pattern.model,
        log_group_arn=group,
        in_vpc="VpcConfig" in template.one("AWS::Lambda::Function"),
        **resolved,
    )
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
    for statement in granted:
        assert statement["Effect"] == "Allow"
        assert not any("*" in action for action in statement["Action"])
        if any("*" in resource for resource in statement["Resource"]):
            assert statement["Sid"] in policy.STAR_RESOURCES


def test_the_pipeline_reads_uploads_and_writes_results_and_neither_the_other_way(make_pipeline):
    template = make_pipeline().synth()
    found = by_sid(template)
    uploads, results = (
        next(f"<{name}.Arn>" for name in template.resources("AWS::S3::Bucket") if part in name)
        for part in ("Uploads", "Results")
    )
    assert (found["ReadUploads"]["Action"], found["ReadUploads"]["Resource"]) == (
        ["s3:GetObject"],
        [f"{uploads}/*"],
    )
    assert found["UseResults"]["Action"] == ["s3:GetObject", "s3:PutObject"]
    assert found["UseResults"]["Resource"] == [f"{results}/results/*"]
    assert found["TellMissingObjects"]["Action"] == ["s3:ListBucket"]
    assert found["TellMissingObjects"]["Resource"] == sorted([results, uploads])
    s3 = {action for one in found.values() for action in one["Action"] if action.startswith("s3:")}
    assert s3 == {"s3:GetObject", "s3:PutObject", "s3:ListBucket"}


def test_without_uploads_nothing_of_them_is_granted(make_pipeline):
    found = by_sid(make_pipeline(SETTINGS["queue only"]).synth())
    assert "ReadUploads" not in found
    assert len(found["TellMissingObjects"]["Resource"]) == 1


def test_the_pipeline_announces_in_its_own_name_only(make_pipeline):
    announce = by_sid(make_pipeline(region="eu-west-1").synth())["Announce"]
    (bus,) = announce["Resource"]
    assert bus.endswith(":events:eu-west-1:123456789012:event-bus/default")
    assert announce["Condition"] == {"StringEquals": {"events:source": "serverless-ai.event-pipeline"}}


@pytest.mark.parametrize(
    ("name", "services"),
    [
        ("ocr", {"textract"}),
        ("transcribe", {"transcribe"}),
        ("image labels", {"rekognition"}),
        ("moderate", {"rekognition", "comprehend"}),
        ("entities", {"comprehend"}),
    ],
)
def test_a_processor_may_call_its_own_service_and_no_model(make_pipeline, name, services):
    found = by_sid(make_pipeline(SETTINGS[name]).synth())
    prefixes = {action.partition(":")[0] for one in found.values() for action in one["Action"]}
    assert prefixes & AI == services
    assert "bedrock" not in prefixes


def test_only_who_starts_jobs_may_put_messages_into_its_own_queue(make_pipeline):
    for name, settings in (*SETTINGS.items(), ("summarize", EventPipelineSettings())):
        found = by_sid(make_pipeline(settings).synth())
        assert ("LookAgain" in found) == (name in ("ocr", "transcribe")), name


def test_the_role_for_job_ends_is_handed_to_textract_only(make_pipeline):
    found = by_sid(make_pipeline(SETTINGS["ocr"]).synth())["PassJobRole"]
    assert found["Action"] == ["iam:PassRole"]
    assert found["Condition"] == {"StringEquals": {"iam:PassedToService": "textract.amazonaws.com"}}
    assert "PassJobRole" not in by_sid(make_pipeline(SETTINGS["transcribe"]).synth())


def test_transcribe_writes_below_a_prefix_of_its_own(make_pipeline):
    resources = by_sid(make_pipeline(SETTINGS["transcribe"]).synth())["UseResults"]["Resource"]
    assert sorted(one.partition("/")[2] for one in resources) == ["jobs/*", "results/*"]


def test_each_role_uses_a_key_only_through_the_services_that_it_needs(make_pipeline, new_stack, every_source):
    stack = new_stack("eu-west-1")
    template = make_pipeline(every_source, stack=stack, key=aws_kms.Key(stack, "Key")).synth()
    through = {
        role: {
            host.partition(".")[0]
            for one in statements(template, role)
            if one["Sid"] == "UseKey"
            for host in one["Condition"]["StringEquals"]["kms:ViaService"]
        }
        for role in template.resources("AWS::IAM::Role")
    }
    assert through.pop(role_of_function(template)) == {"bedrock", "dynamodb", "lambda", "s3", "sqs"}
    assert list(through.values()) == [{"sqs"}]


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
        assert path.endswith(("/Resource", "/Source")), path


def _acknowledgements(pattern: EventPipeline) -> Iterator[tuple[str, str]]:
    for construct in pattern.node.find_all():
        for entry in construct.node.metadata:
            if entry.type == Validations.ACKNOWLEDGED_RULES_METADATA_KEY:
                for reason in entry.data.values():
                    yield construct.node.path, reason


def test_cfn_lint_finds_nothing(template):
    # W3005: the CDK itself writes a DependsOn beside the reference to the role.
    found = cfnlint.api.lint(template.text, config={"regions": ["us-east-1"], "ignore_checks": ["W3005"]})
    assert [(match.rule.id, match.message, match.path) for match in found] == []
