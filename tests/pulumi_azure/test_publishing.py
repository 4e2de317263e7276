"""Code reaches the app by the calls that its publishing site knows, and again only when it is other code."""

from __future__ import annotations

import io
import json
import re
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any

import grpc
import pytest
from google.protobuf import struct_pb2
from pulumi.runtime.proto import provider_pb2
from pulumi.runtime.proto.provider_pb2_grpc import ResourceProviderStub

from serverless_ai_patterns import bundle
from serverless_ai_pulumi.azure._onedeploy import Patience, PublishError, Site, publish

PENDING, BUILDING, FAILED, SUCCESS, CONFLICT, PARTIAL, CANCELLED = 0, 1, 3, 4, 5, 6, -1
ID = "3f394416-b25a-4e42-aa01-02a1f011772e"


@dataclass
class Scm:
    """A publishing site: what it was sent, and what it will answer (the last answer of a list stays)."""

    url: str = ""
    posts: list[Any] = field(default_factory=lambda: [(202, json.dumps(ID))])
    states: list[Any] = field(default_factory=lambda: [(200, {"status": SUCCESS})])
    log: tuple[int, Any] = (200, [])
    seen: list[tuple[str, str, str]] = field(default_factory=list)
    packages: list[bytes] = field(default_factory=list)

    def answer(self, method: str, path: str) -> tuple[int, str]:
        if method == "POST":
            status, body = self._next(self.posts)
        elif path.endswith("/log"):
            status, body = self.log
        else:
            status, body = self._next(self.states)
        return status, body if isinstance(body, str) else json.dumps(body)

    @staticmethod
    def _next(answers: list[Any]) -> Any:
        return answers.pop(0) if len(answers) > 1 else answers[0]


@pytest.fixture
def scm() -> Iterator[Scm]:
    site = Scm()

    class Handler(BaseHTTPRequestHandler):
        def _serve(self) -> None:
            body = self.rfile.read(int(self.headers.get("content-length", 0)))
            kind = self.headers.get("content-type", "")
            site.seen.append((f"{self.command} {self.path}", self.headers["authorization"], kind))
            if self.command == "POST":
                site.packages.append(body)
            status, text = site.answer(self.command, self.path)
            self.send_response(status)
            self.end_headers()
            self.wfile.write(text.encode())

        do_GET = do_POST = _serve  # noqa: N815

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
    site.url = f"http://127.0.0.1:{server.server_port}"
    yield site
    server.shutdown()
    server.server_close()


class Time:
    """A clock that only sleeping moves."""

    def __init__(self) -> None:
        self.now, self.slept = 0.0, []

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.now += seconds

    def site(self, scm: Scm, **patience: float) -> Site:
        return Site(scm.url, "token", Patience(**patience), self.sleep, lambda: self.now)


def test_the_package_is_posted_as_a_zip_with_a_token_and_its_deployment_is_watched(scm: Scm) -> None:
    scm.states = [(200, {"status": PENDING}), (200, {"status": BUILDING}), (200, {"status": SUCCESS})]
    time = Time()
    assert publish(time.site(scm), b"PK zip") == ID
    assert scm.packages == [b"PK zip"]
    post, *watched = scm.seen
    assert post == (
        "POST /api/publish?RemoteBuild=true&Deployer=serverless-ai-patterns",
        "Bearer token",
        "application/zip",
    )
    assert watched == [(f"GET /api/deployments/{ID}", "Bearer token", "")] * 3
    assert time.slept == [2, 2]


@pytest.mark.parametrize("status", [404, 409, 429, 500, 502, 503, 504])
def test_a_site_that_is_only_just_starting_is_asked_again(scm: Scm, status: int) -> None:
    scm.posts = [(status, "starting"), (status, ""), (202, json.dumps(ID))]
    time = Time()
    assert publish(time.site(scm), b"zip") == ID
    assert time.slept == [5, 5]
    assert scm.packages == [b"zip"] * 3


def test_a_site_that_does_not_start_is_given_up_with_its_last_word(scm: Scm) -> None:
    scm.posts = [(503, "no workers")]
    time = Time()
    with pytest.raises(PublishError, match=rf"publishing to {re.escape(scm.url)}: 503: no workers"):
        publish(time.site(scm), b"zip")
    assert time.now == 300


