"""RAG's world on AWS, through boto3 and plain HTTP only: the same for CDK and Pulumi."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote

from aws_letters import letters
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from local_controls import LocalControls
from rag_http import post_json, token
from world import Reply, eventually

from serverless_ai_local.launch import RunningCloud

REGION = "us-east-1"
QUESTION = b'{"question": "let me in"}'


@dataclass(kw_only=True)
class RagAwsWorld(LocalControls):
    """`outputs` holds `<variant>_<output>` of every variant."""

    target: str
    cloud: RunningCloud
    outputs: Mapping[str, str]
    stores: tuple[str, ...]
    default_store: str = "s3_vectors"
    streams: bool = False
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
        return letters(self._client("sqs"), self.outputs[f"{variant}_dead_letters"])

    def logs(self, variant: str = "main") -> list[str]:
        group = self.outputs[f"{variant}_log_group_name"]
        pages = self._client("logs").get_paginator("filter_log_events").paginate(logGroupName=group)
        return [event["message"] for page in pages for event in page["events"]]

    # -- between tests ---------------------------------------------------------------------------
    def deliver_again(self, variant: str = "main") -> None:
        queue = self.outputs[f"{variant}_queue"].rsplit("/", 1)[-1]
        self.cloud.admin("POST", f"queues/{queue}/messages/return")

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
