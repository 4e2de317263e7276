"""Lambda's events through the real wiring, down to the wire of a scripted Bedrock, DynamoDB and SQS."""

from __future__ import annotations

import base64
import json
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from loopback import Loopback, raw, reply

import serverless_ai_runtime
from serverless_ai_runtime import config, wiring
from serverless_ai_runtime.adapters.aws import service
from serverless_ai_runtime.config import FunctionLlmConfig, to_env
from serverless_ai_runtime.core.function_llm import FunctionLlm
from serverless_ai_runtime.core.ports import Refused
from serverless_ai_runtime.entrypoints import aws_lambda
from serverless_ai_runtime.entrypoints.aws_lambda import UnknownEventError, handle

MODEL = "arn:aws:bedrock:us-east-1:123456789012:inference-profile/us.model-v1:0"
STATELESS = FunctionLlmConfig(
    MODEL, "be brief", 64, 1000, 0, 0, 0, 0, "", "", "g1", "DRAFT", log_content=False
)
IAM = {"iam": {"userArn": "arn:aws:iam::123456789012:user/ada"}}
ANSWER = {
    "output": {"message": {"role": "assistant", "content": [{"text": "hel"}, {"text": "lo"}]}},
    "stopReason": "end_turn",
    "usage": {"inputTokens": 9, "outputTokens": 2, "totalTokens": 11},
    "metrics": {"latencyMs": 5},
}


class Context:
    aws_request_id = "req-1"

    def __init__(self, seconds: float = 10) -> None:
        self.seconds = seconds

    def get_remaining_time_in_millis(self) -> int:
        return int(self.seconds * 1000)


def environment(server: Loopback, settings: FunctionLlmConfig = STATELESS) -> dict[str, str]:
    return {
        **to_env(settings),
        "AWS_REGION": "us-east-1",
        "AWS_ACCESS_KEY_ID": "AKID",
        "AWS_SECRET_ACCESS_KEY": "very-secret",
        "AWS_SESSION_TOKEN": "session-token",
        "AWS_ENDPOINT_URL": server.url,
    }


def request(body: object, authorizer: Mapping[str, Any] = IAM, **more: Any) -> dict[str, Any]:
    return {
        "version": "2.0",
        "routeKey": "POST /chat",
        "rawPath": "/chat",
        "headers": {"content-type": "application/json"},
        "requestContext": {
            "requestId": "api-1",
            "authorizer": authorizer,
            "http": {"method": "POST", "path": "/chat"},
        },
        "body": body if isinstance(body, str) else json.dumps(body),
        "isBase64Encoded": False,
        **more,
    }


@pytest.fixture
def app(server: Loopback) -> wiring.App:
    return wiring.function_llm("aws", environment(server))


def lines(capsys: pytest.CaptureFixture[str]) -> list[dict[str, Any]]:
    return [json.loads(line) for line in capsys.readouterr().out.splitlines()]


def test_a_request_is_asked_of_bedrock_and_answered(
    server: Loopback, app: wiring.App, capsys: pytest.CaptureFixture[str]
) -> None:
    server.answer(reply(body=ANSWER))
    response = handle(app, request({"message": "hi"}), Context())
    assert response["statusCode"] == 200
    assert response["headers"] == {"content-type": "application/json", "x-request-id": "req-1"}
    assert response["isBase64Encoded"] is False
    assert json.loads(response["body"]) == {
        "answer": "hello",
        "session_id": None,
        "model": MODEL,
        "usage": {"input_tokens": 9, "output_tokens": 2},
    }
    (sent,) = server.requests
    assert sent.target == (
        "/model/arn%3Aaws%3Abedrock%3Aus-east-1%3A123456789012%3Ainference-profile%2Fus.model-v1%3A0/converse"
    )
    assert sent.json() == {
        "messages": [{"role": "user", "content": [{"text": "hi"}]}],
        "system": [{"text": "be brief"}],
        "inferenceConfig": {"maxTokens": 64},
        "guardrailConfig": {"guardrailIdentifier": "g1", "guardrailVersion": "DRAFT"},
    }
    assert "/us-east-1/bedrock/aws4_request" in sent.headers["authorization"]
    (line,) = lines(capsys)
    assert (
        line.items()
        >= {
            "message": "request",
            "request_id": "req-1",
            "correlation_id": "api-1",
            "status": 200,
            "input_tokens": 9,
            "OutputTokens": 2,
        }.items()
    )