def test_a_site_that_nobody_knows_is_asked_until_it_is_known_and_then_given_up() -> None:
    time = Time()
    site = Site("http://127.0.0.1:9", "token", Patience(reach=10), time.sleep, lambda: time.now)
    with pytest.raises(PublishError, match=r"no answer: .*refused"):
        publish(site, b"zip")
    assert time.slept == [5, 5]


@pytest.mark.parametrize("status", [401, 403])
def test_who_may_not_publish_is_told_which_role_is_missing(scm: Scm, status: int) -> None:
    scm.posts = [(status, "nope")]
    time = Time()
    with pytest.raises(PublishError, match=f"refused with {status}; .* Website Contributor on the app: nope"):
        publish(time.site(scm), b"zip")
    assert time.slept == [], "waiting gives nobody a role"


@pytest.mark.parametrize("status", [400, 413, 415])
def test_a_package_that_is_refused_is_not_sent_again(scm: Scm, status: int) -> None:
    scm.posts = [(status, "bad package")]
    with pytest.raises(PublishError, match=f"{status}: bad package"):
        publish(Time().site(scm), b"zip")
    assert len(scm.packages) == 1


@pytest.mark.parametrize("body", ["", "not json", '{"id": "x"}', '""', "null", "<html>"])
def test_an_answer_that_names_no_deployment_is_an_error(scm: Scm, body: str) -> None:
    scm.posts = [(202, body)]
    with pytest.raises(PublishError, match="the site named no deployment but answered"):
        publish(Time().site(scm), b"zip")


@pytest.mark.parametrize(
    ("status", "words"),
    [
        (FAILED, "failed"),
        (CANCELLED, "was cancelled"),
        (CONFLICT, "met another deployment"),
        (PARTIAL, "succeeded only in part"),
    ],
)
def test_a_deployment_that_fails_is_tried_again_and_then_reported_with_the_builds_last_lines(
    scm: Scm, status: int, words: str
) -> None:
    scm.states = [(200, {"status": status, "status_text": ""})]
    scm.log = (200, [{"message": f"line {number}"} for number in range(9)])
    time = Time()
    with pytest.raises(PublishError) as failed:
        publish(time.site(scm), b"zip")
    assert f"deployment {ID} {words}: line 4; line 5; line 6; line 7; line 8" in str(failed.value)
    assert len(scm.packages) == 3
    assert time.slept == [60, 60]


def test_a_reason_in_the_status_is_the_reason(scm: Scm) -> None:
    scm.states = [(200, {"status": FAILED, "status_text": "Storage access denied"})]
    with pytest.raises(PublishError, match="failed: Storage access denied"):
        publish(Time().site(scm, attempts=1), b"zip")


@pytest.mark.parametrize("log", [(500, "broken"), (200, "not a list"), (200, [{"text": 1}]), (200, [])])
def test_a_broken_log_does_not_hide_that_the_deployment_failed(scm: Scm, log: tuple[int, Any]) -> None:
    scm.states, scm.log = [(200, {"status": FAILED})], log
    with pytest.raises(PublishError, match=f"deployment {ID} failed: "):
        publish(Time().site(scm, attempts=1), b"zip")


def test_a_new_identity_whose_rights_are_not_known_yet_gets_a_second_try(scm: Scm) -> None:
    scm.states = [(200, {"status": FAILED}), (200, {"status": SUCCESS})]
    assert publish(Time().site(scm), b"zip") == ID
    assert len(scm.packages) == 2


def test_a_deployment_may_be_unknown_at_first_and_is_done_when_its_worker_is_gone(scm: Scm) -> None:
    scm.states = [(404, ""), (200, {"status": BUILDING}), (404, "")]
    assert publish(Time().site(scm), b"zip") == ID


@pytest.mark.parametrize(
    "state", [(200, {"status": BUILDING}), (200, "{}"), (200, "half an ans"), (500, "oh"), (404, "")]
)
def test_a_deployment_without_an_end_is_given_up(scm: Scm, state: tuple[int, Any]) -> None:
    scm.states = [state]
    time = Time()
    with pytest.raises(
        PublishError, match=f"deployment {ID} is not done after 900 s; last answer {state[0]}"
    ):
        publish(time.site(scm, poll=100), b"zip")
    assert time.now == 900


def test_a_token_that_ends_while_it_is_watched_is_reported(scm: Scm) -> None:
    scm.states = [(200, {"status": BUILDING}), (401, "")]
    with pytest.raises(PublishError, match="refused with 401 while it was watched"):
        publish(Time().site(scm), b"zip")


