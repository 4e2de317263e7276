"""The event pipeline's world on AWS, through boto3 only: the same for CDK and Pulumi."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from aws_letters import letters
from local_controls import LocalControls
from operator_commands import Operated

from serverless_ai_local.launch import RunningCloud

REGION, ACCOUNT = "us-east-1", "123456789012"
PREFIX = "results/"
SOURCE = "serverless-ai.event-pipeline"


@dataclass(kw_only=True)
class PipelineAwsWorld(LocalControls, Operated):
    """`outputs` holds `<variant>_<output>` of every variant."""

    target: str
    cloud: RunningCloud
    outputs: Mapping[str, str]
    provider: str = "aws"
    _completions: list[dict[str, Any]] = field(default_factory=list)
    _watched: str = ""
    _results: dict[tuple[str, str], tuple[str, dict[str, Any]]] = field(default_factory=dict)
    """What was read before, with its etag: a thousand results are looked at again and again."""
    _clients: dict[str, Any] = field(default_factory=dict)
    """Making one costs more than most calls do."""

    def _client(self, service: str) -> Any:
        if service not in self._clients:
            self._clients[service] = self.cloud.client(service)
        return self._clients[service]

    # -- sources ----------------------------------------------------------------------------------
    def upload(
        self, key: str, body: bytes, *, variant: str = "main", content_type: str = "application/octet-stream"
    ) -> None:
        self._client("s3").put_object(
            Bucket=self.outputs[f"{variant}_uploads"], Key=key, Body=body, ContentType=content_type
        )

    def delete(self, key: str, *, variant: str = "main") -> None:
        self._client("s3").delete_object(Bucket=self.outputs[f"{variant}_uploads"], Key=key)

    def send(self, body: str, *, variant: str = "main") -> None:
        self._client("sqs").send_message(QueueUrl=self.outputs[f"{variant}_queue"], MessageBody=body)

    def publish(self, body: str, attributes: Mapping[str, str]) -> None:
        self._client("sns").publish(
            TopicArn=self.outputs["invoices_topic"],
            Message=body,
            MessageAttributes={
                name: {"DataType": "String", "StringValue": value} for name, value in attributes.items()
            },
        )

    def emit(self, source: str, detail: Mapping[str, Any]) -> None:
        entry = {"Source": source, "DetailType": "OrderPlaced", "Detail": json.dumps(detail)}
        answer = self._client("events").put_events(Entries=[entry])
        assert answer["FailedEntryCount"] == 0, answer

    def fire_schedule(self) -> None:
        self.cloud.admin("POST", f"schedules/default/{self.outputs['main_schedule_name']}/fire")

    # -- what comes out ---------------------------------------------------------------------------
    def results(self, variant: str = "main") -> dict[str, dict[str, Any]]:
        s3, bucket = self._client("s3"), self.outputs[f"{variant}_results"]
        pages = s3.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=PREFIX)
        now: dict[str, tuple[str, dict[str, Any]]] = {}
        for found in (found for page in pages for found in page.get("Contents", [])):
            key, etag = found["Key"], found["ETag"]
            seen = self._results.get((bucket, key))
            if seen is None or seen[0] != etag:
                seen = etag, json.loads(s3.get_object(Bucket=bucket, Key=key)["Body"].read())
                self._results[bucket, key] = seen
            now[key.removeprefix(PREFIX).removesuffix(".json")] = seen
        return {key: value for key, (_, value) in now.items()}

    def completions(self, variant: str = "main") -> list[dict[str, Any]]:
        """By a rule of the scenario's own on the bus, with a queue behind it."""
        sqs = self._client("sqs")
        while found := sqs.receive_message(QueueUrl=self._watch(), MaxNumberOfMessages=10).get("Messages"):
            self._completions += [json.loads(message["Body"]) for message in found]
            for message in found:
                sqs.delete_message(QueueUrl=self._watch(), ReceiptHandle=message["ReceiptHandle"])
        bucket = self.outputs[f"{variant}_results"]
        return [
            event["detail"] for event in self._completions if event["detail"]["result"]["container"] == bucket
        ]

    def _watch(self) -> str:
        if not self._watched:
            sqs, events = self._client("sqs"), self._client("events")
            name = "scenario-completions"
            self._watched = sqs.create_queue(QueueName=name)["QueueUrl"]
            arn = f"arn:aws:sqs:{REGION}:{ACCOUNT}:{name}"
            allowed = {
                "Effect": "Allow",
                "Principal": {"Service": "events.amazonaws.com"},
                "Action": "sqs:SendMessage",
                "Resource": arn,
            }
            policy = json.dumps({"Version": "2012-10-17", "Statement": [allowed]})
            sqs.set_queue_attributes(QueueUrl=self._watched, Attributes={"Policy": policy})
            events.put_rule(Name=name, EventPattern=json.dumps({"source": [SOURCE]}))
            events.put_targets(Rule=name, Targets=[{"Id": "queue", "Arn": arn}])
        return self._watched

    def dead_letters(self, variant: str = "main") -> list[dict[str, Any]]:
        return letters(self._client("sqs"), self.outputs[f"{variant}_dead_letters"])

    def login(self) -> Mapping[str, str]:
        return {"AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test", "AWS_REGION": REGION}

    def _arn(self, variant: str, output: str) -> str:
        url = self.outputs[f"{variant}_{output}"]
        answer = self._client("sqs").get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])
        return answer["Attributes"]["QueueArn"]

    def logs(self, variant: str = "main") -> list[str]:
        group = self.outputs[f"{variant}_log_group_name"]
        pages = self._client("logs").get_paginator("filter_log_events").paginate(logGroupName=group)
        return [event["message"] for page in pages for event in page["events"]]

    # -- the model and the AI services ------------------------------------------------------------
    def reset(self) -> None:
        self.cloud.admin("DELETE", "model/faults")
        self.cloud.admin("DELETE", "model/calls")
        s3 = self._client("s3")
        self.completions()
        self._completions.clear()
        for name, value in self.outputs.items():
            if name.endswith(("_queue", "_dead_letters")):
                self.cloud.admin("DELETE", f"queues/{value.rsplit('/', 1)[-1]}/messages")
            if name.endswith(("_uploads", "_results")):
                for page in s3.get_paginator("list_objects_v2").paginate(Bucket=value):
                    keys = [{"Key": found["Key"]} for found in page.get("Contents", [])]
                    if keys:
                        s3.delete_objects(Bucket=value, Delete={"Objects": keys})
