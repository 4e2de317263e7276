"""Queues, topics, logs, traces, events, functions, secrets and parameters."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from serverless_ai_local.aws.iam.needs.base import Need, Parameters, Place, Rule, anywhere, nothing, on
from serverless_ai_local.plain import is_list


def _queue(action: str) -> Rule:
    def rule(parameters: Parameters, place: Place) -> list[Need]:
        name = str(parameters["QueueUrl"]).rstrip("/").rsplit("/", 1)[-1]
        return [Need(action=action, resource=place.arn("sqs", name))]

    return rule


def _move(parameters: Parameters, place: Place) -> list[Need]:
    """A task that moves messages takes and sends them as whoever starts it."""
    source, destination = str(parameters["SourceArn"]), parameters.get("DestinationArn")
    actions = ("StartMessageMoveTask", "ReceiveMessage", "DeleteMessage", "GetQueueAttributes")
    needs = [Need(action=f"sqs:{action}", resource=source) for action in actions]
    return [*needs, *([Need(action="sqs:SendMessage", resource=str(destination))] if destination else [])]


def _moves(parameters: Parameters, place: Place) -> list[Need]:
    return [Need(action="sqs:ListMessageMoveTasks", resource=str(parameters["SourceArn"]))]


def _topic(parameters: Parameters, place: Place) -> list[Need]:
    target = parameters.get("TopicArn") or parameters.get("TargetArn") or "*"
    return [Need(action="sns:Publish", resource=str(target))]


def _events(parameters: Parameters, place: Place) -> list[Need]:
    needs: list[Need] = []
    for entry in parameters["Entries"]:
        bus = str(entry.get("EventBusName") or "default")
        context = {
            "events:source": [str(entry.get("Source", ""))],
            "events:detail-type": [str(entry.get("DetailType", ""))],
        }
        arn = bus if bus.startswith("arn:") else place.arn("events", f"event-bus/{bus}")
        needs.append(Need(action="events:PutEvents", resource=arn, context=context))
    return needs


def _function(parameters: Parameters, place: Place) -> list[Need]:
    name, qualifier = str(parameters["FunctionName"]), parameters.get("Qualifier")
    parts = name.split(":")
    if name.startswith("arn:"):
        arn = name
    else:
        # Also ACCOUNT:function:NAME and NAME:QUALIFIER are accepted.
        arn = place.arn("lambda", "function:" + ":".join(parts[2:] if parts[1:2] == ["function"] else parts))
    return [Need(action="lambda:InvokeFunction", resource=f"{arn}:{qualifier}" if qualifier else arn)]


def _secret(action: str) -> Rule:
    def rule(parameters: Parameters, place: Place) -> list[Need]:
        return [Need(action=action, resource=_secret_arn(str(parameters["SecretId"]), place))]

    return rule


def _secret_arn(name: str, place: Place) -> str:
    """A secret's ARN ends in six characters of the service's own, so its name does not give it."""
    from moto.secretsmanager.models import secretsmanager_backends  # noqa: PLC0415 - few need it

    if name.startswith("arn:"):
        return name
    secret = secretsmanager_backends[place.account][place.region].secrets.get(name)
    return str(secret.arn) if secret is not None else place.arn("secretsmanager", f"secret:{name}")


def _parameter(action: str, name: str) -> Rule:
    def rule(parameters: Parameters, place: Place) -> list[Need]:
        given: Any = parameters[name]
        names = given if is_list(given) else [given]
        return [
            Need(action=action, resource=place.arn("ssm", f"parameter/{str(one).lstrip('/')}"))
            for one in names
        ]

    return rule


def _document_job(parameters: Parameters, place: Place) -> list[Need]:
    """Whoever lets Textract tell of a job's end passes it a role."""
    channel: Mapping[str, Any] = parameters.get("NotificationChannel") or {}
    needs = [Need(action="textract:StartDocumentTextDetection", resource="*")]
    if channel:
        context = {"iam:PassedToService": ["textract.amazonaws.com"]}
        needs.append(Need(action="iam:PassRole", resource=str(channel["RoleArn"]), context=context))
    return needs