@pytest.fixture(scope="module")
def registered(usual) -> dict[str, Any]:
    """What the component registers as its package, the serialised provider included."""
    return usual.one("Package").inputs


@pytest.fixture(scope="module")
def provider() -> Iterator[ResourceProviderStub]:
    """Pulumi's own process for dynamic providers, as the engine starts it."""
    command = [sys.executable, "-u", "-m", "pulumi.dynamic"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        with grpc.insecure_channel(f"127.0.0.1:{int(process.stdout.readline())}") as channel:
            yield ResourceProviderStub(channel)
        process.terminate()


class Engine:
    """What the engine asks of a provider, for the package of one app."""

    def __init__(self, provider: ResourceProviderStub, inputs: dict[str, Any]) -> None:
        self.inputs, self._provider = inputs, provider

    def create(self, inputs: dict[str, Any]) -> tuple[str, dict[str, Any]]:
        made = self._provider.Create(provider_pb2.CreateRequest(properties=_struct(inputs)))
        return made.id, dict(made.properties)

    def changes(self, olds: dict[str, Any], news: dict[str, Any]) -> bool:
        request = provider_pb2.DiffRequest(id=ID, olds=_struct(olds), news=_struct(news))
        return self._provider.Diff(request).changes == provider_pb2.DiffResponse.DIFF_SOME

    def update(self, olds: dict[str, Any], news: dict[str, Any]) -> dict[str, Any]:
        request = provider_pb2.UpdateRequest(id=ID, olds=_struct(olds), news=_struct(news))
        return dict(self._provider.Update(request).properties)


@pytest.fixture
def engine(scm: Scm, provider: ResourceProviderStub, registered: dict[str, Any]) -> Engine:
    return Engine(provider, {**registered, "token": "token", "site": scm.url})


def _struct(values: dict[str, Any]) -> struct_pb2.Struct:
    made = struct_pb2.Struct()
    made.update(values)
    return made


def test_the_component_registers_the_hash_of_the_code_and_not_the_code(registered: dict[str, Any]) -> None:
    assert registered["digest"] == bundle.digest("function_llm", "azure")
    assert registered["pattern"] == "function_llm"
    assert registered["site"].startswith("https://chat-function0a1b2c3d-d4e5f6.scm.")
    assert len(json.dumps(registered)) < 2000


def test_creating_it_publishes_the_bundle_and_keeps_no_token(scm: Scm, engine: Engine) -> None:
    made_id, outputs = engine.create(engine.inputs)
    assert made_id == outputs["deployment"] == ID
    assert outputs["digest"] == engine.inputs["digest"]
    assert "token" not in outputs
    (package,) = scm.packages
    assert package == bundle.zip_bytes("function_llm", "azure")
    with zipfile.ZipFile(io.BytesIO(package)) as archive:
        names = archive.namelist()
    assert {"host.json", "requirements.txt", "function_app.py"} <= set(names)
    assert "serverless_ai_runtime/entrypoints/azure_functions.py" in names
    assert not [name for name in names if "/aws" in name or "/gcp" in name]


def test_the_same_code_is_not_published_again_with_another_token(engine: Engine) -> None:
    _, outputs = engine.create(engine.inputs)
    assert not engine.changes(outputs, {**engine.inputs, "token": "another"})


@pytest.mark.parametrize(
    "change", [{"digest": "other"}, {"site": "https://other.scm.azurewebsites.net"}, {"pattern": "rag"}]
)
def test_other_code_or_another_app_is_a_change(engine: Engine, change: dict[str, str]) -> None:
    _, outputs = engine.create(engine.inputs)
    assert engine.changes(outputs, engine.inputs | change)


def test_a_change_publishes_again(scm: Scm, engine: Engine) -> None:
    _, outputs = engine.create(engine.inputs)
    scm.posts = [(202, json.dumps("second"))]
    updated = engine.update(outputs, engine.inputs | {"digest": "new"})
    assert (updated["deployment"], updated["digest"]) == ("second", "new")
    assert len(scm.packages) == 2
    assert "token" not in updated


def test_what_the_site_says_reaches_the_user(scm: Scm, engine: Engine) -> None:
    scm.posts = [(403, "IP address is not allowed")]
    with pytest.raises(grpc.RpcError, match=r"PublishError: publishing to .* IP address is not allowed"):
        engine.create(engine.inputs)