def test_a_body_in_base64_is_decoded(server: Loopback, app: wiring.App) -> None:
    server.answer(reply(body=ANSWER))
    body = base64.b64encode('{"message": "grüß"}'.encode()).decode()
    assert handle(app, request(body, isBase64Encoded=True), Context())["statusCode"] == 200
    assert server.requests[0].json()["messages"][0]["content"] == [{"text": "grüß"}]


@pytest.mark.parametrize(
    ("event", "field"),
    [
        (request("a", isBase64Encoded=True), "body"),
        (request(base64.b64encode(b"\xff{}").decode(), isBase64Encoded=True), "body"),
        (request("\ud800"), "body"),
        ({key: value for key, value in request("").items() if key != "body"}, "body"),
        (request({"message": 1}), "message"),
    ],
    ids=["base64", "utf-8", "surrogate", "no body", "message"],
)
def test_a_bad_body_is_400(app: wiring.App, event: dict[str, Any], field: str) -> None:
    response = handle(app, event, Context())
    assert response["statusCode"] == 400
    assert json.loads(response["body"])["error"]["field"] == field


@pytest.mark.parametrize(
    ("authorizer", "caller"),
    [
        (IAM, "arn:aws:iam::123456789012:user/ada"),
        ({"jwt": {"claims": {"iss": "https://issuer", "sub": "ada"}, "scopes": None}}, "https://issuer|ada"),
    ],
    ids=["iam", "jwt"],
)
def test_the_caller_is_who_the_gateway_says(
    app: wiring.App, authorizer: Mapping[str, Any], caller: str
) -> None:
    seen: list[str] = []

    class Core:
        def chat(self, body: bytes, caller: str, deadline: object, journal: object) -> Any:
            seen.append(caller)
            return FunctionLlm.chat(app.core, b"", caller, deadline, journal)  # pyright: ignore

    handle(app._replace(core=Core()), request({}, authorizer), Context())  # pyright: ignore
    assert seen == [caller]


@pytest.mark.parametrize("authorizer", [{}, {"jwt": {"claims": {"iss": "https://issuer"}}}, {"iam": {}}])
def test_a_request_without_an_identity_is_401(
    server: Loopback, app: wiring.App, authorizer: Mapping[str, Any]
) -> None:
    response = handle(app, request({"message": "hi"}, authorizer), Context())
    assert response["statusCode"] == 401
    assert json.loads(response["body"])["error"]["code"] == "unauthenticated"
    assert server.requests == []


@pytest.mark.parametrize(
    ("event", "keys"),
    [
        ({}, r"\[\]"),
        ({"Records": [], "b": 1}, r"\['Records', 'b'\]"),
        ({"version": "1.0", "requestContext": {"http": {}}}, "version"),
        ({"source": "schedule", "id": "x"}, "source"),
    ],
    ids=["empty", "records", "payload 1.0", "schedule without message"],
)
def test_an_unknown_event_is_an_error_naming_its_keys(
    app: wiring.App, event: dict[str, Any], keys: str
) -> None:
    with pytest.raises(UnknownEventError, match=keys):
        handle(app, event, Context())


@pytest.mark.parametrize("event", [[], "text", None])
def test_an_event_that_is_no_object_is_an_error(event: object) -> None:
    with pytest.raises(UnknownEventError, match="JSON object"):
        aws_lambda.function_llm(event, Context())


def test_the_reply_leaves_before_the_function_is_killed(server: Loopback, app: wiring.App) -> None:
    server.answer(raw(b""))
    response = handle(app, request({"message": "hi"}), Context(seconds=0.3))
    assert response["statusCode"] in (502, 503)


def test_credentials_are_read_for_every_call_and_never_logged(
    server: Loopback, capsys: pytest.CaptureFixture[str]
) -> None:
    env = environment(server)
    app = wiring.function_llm("aws", env)
    server.answer(reply(400, {"message": "no"}, {"x-amzn-errortype": "ValidationException"}))
    handle(app, request({"message": "hi"}), Context())
    env["AWS_ACCESS_KEY_ID"], env["AWS_SESSION_TOKEN"] = "AKID2", "session-token-2"
    handle(app, request({"message": "hi"}), Context())
    first, second = server.requests
    assert "Credential=AKID/" in first.headers["authorization"]
    assert "Credential=AKID2/" in second.headers["authorization"]
    assert second.headers["x-amz-security-token"] == "session-token-2"
    assert first.connection == second.connection, "connections outlive an invocation"
    out = capsys.readouterr().out
    assert "ValidationException" in out
    assert not any(secret in out for secret in ("very-secret", "session-token", "AKID", "Signature"))


