"""RAG's world on AWS, through boto3 and plain HTTP only: the same for CDK and Pulumi."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote

from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from rag_http import post_json, token
from world import Reply, eventually

from serverless_ai_local.launch import RunningCloud

REGION = "us-east-1"
QUESTION = b'{"question": "let me in"}'


@dataclass(kw_only=True)
class RagAwsWorld:
    """`outputs` holds `<variant>_<output>` of every variant."""

    target: str
    cloud: RunningCloud
    outputs: Mapping[str, str]
    stores: tuple[str, ...]
    default_store: str = "s3_vectors"
    _clients: dict[str, Any] = field(default_factory=dict)
    _caller: Credentials | None = None

    def _client(self, service: str) -> Any:
        if service not in self._clients:
            self._clients[service] = self.cloud.client(service)
        return self._clients[service]

    # -- documents --------------------------------------------------------------------------------
    def upload(self, key: str, body: bytes, *, variant: str = "main", tags: Sequence[str] = ()) -> None:
        metadata = {"tags": ",".join(quote(tag) for tag in tags)} if tags else {}
        self._client("s3").put_object(
            Bucket=self.outputs[f"{variant}_documents"], Key=key, Body=body, Metadata=metadata
        )

    def delete(self, key: str, *, variant: str = "main") -> None:
        self._client("s3").delete_object(Bucket=self.outputs[f"{variant}_documents"], Key=key)

    @contextmanager
    def held(self, *, duplicates: float = 0.0, seed: int = 1) -> Iterator[None]:
        self.cloud.admin("POST", "events/hold")
        try:
            yield
        finally:
            self.cloud.admin("POST", "events/release", {"duplicates": duplicates, "seed": seed})

    def send(self, body: str, *, variant: str = "main") -> None:
        self._client("sqs").send_message(QueueUrl=self.outputs[f"{variant}_queue"], MessageBody=body)

    # -- questions --------------------------------------------------------------------------------
    def post(
        self, path: str, body: Any, *, variant: str = "main", tenant: str = "", groups: Sequence[str] = ()
    ) -> Reply:
        url = self.outputs[f"{variant}_endpoint"] + path
        sent = body if isinstance(body, bytes) else json.dumps(body).encode()
        if variant != "main":
            bearer = token(self.cloud, tenant, groups)
            return post_json(url, sent, {"authorization": f"Bearer {bearer}"})
        request = AWSRequest("POST", url, {"content-type": "application/json"}, sent)
        SigV4Auth(self._signer(), "execute-api", REGION).add_auth(request)
        return post_json(url, sent, dict(request.headers.items()))

    def anonymous(self, path: str, *, variant: str = "main") -> Reply:
        return post_json(self.outputs[f"{variant}_endpoint"] + path, QUESTION, {})

    def _signer(self) -> Credentials:
        if self._caller is None:
            iam, user = self._client("iam"), f"{self.target}-reader"
            iam.create_user(UserName=user)
            api = self.outputs["main_endpoint"].rsplit("/", 1)[-1]
            routes = [
                f"arn:aws:execute-api:{REGION}:*:{api}/$default/POST/{path}" for path in ("ask", "search")
            ]
            statement = {"Effect": "Allow", "Action": "execute-api:Invoke", "Resource": routes}
            policy = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
            iam.put_user_policy(UserName=user, PolicyName="ask", PolicyDocument=policy)
            key = iam.create_access_key(UserName=user)["AccessKey"]
            self._caller = Credentials(key["AccessKeyId"], key["SecretAccessKey"])
        return self._caller

    # -- what an operator sees --------------------------------------------------------------------
    def dead_letters(self, variant: str = "main") -> list[dict[str, Any]]:
        sqs, url = self._client("sqs"), self.outputs[f"{variant}_dead_letters"]
        letters: list[dict[str, Any]] = []
        handles: list[str] = []
        while found := sqs.receive_message(
            QueueUrl=url, MaxNumberOfMessages=10, VisibilityTimeout=60, MessageAttributeNames=["All"]
        ).get("Messages"):
            for message in found:
                said = {
                    name: value["StringValue"] for name, value in message.get("MessageAttributes", {}).items()
                }
                letters.append(
                    {
                        "code": said.get("Code", ""),
                        "reason": said.get("Reason", ""),
                        "payload": message["Body"],
                    }
                )
                handles.append(message["ReceiptHandle"])
        for handle in handles:
            sqs.change_message_visibility(QueueUrl=url, ReceiptHandle=handle, VisibilityTimeout=0)
        return letters

    def logs(self, variant: str = "main") -> list[str]:
        group = self.outputs[f"{variant}_log_group_name"]
        pages = self._client("logs").get_paginator("filter_log_events").paginate(logGroupName=group)
        return [event["message"] for page in pages for event in page["events"]]

    # -- the models -------------------------------------------------------------------------------
    def model_fault(self, kind: str, *, times: int = 1, seconds: float = 0.0) -> None:
        self.cloud.admin("POST", "model/faults", {"kind": kind, "times": times, "seconds": seconds})

    def model_calls(self) -> list[dict[str, Any]]:
        return self.cloud.admin("GET", "model/calls")["calls"]

    def embedded(self) -> int:
        return sum(call["texts"] for call in self.cloud.admin("GET", "model/embeddings")["calls"])

    def reset(self) -> None:
        self.cloud.admin("DELETE", "model/faults")
        s3 = self._client("s3")
        for name, bucket in self.outputs.items():
            if name.endswith("_documents"):
                for page in s3.get_paginator("list_objects_v2").paginate(Bucket=bucket):
                    keys = [{"Key": found["Key"]} for found in page.get("Contents", [])]
                    if keys:
                        s3.delete_objects(Bucket=bucket, Delete={"Objects": keys})
        eventually(self._settled, within=60, what="an index without documents")
        for name, url in self.outputs.items():
            if name.endswith(("_queue", "_dead_letters")):
                self.cloud.admin("DELETE", f"queues/{url.rsplit('/', 1)[-1]}/messages")
        self.cloud.admin("DELETE", "model/calls")
        self.cloud.admin("DELETE", "model/embeddings")

    def _settled(self) -> bool:
        """Whether no queue has anything to do."""
        names = ("ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible")
        waiting = 0
        for name, url in self.outputs.items():
            if name.endswith("_queue"):
                said = self._client("sqs").get_queue_attributes(QueueUrl=url, AttributeNames=list(names))
                waiting += sum(int(said["Attributes"][one]) for one in names)
        return waiting == 0
