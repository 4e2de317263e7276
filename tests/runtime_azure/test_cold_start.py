"""A cold start on Azure: what is loaded beside the host's own library, and how soon an answer comes."""

from __future__ import annotations

import json
import resource
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from statistics import median

import pytest
from azure_app import Services, principal
from loopback import loopback

import serverless_ai_runtime

BANNED = {
    "asyncio", "base64", "dataclasses", "inspect", "logging", "pydoc", "random", "secrets", "subprocess",
    "traceback", "unittest", "urllib.request", "uuid", "xml", "zipfile",
}  # fmt: skip
NOT_WHEN_STATELESS = {
    "adapters.azure.chat_stream", "adapters.azure.cosmos", "adapters.azure.errors", "adapters.azure.events",
    "adapters.azure.queue", "adapters.sse", "core.budget", "core.idempotency", "core.sessions",
}  # fmt: skip
ALLOWED = {"__future__", "_typing", "_weakrefset", "contextlib", "threading", "typing"}
MOST_OF_FLOOR = 2.0
ROUNDS = 12

FLOOR = """
import http.client, json, os, sys, urllib.parse
def call(url, method, body, headers):
    parts = urllib.parse.urlsplit(url)
    connection = http.client.HTTPConnection(parts.netloc)
    connection.request(method, f"{parts.path}?{parts.query}", body, headers)
    return json.loads(connection.getresponse().read())
identity, model = sys.argv[1:]
token = call(identity + "?resource=r", "GET", None, {"X-IDENTITY-HEADER": "s"})["access_token"]
headers = {"Content-Type": "application/json", "Authorization": "Bearer " + token}
print(call(model + "/chat/completions", "POST", json.dumps({"a": 1}), headers)["choices"][0]["finish_reason"])
"""

HANDLER = """
import json, sys
sys.path.insert(0, sys.argv[1])
from serverless_ai_runtime.entrypoints.azure_functions import Ids, function_llm
response = function_llm().chat(b'{"message": "hi"}', sys.argv[2], Ids("r", "t"))
assert response.status == 200, response
"""


@pytest.fixture(scope="module")
def env() -> Iterator[dict[str, str]]:
    with loopback() as running:
        yield Services(running).environment()


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> str:
    """The runtime as it lies in the zip: without bytecode."""
    root = tmp_path_factory.mktemp("zip")
    package = Path(serverless_ai_runtime.__file__).parent
    shutil.copytree(package, root / package.name, ignore=shutil.ignore_patterns("__pycache__"))
    return str(root)


def run(code: str, *arguments: str, env: Mapping[str, str]) -> tuple[float, str]:
    """CPU seconds of the process (the clock's depend on what else runs here), and what it printed."""
    command = [sys.executable, "-I", "-S", "-B", "-c", code, *arguments]
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    done = subprocess.run(command, env=dict(env), capture_output=True, text=True, timeout=30, check=False)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    assert done.returncode == 0, done.stderr
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime, done.stdout


def test_only_what_is_needed_is_imported(source: str, env: dict[str, str]) -> None:
    listing = "\nprint(json.dumps(sorted(sys.modules)))"
    floor = set(json.loads(run("import http.client, json, sys" + listing, env=env)[1]))
    ours = set(json.loads(run(HANDLER + listing, source, principal(), env=env)[1].splitlines()[-1]))
    added = ours - floor
    assert added & BANNED == set()
    own = {name for name in added if name.startswith("serverless_ai_runtime")}
    assert own & {f"serverless_ai_runtime.{name}" for name in NOT_WHEN_STATELESS} == set()
    assert not any("aws" in name or "gcp" in name for name in own)
    assert {name.partition(".")[0] for name in added - own} <= ALLOWED


def test_the_first_answer_comes_soon_after_two_bare_http_calls(source: str, env: dict[str, str]) -> None:
    identity, model = env["IDENTITY_ENDPOINT"], env["IDENTITY_ENDPOINT"].replace("/MSI/token", "/openai/v1")
    rounds = [
        run(HANDLER, source, principal(), env=env)[0] / run(FLOOR, identity, model, env=env)[0]
        for _ in range(ROUNDS)
    ]
    assert median(rounds) <= MOST_OF_FLOOR
