"""The bundle as Cloud Run starts it: functions-framework's own server, and requests over a socket."""

from __future__ import annotations

import http.client
import json
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

import pytest
from google_calls import id_token, push
from google_fakes import COLLECTION, DEAD_LETTERS, ENDPOINT, RESULTS, Google, google_cloud
from loopback import free_port

from serverless_ai_patterns.bundle import handler, stage
from serverless_ai_runtime.config import FunctionLlmConfig, GcpEdgeConfig, to_env

GOOGLE = "https://accounts.google.com"
ADA, PUBSUB = "117000000000000000001", "104000000000000000002"
SETTINGS = FunctionLlmConfig(
    "gemini-3.5-flash-lite", "be brief", 64, 1000, 3, 60, 0, 0, COLLECTION, RESULTS, "", "",
    log_content=False, model_endpoint=ENDPOINT,
)  # fmt: skip
EDGE = GcpEdgeConfig("", PUBSUB, 0, 0, timeout_s=20, dead_letters=DEAD_LETTERS, max_deliveries=5)


class Answer(NamedTuple):
    status: int
    headers: Mapping[str, str]
    body: bytes


class Host(NamedTuple):
    google: Google
    port: int

    def ask(self, method: str, path: str, body: bytes = b"", *headers: tuple[str, str]) -> Answer:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=20)
        connection.putrequest(method, path)
        for name, value in (*headers, ("content-length", str(len(body)))):
            connection.putheader(name, value)
        connection.endheaders(body)
        response = connection.getresponse()
        answer = Answer(response.status, {k.lower(): v for k, v in response.getheaders()}, response.read())
        connection.close()
        return answer


def bearer(subject: str) -> tuple[str, str]:
    return "Authorization", f"Bearer {id_token(iss=GOOGLE, sub=subject)}"


def start(root: Path, env: Mapping[str, str], port: int) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "functions_framework", "--host=127.0.0.1", f"--port={port}"]
    return subprocess.Popen(
        [*command, f"--target={handler('function_llm', 'gcp')}"],
        cwd=root, env=dict(env), stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
    )  # fmt: skip


def until(condition: Callable[[], bool], seconds: float = 30) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "it takes too long"
        time.sleep(0.05)


def listening(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return stage("function_llm", "gcp", tmp_path_factory.mktemp("zip"))


def environment(google: Google) -> dict[str, str]:
    return {**to_env(SETTINGS), **to_env(EDGE), **google.environment(), "K_SERVICE": "chat", "THREADS": "8"}


@pytest.fixture(scope="module")
def host(root: Path) -> Iterator[Host]:
    port = free_port()
    with google_cloud() as google:
        process = start(root, environment(google), port)
        try:
            until(lambda: listening(port) or process.poll() is not None)
            assert process.poll() is None, process.communicate()[0]
            yield Host(google, port)
        finally:
            process.terminate()
            lines = process.communicate(timeout=20)[0]
    closing = [json.loads(line) for line in lines.splitlines() if line.startswith('{"time"')]
    assert {line["message"] for line in closing} == {"request", "event"}
    assert sum("ColdStarts" in line for line in closing) == 1


def test_a_question_is_answered(host: Host) -> None:
    answer = host.ask("POST", "/chat", '{"message": "grüß"}'.encode(), bearer(ADA))
    assert answer.status == 200
    assert json.loads(answer.body)["answer"] == "you said grüß"
    assert answer.headers["content-type"] == "application/json"
    assert len(answer.headers["x-request-id"]) == 32


def test_an_event_is_answered_once(host: Host) -> None:
    for attempt in (1, 2):
        body = push({"message": "hi"}, attempt, messageId="host-1")
        assert host.ask("POST", "/events", body, bearer(PUBSUB)).status == 200
    assert [result["event_id"] for result in host.google.messages(RESULTS)].count("host-1") == 1


HI = b'{"message": "hi"}'


@pytest.mark.parametrize(
    ("method", "path", "headers", "status"),
    [
        ("GET", "/chat", [bearer(ADA)], 405),
        ("OPTIONS", "/chat", [], 405),
        ("POST", "/", [bearer(ADA)], 404),
        ("POST", "/chat/../events", [bearer(ADA)], 404),
        ("POST", "/%63hat", [bearer(ADA)], 200),
        ("POST", "/chat?a=b", [bearer(ADA)], 200),
        ("POST", "/events", [bearer(ADA)], 403),
        ("POST", "/chat", [], 401),
        ("POST", "/chat", [bearer(ADA), bearer(PUBSUB)], 401),
        ("POST", "/events", [("X_Serverless_Authorization", bearer(PUBSUB)[1]), bearer(ADA)], 403),
        ("POST", "/events", [("X-Serverless-Authorization", bearer(ADA)[1]), bearer(PUBSUB)], 403),
    ],
)
def test_what_is_turned_away_and_what_is_not(
    host: Host, method: str, path: str, headers: list[tuple[str, str]], status: int
) -> None:
    assert host.ask(method, path, HI, *headers).status == status


def test_a_wrong_configuration_is_an_error_of_the_start(root: Path, host: Host) -> None:
    env = environment(host.google)
    del env["SERVERLESS_AI_MODEL"]
    process = start(root, env, free_port())
    output, _ = process.communicate(timeout=30)
    assert process.returncode != 0
    assert "SERVERLESS_AI_MODEL is not set" in output
