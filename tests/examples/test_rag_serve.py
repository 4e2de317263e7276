"""serve.py of the RAG example: who may ask through it, as whom, and what becomes of what goes wrong."""

from __future__ import annotations

import http.client
import importlib.util
import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from threading import Thread
from types import ModuleType
from typing import Any

import pytest
from rag_page import ANSWER, EXAMPLE, Said, StubApi, gcloud, html, said, serving, stub_api

QUESTION = b'{"question": "What is it for?"}'


@pytest.fixture(scope="module")
def stub() -> Iterator[StubApi]:
    with stub_api() as stub:
        yield stub


@pytest.fixture(scope="module")
def login(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return gcloud(tmp_path_factory.mktemp("gcloud"))


@pytest.fixture(scope="module")
def address(stub: StubApi, login: Path) -> Iterator[str]:
    with serving(stub.url, login) as address:
        yield address


@pytest.fixture
def api(stub: StubApi) -> StubApi:
    stub.reset()
    return stub


def request(
    address: str, method: str, path: str, body: bytes | None = None, **changed: str | None
) -> tuple[int, dict[str, str], bytes]:
    """As the page does it, but for the headers that are `changed`; None leaves one out."""
    host = address.removeprefix("http://")
    usual = {"host": host, "origin": address, "content_type": "application/json"}
    usual |= {"content_length": str(len(body))} if body is not None else {}
    connection = http.client.HTTPConnection(host, timeout=20)
    connection.putrequest(method, path, skip_host=True, skip_accept_encoding=True)
    for name, value in {**usual, **changed}.items():
        if value is not None:
            connection.putheader(name.replace("_", "-"), value)
    connection.endheaders(body)
    response = connection.getresponse()
    headers = {name.lower(): value for name, value in response.getheaders()}
    content = response.read()
    connection.close()
    return response.status, headers, content


def ask(address: str, body: bytes = QUESTION, path: str = "/ask", **changed: str | None) -> tuple[int, Any]:
    status, _, content = request(address, "POST", path, body, **changed)
    return status, json.loads(content)


def test_a_question_goes_on_as_whoever_is_logged_in(address: str, api: StubApi) -> None:
    assert ask(address) == (200, ANSWER)
    assert ask(address, path="/search", host=address.removeprefix("http://"))[0] == 200
    assert [one.path for one in api.asked] == ["/ask", "/search"]
    assert api.asked[0].body == json.loads(QUESTION)
    assert {one.token for one in api.asked} == {"token-1"}, "gcloud is asked once"


def test_a_token_that_is_refused_is_fetched_anew_once(address: str, api: StubApi) -> None:
    ask(address)
    old = api.asked.pop().token
    api.reply = lambda asked: html(401) if asked.token == old else said(ANSWER)
    assert ask(address)[0] == 200
    assert len({one.token for one in api.asked}) == 2
    api.asked.clear()
    api.reply = html(401)
    status, body = ask(address)
    assert (status, body["error"]["code"]) == (401, "unauthenticated")
    assert len(api.asked) == 2


def test_a_service_account_names_the_endpoint_as_audience(api: StubApi, tmp_path: Path) -> None:
    program = tmp_path / "gcloud"
    program.write_text('#!/bin/sh\n[ "$3" = "" ] && exit 1\necho "$3"\n')
    program.chmod(0o755)
    with serving(f"{api.url}/", tmp_path) as address:
        assert ask(address)[0] == 200
    assert api.asked[0].token == f"--audiences={api.url}"


@pytest.mark.parametrize(
    ("changed", "status", "code"),
    [
        ({"host": "elsewhere.example"}, 403, "foreign_host"),
        ({"host": "its.example:{port}", "origin": "http://its.example:{port}"}, 403, "foreign_host"),
        ({"host": None}, 403, "foreign_host"),
        ({"origin": None}, 403, "foreign_origin"),
        ({"origin": "null"}, 403, "foreign_origin"),
        ({"origin": "https://127.0.0.1:{port}"}, 403, "foreign_origin"),
        ({"origin": "http://127.0.0.1:1"}, 403, "foreign_origin"),
        ({"origin": "http://localhost:{port}"}, 403, "foreign_origin"),
        ({"content_type": "text/plain"}, 415, "not_json"),
        ({"content_type": None}, 415, "not_json"),
        ({"content_length": None}, 411, "no_length"),
        ({"content_length": "-1"}, 411, "no_length"),
        ({"content_length": "\u00b2"}, 411, "no_length"),
    ],
)  # fmt: skip
def test_only_the_page_itself_may_ask(
    address: str, api: StubApi, changed: dict[str, str | None], status: int, code: str
) -> None:
    port = address.rpartition(":")[2]
    filled = {name: value and value.replace("{port}", port) for name, value in changed.items()}
    got, body = ask(address, **filled)
    assert (got, body["error"]["code"]) == (status, code)
    assert api.asked == []


def test_the_page_may_be_opened_as_localhost(address: str, api: StubApi) -> None:
    host = f"localhost:{address.rpartition(':')[2]}"
    assert ask(address, host=host, origin=f"http://{host}")[0] == 200


def test_a_question_is_of_limited_size(address: str, api: StubApi) -> None:
    status, body = ask(address, b" " * (64 * 1024 - len(QUESTION)) + QUESTION)
    assert status == 200
    status, body = ask(address, b" " * 3_000_000)
    assert (status, body["error"]["code"]) == (413, "too_large")
    assert len(api.asked) == 1


@pytest.mark.parametrize("path", ["/", "/app.js", "/app.css", "/icon.svg"])
def test_the_page_is_served_with_a_strict_policy(address: str, path: str) -> None:
    status, headers, content = request(address, "GET", path)
    assert (status, headers["x-content-type-options"]) == (200, "nosniff")
    assert content == (EXAMPLE / "page" / (path[1:] or "index.html")).read_bytes()
    policy = dict(one.strip().split(" ", 1) for one in headers["content-security-policy"].split(";"))
    assert (policy["default-src"], policy["script-src"], policy["frame-ancestors"]) == (
        "'none'",
        "'self'",
        "'none'",
    )
    assert "unsafe" not in headers["content-security-policy"]
    assert "access-control-allow-origin" not in headers


@pytest.mark.parametrize(
    "path", ["/serve.py", "/../serve.py", "/page/../../serve.py", "/%2e%2e/serve.py", "//x/"]
)
def test_nothing_else_is_served(address: str, path: str) -> None:
    assert request(address, "GET", path)[0] == 404
    assert request(address, "GET", "/", host="elsewhere.example")[0] == 403
    assert request(address, "PUT", "/ask", b"{}")[0] == 501
    assert ask(address, path=path)[0] == 404


def test_files_name_nothing_of_another_host() -> None:
    texts = [path.read_text() for path in (EXAMPLE / "page").iterdir()]
    assert texts
    assert not [one for one in texts if "://" in one.replace('xmlns="http://www.w3.org/2000/svg"', "")]


@pytest.mark.parametrize(
    ("reply", "status", "code"),
    [
        (html(403), 403, "forbidden"),
        (html(404), 404, "not_found"),
        (html(503), 503, "unavailable"),
        (html(200), 502, "not_json"),
        (Said(200, b"[" * 200_000, {"content-type": "application/json"}), 502, "not_json"),
        (Said(200, b" " * 5_000_000, {"content-type": "application/json"}), 502, "reply_too_large"),
        (Said(302, b"", {"location": "http://127.0.0.1:1/"}), 502, "not_json"),
    ],
    ids=["403", "404", "503", "html", "deep", "large", "redirection"],
)
def test_whatever_the_endpoint_says_the_page_gets_json(
    address: str, api: StubApi, reply: Said, status: int, code: str
) -> None:
    api.reply = reply
    got, body = ask(address)
    assert (got, body["error"]["code"]) == (status, code)


def test_what_the_api_says_of_a_failure_goes_through_as_it_is(address: str, api: StubApi) -> None:
    failure = {"error": {"code": "budget_exceeded", "message": "it is reset at midnight"}, "reset_at": "x"}
    api.reply = said(failure, 429, retry_after="77", x_secret="not for the page", set_cookie="a=b")
    status, headers, content = request(address, "POST", "/ask", QUESTION)
    assert (status, json.loads(content), headers["retry-after"]) == (429, failure, "77")
    assert headers.keys().isdisjoint({"x-secret", "set-cookie"})


@pytest.fixture
def serve() -> ModuleType:
    spec = importlib.util.spec_from_file_location("rag_gcp_serve", EXAMPLE / "serve.py")
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_an_endpoint_that_does_not_answer_is_not_waited_for_for_ever(
    serve: ModuleType, api: StubApi, login: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(login))
    api.go_on.clear()
    with serve.Server(serve.Endpoint(api.url, timeout_s=0.2), 0) as server:
        Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
        status, body = ask(f"http://127.0.0.1:{server.server_port}")
        server.shutdown()
    api.go_on.set()
    assert (status, body["error"]["code"]) == (504, "timed_out")


def test_an_endpoint_that_is_not_there_is_said_to_be_so(login: Path) -> None:
    with serving("http://127.0.0.1:1", login) as address:
        status, body = ask(address)
    assert (status, body["error"]["code"]) == (502, "unreachable")


@pytest.mark.parametrize(
    "endpoint",
    ["http://api.example", "http://127.0.0.1.example", "ftp://127.0.0.1", "api.example", "https://"],
)
def test_a_token_is_never_sent_in_the_open(endpoint: str) -> None:
    done = subprocess.run(
        [sys.executable, EXAMPLE / "serve.py", "--endpoint", endpoint, "--port", "0"],
        check=False,
        capture_output=True,
        text=True,
        timeout=20,
    )
    assert done.returncode == 2
    assert "must be an https:// URL" in done.stderr


def test_nobody_on_the_network_is_served(serve: ModuleType, api: StubApi) -> None:
    with serve.Server(serve.Endpoint(api.url), 0) as server:
        assert server.server_address[0] == "127.0.0.1"