def _transcription(action: str) -> Rule:
    return on(action, "transcribe", "transcription-job/{TranscriptionJobName}")


def _statement(action: str) -> Rule:
    """The Data API reads the secret as whoever calls it."""

    def rule(parameters: Parameters, place: Place) -> list[Need]:
        needs = [Need(action=f"rds-data:{action}", resource=str(parameters["resourceArn"]))]
        return [*needs, Need(action="secretsmanager:GetSecretValue", resource=str(parameters["secretArn"]))]

    return rule


_STREAM: Final = "log-group:{logGroupName}:log-stream:{logStreamName}"

RULES: Final[Mapping[tuple[str, str], Rule]] = {
    ("sqs", "SendMessage"): _queue("sqs:SendMessage"),
    ("sqs", "SendMessageBatch"): _queue("sqs:SendMessage"),
    ("sqs", "ReceiveMessage"): _queue("sqs:ReceiveMessage"),
    ("sqs", "DeleteMessage"): _queue("sqs:DeleteMessage"),
    ("sqs", "DeleteMessageBatch"): _queue("sqs:DeleteMessage"),
    ("sqs", "ChangeMessageVisibility"): _queue("sqs:ChangeMessageVisibility"),
    ("sqs", "ChangeMessageVisibilityBatch"): _queue("sqs:ChangeMessageVisibility"),
    ("sqs", "GetQueueAttributes"): _queue("sqs:GetQueueAttributes"),
    ("sqs", "StartMessageMoveTask"): _move,
    ("sqs", "ListMessageMoveTasks"): _moves,
    ("sqs", "GetQueueUrl"): on("sqs:GetQueueUrl", "sqs", "{QueueName}"),
    ("sns", "Publish"): _topic,
    ("sns", "PublishBatch"): _topic,
    ("logs", "CreateLogGroup"): on("logs:CreateLogGroup", "logs", "log-group:{logGroupName}"),
    ("logs", "CreateLogStream"): on("logs:CreateLogStream", "logs", _STREAM),
    ("logs", "PutLogEvents"): on("logs:PutLogEvents", "logs", _STREAM),
    ("xray", "PutTraceSegments"): anywhere("xray:PutTraceSegments"),
    ("xray", "PutTelemetryRecords"): anywhere("xray:PutTelemetryRecords"),
    ("cloudwatch", "PutMetricData"): anywhere("cloudwatch:PutMetricData"),
    ("events", "PutEvents"): _events,
    ("lambda", "Invoke"): _function,
    ("lambda", "InvokeAsync"): _function,
    ("secretsmanager", "GetSecretValue"): _secret("secretsmanager:GetSecretValue"),
    ("secretsmanager", "DescribeSecret"): _secret("secretsmanager:DescribeSecret"),
    **{
        ("rds-data", name): _statement(name)
        for name in (
            "ExecuteStatement",
            "BatchExecuteStatement",
            "BeginTransaction",
            "CommitTransaction",
            "RollbackTransaction",
        )
    },
    ("ssm", "GetParameter"): _parameter("ssm:GetParameter", "Name"),
    ("ssm", "GetParameters"): _parameter("ssm:GetParameters", "Names"),
    ("ssm", "GetParametersByPath"): _parameter("ssm:GetParametersByPath", "Path"),
    ("sts", "GetCallerIdentity"): nothing,
    ("textract", "DetectDocumentText"): anywhere("textract:DetectDocumentText"),
    ("textract", "StartDocumentTextDetection"): _document_job,
    ("textract", "GetDocumentTextDetection"): anywhere("textract:GetDocumentTextDetection"),
    ("rekognition", "DetectLabels"): anywhere("rekognition:DetectLabels"),
    ("rekognition", "DetectModerationLabels"): anywhere("rekognition:DetectModerationLabels"),
    ("comprehend", "DetectEntities"): anywhere("comprehend:DetectEntities"),
    ("comprehend", "DetectToxicContent"): anywhere("comprehend:DetectToxicContent"),
    ("transcribe", "StartTranscriptionJob"): _transcription("transcribe:StartTranscriptionJob"),
    ("transcribe", "GetTranscriptionJob"): _transcription("transcribe:GetTranscriptionJob"),
}
