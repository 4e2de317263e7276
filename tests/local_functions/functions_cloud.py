"""A small local cloud in this process: moto, signatures and permissions, and everything event-driven."""

from __future__ import annotations

import io
import itertools
import json
import textwrap
import threading
import time
import zipfile
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import boto3
from botocore.config import Config

from serverless_ai_local.aws import moto_backends
from serverless_ai_local.functions import Limits
from serverless_ai_local.functions.task_root import Runtime
from serverless_ai_local.http_server import Server

REGION = "us-east-1"
ACCOUNT = "123456789012"
_numbers = itertools.count(1)


# Handlers that run until the test lets them go on, by making a file.
WAIT = """
    import os, time
    def wait(event):
        until = time.monotonic() + 30
        while event.get("until") and not os.path.exists(event["until"]) and time.monotonic() < until:
            time.sleep(0.01)
"""


def trust_in(service: str = "lambda.amazonaws.com") -> dict[str, Any]:
    statement = {"Effect": "Allow", "Principal": {"Service": service}, "Action": "sts:AssumeRole"}
    return {"Version": "2012-10-17", "Statement": [statement]}


def allow(*actions: str, on: str = "*") -> dict[str, Any]:
    return {"Effect": "Allow", "Action": list(actions), "Resource": on}


def zipped(**files: str) -> bytes:
    """A zip of modules: `zipped(app="...")`."""
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as archive:
        for name, text in files.items():
            archive.writestr(f"{name.replace('__', '/')}.py", textwrap.dedent(text))
    return content.getvalue()


@dataclass
class LocalCloud:
    """One running composition, and what tests do with it."""

    url: str
    events: Any
    ledger: Any
    clients: dict[str, Any] = field(default_factory=dict)

    def client(self, service: str) -> Any:
        if service not in self.clients:
            config = Config(retries={"total_max_attempts": 1}, read_timeout=30)
            session = boto3.session.Session("test", "test", region_name=REGION)
            self.clients[service] = session.client(service, endpoint_url=self.url, config=config)
        return self.clients[service]

    def role(self, *statements: dict[str, Any], service: str = "lambda.amazonaws.com") -> str:
        iam, name = self.client("iam"), f"role{next(_numbers)}"
        arn = iam.create_role(RoleName=name, AssumeRolePolicyDocument=json.dumps(trust_in(service)))["Role"][
            "Arn"
        ]
        self.permit(arn, *statements)
        return arn

    def permit(self, role_arn: str, *statements: dict[str, Any]) -> None:
        """The statements that the role has from now on."""
        iam, name = self.client("iam"), role_arn.rsplit("/", 1)[1]
        if statements:
            document = json.dumps({"Version": "2012-10-17", "Statement": list(statements)})
            iam.put_role_policy(RoleName=name, PolicyName="p", PolicyDocument=document)
        elif iam.list_role_policies(RoleName=name)["PolicyNames"]:
            iam.delete_role_policy(RoleName=name, PolicyName="p")

    def function(self, code: str, *, role: str = "", handler: str = "app.handler", **settings: Any) -> str:
        """Deploy a function; returns its name. Its role may log unless another is given."""
        name = settings.pop("FunctionName", f"fn{next(_numbers)}")
        role = role or self.role(allow("logs:*"))
        self.client("lambda").create_function(
            FunctionName=name,
            Role=role,
            Handler=handler,
            Runtime=settings.pop("Runtime", "python3.13"),
            Code={"ZipFile": zipped(app=code)},
            **{"Timeout": 5, **settings},
        )
        return name

    def invoke(self, name: str, event: Any = None, **options: Any) -> Any:
        """The parsed payload of a success; fails on a function error."""
        answer = self.raw(name, event, **options)
        assert "FunctionError" not in answer, answer
        return json.loads(answer["Payload"])

    def raw(self, name: str, event: Any = None, **options: Any) -> dict[str, Any]:
        """boto3's answer, with the payload as bytes."""
        payload = b"" if event is None else event if isinstance(event, bytes) else json.dumps(event).encode()
        answer = self.client("lambda").invoke(FunctionName=name, Payload=payload, **options)
        return {**answer, "Payload": answer["Payload"].read()}

    def error(self, name: str, event: Any = None) -> dict[str, Any]:
        """The parsed payload of a failure."""
        answer = self.raw(name, event)
        assert answer.get("FunctionError") == "Unhandled", answer
        return json.loads(answer["Payload"])

    def queue(self, policy: dict[str, Any] | None = None) -> tuple[str, str]:
        """URL and ARN of a new queue; the policy's Resource is filled in."""
        sqs, name = self.client("sqs"), f"queue{next(_numbers)}"
        url = sqs.create_queue(QueueName=name)["QueueUrl"]
        arn = f"arn:aws:sqs:{REGION}:{ACCOUNT}:{name}"
        if policy is not None:
            document = {"Version": "2012-10-17", "Statement": [{**policy, "Resource": arn}]}
            sqs.set_queue_attributes(QueueUrl=url, Attributes={"Policy": json.dumps(document)})
        return url, arn

    def received(self, queue_url: str) -> list[dict[str, Any]]:
        """Messages that wait in a queue; they are deleted."""
        sqs, found = self.client("sqs"), list[dict[str, Any]]()
        while True:
            batch = sqs.receive_message(
                QueueUrl=queue_url, MaxNumberOfMessages=10, MessageAttributeNames=["All"]
            ).get("Messages", [])
            if not batch:
                return found
            for message in batch:
                sqs.delete_message(QueueUrl=queue_url, ReceiptHandle=message["ReceiptHandle"])
            found += batch

    def logs(self, group: str) -> list[str]:
        logs = self.client("logs")
        if not logs.describe_log_groups(logGroupNamePrefix=group)["logGroups"]:
            return []
        return [event["message"] for event in logs.filter_log_events(logGroupName=group)["events"]]


def eventually(look: Callable[[], Any], within: float = 10.0) -> Any:
    """The first truthy answer; fails when there is none in time."""
    end = time.monotonic() + within
    while True:
        found = look()
        if found:
            return found
        assert time.monotonic() < end, f"last seen: {found!r}"
        time.sleep(0.02)


def start(
    *, runtime: Runtime | None = "own", retry_s: float = 0.05, limits: Limits | None = None
) -> tuple[LocalCloud, Callable[[], None]]:
    """A composition of its own, and how to stop it."""
    from serverless_ai_local.aws.event_driven import EventDriven
    from serverless_ai_local.aws.front import Front
    from serverless_ai_local.aws.iam.authoriser import Authoriser
    from serverless_ai_local.aws.iam.ledger import Ledger
    from serverless_ai_local.aws.identities import Identities

    server = Server("127.0.0.1", 0)
    url = f"http://127.0.0.1:{server.server_address[1]}"
    moto_backends.configure(url)
    moto, identities, ledger = moto_backends.Moto(), Identities(), Ledger()
    authoriser = Authoriser(ledger)
    events = EventDriven(
        url=url,
        issuer=identities,
        checks=authoriser,
        forward=moto.forward,
        runtime=runtime,
        retry_s=retry_s,
        limits=limits,
    )
    front = Front(identities, authoriser, events.operations(), moto)
    server.application = lambda environ, begin: front(environ)(environ, begin)
    threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()

    def stop() -> None:
        events.stop()
        server.shutdown()
        server.server_close()

    return LocalCloud(url=url, events=events, ledger=ledger), stop
