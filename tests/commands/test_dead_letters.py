"""`serverless-ai dead-letters` and `redrive`: what they say when they cannot, and what they leave."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from serverless_ai_patterns.cli import main
from serverless_ai_patterns.dead_letters import gcp, login
from serverless_ai_patterns.dead_letters.aws import SqsDeadLetterQueue
from serverless_ai_patterns.dead_letters.login import NotLoggedIn
from serverless_ai_runtime.adapters.aws.service import Service as AwsService
from serverless_ai_runtime.adapters.service import Service
from serverless_ai_runtime.core.ports import Deadline, Unavailable

DEAD = "https://sqs.eu-west-1.amazonaws.com/123456789012/dead"
QUEUE = "https://sqs.eu-west-1.amazonaws.com/123456789012/queue"
SUBSCRIPTION, TOPIC = "projects/p/subscriptions/dead", "projects/p/topics/queue"


def run(*arguments: str, **env: str) -> Result:
    keys = {"AWS_ACCESS_KEY_ID": "k", "AWS_SECRET_ACCESS_KEY": "s", "CLOUDSDK_AUTH_ACCESS_TOKEN": "t", **env}
    return CliRunner().invoke(main, list(arguments), env=keys)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("dead-letters", "aws", "dead"), "https://sqs.REGION.amazonaws.com/ACCOUNT/NAME; got 'dead'"),
        (("redrive", "aws", DEAD, "arn:aws:sqs:x"), "got 'arn:aws:sqs:x'"),
        (("dead-letters", "azure", "http://example.com/q"), "https://ACCOUNT.queue.core.windows.net/NAME"),
        (("dead-letters", "gcp", "dead"), "projects/P/subscriptions/S; got 'dead'"),
        (("redrive", "gcp", SUBSCRIPTION, SUBSCRIPTION), "projects/P/topics/T"),
        (("redrive", "aws", DEAD, ""), "QUEUE must not be empty"),
        (("dead-letters", "ibm", "x"), "'ibm' is not one of"),
        (("dead-letters", "aws", DEAD, "--most", "0"), "0 is not in the range"),
    ],
)
def test_what_is_no_queue_is_named_with_what_is_one(arguments: tuple[str, ...], words: str) -> None:
    done = run(*arguments)
    assert done.exit_code != 0
    assert words in " ".join(done.output.split())
    assert "Traceback" not in done.output


@pytest.mark.parametrize(
    ("cloud", "command", "log_in"),
    [("aws", "aws", "aws sso login"), ("azure", "az", "az login"), ("gcp", "gcloud", "gcloud auth login")],
)
def test_without_the_clouds_command_it_says_what_to_install(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, cloud: str, command: str, log_in: str
) -> None:
    for name in ("AWS_ACCESS_KEY_ID", login.AZURE_TOKEN, login.GOOGLE_TOKEN):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("PATH", str(tmp_path))
    places = {"aws": DEAD, "azure": "https://a.queue.core.windows.net/dead", "gcp": SUBSCRIPTION}
    done = CliRunner().invoke(main, ["dead-letters", cloud, places[cloud]])
    assert done.exit_code == 1
    assert f"`{command}` cannot be run" in done.output
    assert log_in in done.output


def script(folder: Path, name: str, body: str) -> None:
    path = folder / name
    path.write_text(f"#!/bin/sh\n{body}\n")
    path.chmod(0o755)


def test_a_login_that_has_ended_is_told_in_the_commands_own_words(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    script(tmp_path, "az", "echo 'ERROR: Please run az login' >&2; exit 1")
    monkeypatch.setenv("PATH", f"{tmp_path}:/bin:/usr/bin")
    with pytest.raises(NotLoggedIn, match="Please run az login"):
        login.azure("https://storage.azure.com", {})


def test_keys_are_those_of_the_variables_or_of_the_commands_profile(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    exported = {"AccessKeyId": "from-profile", "SecretAccessKey": "s", "SessionToken": "t"}
    script(tmp_path, "aws", f"echo '{json.dumps(exported)}'")
    monkeypatch.setenv("PATH", f"{tmp_path}:/bin:/usr/bin")
    assert login.aws("eu-west-1", {}).access_key_id == "from-profile"
    assert login.aws("eu-west-1", {"AWS_ACCESS_KEY_ID": "own"}).access_key_id == "own"


Calls = list[tuple[str, Mapping[str, Any]]]


@pytest.fixture
def sqs(monkeypatch: pytest.MonkeyPatch) -> Callable[..., Calls]:
    """`sqs(operation=[answers])`: SQS answers so, and what it is asked is listed."""

    def scripted(**answers: list[Any]) -> Calls:
        calls: Calls = []

        def post(
            self: AwsService, operation: str, target: str, payload: Mapping[str, Any], deadline: Deadline
        ) -> Any:
            calls.append((operation, payload))
            return answers[operation].pop(0)

        monkeypatch.setattr(AwsService, "post_json", post)
        monkeypatch.setattr("time.sleep", lambda seconds: None)
        return calls

    return scripted


def letter(number: int, **attributes: str) -> dict[str, Any]:
    typed = {name: {"DataType": "String", "StringValue": value} for name, value in attributes.items()}
    message = {"MessageId": str(number), "ReceiptHandle": f"r{number}", "Body": f'{{"secret": {number}}}'}
    return {**message, **({"MessageAttributes": typed} if typed else {})}


def test_letters_are_shown_with_their_reasons_and_without_what_they_hold(sqs: Callable[..., Calls]) -> None:
    calls = sqs(
        ReceiveMessage=[{"Messages": [letter(1, Code="too_large", Reason="60 MB"), letter(2)]}, {}],
        ChangeMessageVisibilityBatch=[{}],
    )
    done = run("dead-letters", "aws", DEAD)
    assert "too_large            60 MB" in done.output
    assert "given up by the platform" in done.output
    assert "2 dead letters" in done.output
    assert "secret" not in done.output
    operation, given_back = calls[-1]
    assert operation == "ChangeMessageVisibilityBatch"
    assert [one["VisibilityTimeout"] for one in given_back["Entries"]] == [0, 0]


def test_what_letters_hold_is_shown_if_asked_for(sqs: Callable[..., Calls]) -> None:
    sqs(ReceiveMessage=[{"Messages": [letter(7)]}], ChangeMessageVisibilityBatch=[{}])
    assert '{"secret": 7}' in run("dead-letters", "aws", DEAD, "--most", "1", "--show-body").output


ARNS = [{"Attributes": {"QueueArn": "arn:dead"}}, {"Attributes": {"QueueArn": "arn:queue"}}]


def test_a_move_is_waited_for_and_counted(sqs: Callable[..., Calls]) -> None:
    running = {"Results": [{"Status": "RUNNING", "ApproximateNumberOfMessagesMoved": 3}]}
    ended = {"Results": [{"Status": "COMPLETED", "ApproximateNumberOfMessagesMoved": 9}]}
    calls = sqs(
        GetQueueAttributes=list(ARNS), StartMessageMoveTask=[{}], ListMessageMoveTasks=[running, ended]
    )
    assert run("redrive", "aws", DEAD, QUEUE).output == "9 messages put back\n"
    assert ("StartMessageMoveTask", {"SourceArn": "arn:dead", "DestinationArn": "arn:queue"}) in calls


def test_a_move_that_fails_says_why(sqs: Callable[..., Calls]) -> None:
    failed = {"Results": [{"Status": "FAILED", "FailureReason": "AWS.SimpleQueueService.NonExistentQueue"}]}
    sqs(GetQueueAttributes=list(ARNS), StartMessageMoveTask=[{}], ListMessageMoveTasks=[failed])
    done = run("redrive", "aws", DEAD, QUEUE)
    assert done.exit_code == 1
    assert "NonExistentQueue" in done.output


def test_the_region_is_that_of_the_queue(monkeypatch: pytest.MonkeyPatch) -> None:
    regions: list[str] = []
    keys = login.aws("x", {"AWS_ACCESS_KEY_ID": "k"})

    def taken(region: str) -> Any:
        regions.append(region)
        return keys

    monkeypatch.setattr(login, "aws", taken)
    SqsDeadLetterQueue(DEAD, "", region="us-east-1")
    SqsDeadLetterQueue("http://127.0.0.1:1/123456789012/dead", "", region="us-east-1")
    assert regions == ["eu-west-1", "us-east-1"]


def test_on_google_cloud_nothing_is_acknowledged_before_it_is_published(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv(login.GOOGLE_TOKEN, "t")
    calls: list[str] = []

    def post(self: Service, operation: str, path: str, payload: Any, deadline: Deadline, **_: Any) -> Any:
        calls.append(operation)
        if operation == "Publish":
            raise Unavailable("PubSub", "Publish", 503, "UNAVAILABLE", "down")
        message = {"data": "eA==", "messageId": "1"}
        return {"receivedMessages": [{"ackId": "a", "message": message}]}

    monkeypatch.setattr(Service, "post_json", post)
    with pytest.raises(Unavailable):
        gcp.PubSubDeadLetterQueue(SUBSCRIPTION, TOPIC).redrive(lambda moved: None)
    assert calls == ["pull", "Publish"]