def test_a_refusal_by_the_model_does_not_leak_to_the_caller(server: Loopback, app: wiring.App) -> None:
    secret = "arn:aws:sts::123456789012:assumed-role/chat is not authorized"
    server.answer(reply(403, {"message": secret}, {"x-amzn-errortype": "AccessDeniedException:http://x"}))
    response = handle(app, request({"message": "hi"}), Context())
    assert response["statusCode"] == 502
    assert "123456789012" not in response["body"]


@pytest.mark.parametrize(
    ("event", "message", "event_id"),
    [
        ({"detail-type": "T", "source": "shop", "id": "e1", "detail": {"message": "hi"}}, "hi", "e1"),
        (
            {"detail-type": "T", "source": "schedule", "id": "e2", "detail": {"a": [1, "ö"]}},
            '{"a":[1,"ö"]}',
            "e2",
        ),
        ({"detail-type": "T", "source": "s", "id": "e3", "detail": {"message": 5}}, '{"message":5}', "e3"),
        ({"source": "schedule", "id": "e4", "message": "write"}, "write", "e4"),
    ],
    ids=["message", "detail", "message of another type", "schedule"],
)
def test_an_event_is_answered_recorded_and_sent_on(
    server: Loopback, event: dict[str, Any], message: str, event_id: str, capsys: pytest.CaptureFixture[str]
) -> None:
    settings = STATELESS._replace(store="table", destination=f"{server.url}/123456789012/results")
    server.answer(
        reply(body={}),  # GetItem
        reply(body={}),  # PutItem: the lease
        reply(body=ANSWER),
        reply(body={}),  # PutItem: the answer
        reply(body={"MessageId": "m", "MD5OfMessageBody": "x"}),
        reply(body={}),  # PutItem: done
    )
    result = handle(wiring.function_llm("aws", environment(server, settings)), event, Context())
    targets = [sent.headers.get("x-amz-target", "converse") for sent in server.requests]
    assert targets == [
        "DynamoDB_20120810.GetItem",
        "DynamoDB_20120810.PutItem",
        "converse",
        "DynamoDB_20120810.PutItem",
        "AmazonSQS.SendMessage",
        "DynamoDB_20120810.PutItem",
    ]
    assert server.requests[2].json()["messages"][0]["content"] == [{"text": message}]
    sent = server.requests[4].json()
    assert sent["QueueUrl"] == settings.destination
    assert json.loads(sent["MessageBody"]) == result
    assert (result["event_id"], result["answer"], result["stop_reason"]) == (event_id, "hello", "end")
    assert lines(capsys)[-1]["correlation_id"] == event_id


def test_a_failing_event_is_raised_with_its_reason_and_logged(
    server: Loopback, capsys: pytest.CaptureFixture[str]
) -> None:
    app = wiring.function_llm("aws", environment(server, STATELESS._replace(store="table")))
    refusal = reply(400, {"message": "bad"}, {"x-amzn-errortype": "ValidationException"})
    server.answer(reply(body={}), reply(body={}), refusal, reply(body={}))
    with pytest.raises(Refused, match="ValidationException"):
        handle(app, {"source": "schedule", "id": "e", "message": "write"}, Context())
    line = lines(capsys)[-1]
    assert (line["level"], line["message"], line["error"]) == ("ERROR", "event", "Refused")


@pytest.mark.parametrize(
    ("region", "expected"),
    [("eu-west-1", "sqs.eu-west-1.amazonaws.com"), ("cn-north-1", "sqs.cn-north-1.amazonaws.com.cn")],
)
def test_the_host_of_a_service_depends_on_the_partition(region: str, expected: str) -> None:
    assert service.host("sqs", region) == expected


def started(env: Mapping[str, str], code: str) -> subprocess.CompletedProcess[str]:
    root = str(Path(serverless_ai_runtime.__file__).parents[1])
    return subprocess.run(
        [sys.executable, "-S", "-c", f"import sys; sys.path.insert(0, {root!r}); {code}"],
        env=dict(env), capture_output=True, text=True, timeout=30, check=False,
    )  # fmt: skip


IMPORT = f"import {aws_lambda.__name__}"


def test_lambda_wires_the_function_while_it_starts_it(server: Loopback) -> None:
    env = environment(server) | {"_HANDLER": f"{aws_lambda.__name__}.function_llm"}
    wired = f"from {aws_lambda.__name__} import _function_llm; print(_function_llm.cache_info().currsize)"
    assert started(env, wired).stdout.strip() == "1"
    del env[config.PREFIX + "MODEL"]
    failed = started(env, IMPORT)
    assert failed.returncode == 1
    assert config.PREFIX + "MODEL is not set" in failed.stderr


def test_importing_the_entry_point_elsewhere_needs_no_configuration() -> None:
    assert started({}, IMPORT).returncode == 0
