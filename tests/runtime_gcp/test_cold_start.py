"""A cold start pays for every import of ours; what the host itself loads is not ours to choose."""

from __future__ import annotations

import json
import resource
import shutil
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from statistics import median

import pytest
from google_calls import id_token
from google_fakes import ENDPOINT, Google

import serverless_ai_runtime
from serverless_ai_runtime.config import FunctionLlmConfig, GcpEdgeConfig, to_env

BANNED = {
    "asyncio", "base64", "dataclasses", "inspect", "logging", "pydoc", "random", "secrets", "subprocess",
    "traceback", "unittest", "urllib.request", "uuid", "zipfile",
}  # fmt: skip
NOT_WHEN_STATELESS = {
    "adapters.gcp.errors", "adapters.gcp.events", "adapters.gcp.firestore", "adapters.gcp.pubsub",
    "adapters.gcp.vertex_stream", "adapters.sse", "core.budget", "core.idempotency", "core.records",
    "core.sessions",
}  # fmt: skip
ALLOWED = {"__future__", "_typing", "_weakrefset", "contextlib", "threading", "typing"}
MOST_OF_FLOOR = 2.0
ROUNDS = 9

STATELESS = FunctionLlmConfig(
    "gemini-3.5-flash-lite", "be brief", 64, 1000, 0, 0, 0, 0, "", "", "", "",
    log_content=False, model_endpoint=ENDPOINT,
)  # fmt: skip
EDGE = GcpEdgeConfig("", "", 10, 20, timeout_s=20, dead_letters="", max_deliveries=5)

FLOOR = """
import http.client, json, sys
def ask(method, path, body, **headers):
    connection = http.client.HTTPConnection("127.0.0.1", int(sys.argv[1]))
    connection.request(method, path, body, headers)
    return json.loads(connection.getresponse().read())
path = "/computeMetadata/v1/instance/service-accounts/default/token"
token = ask("GET", path, None, **{"metadata-flavor": "Google"})["access_token"]
contents = {"contents": [{"parts": [{"text": "hi"}]}]}
path = "/v1/projects/p1/locations/global/publishers/google/models/m:generateContent"
print(ask("POST", path, json.dumps(contents), authorization="Bearer " + token)["candidates"][0])
"""

HANDLER = """
import json, sys
sys.path.insert(0, sys.argv[1])
from serverless_ai_runtime.entrypoints.gcp_functions import Request, function_llm
headers = {"authorization": "Bearer " + sys.argv[2]}
response = function_llm().handle(Request("POST", "/chat", headers, b'{"message": "hi"}'))
assert response.status == 200, response
"""

TOKEN = id_token(iss="https://accounts.google.com", sub="1")


@pytest.fixture
def source(tmp_path: Path) -> Path:
    """The runtime as it lies in the zip: without bytecode."""
    package = Path(serverless_ai_runtime.__file__).parent
    shutil.copytree(package, tmp_path / package.name, ignore=shutil.ignore_patterns("__pycache__"))
    return tmp_path


@pytest.fixture
def env(google: Google) -> dict[str, str]:
    return {**to_env(STATELESS), **to_env(EDGE), **google.environment()}


def run(code: str, *arguments: str, env: Mapping[str, str]) -> tuple[float, str]:
    """CPU seconds from the start of the process to its end, and what it printed."""
    command = [sys.executable, "-I", "-S", "-B", "-c", code, *arguments]
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    done = subprocess.run(command, env=dict(env), capture_output=True, text=True, timeout=30, check=False)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    assert done.returncode == 0, done.stderr
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime, done.stdout


def test_only_what_is_needed_is_imported(source: Path, env: dict[str, str]) -> None:
    listing = "\nprint(json.dumps(sorted(sys.modules)))"
    floor = set(json.loads(run("import http.client, json, sys" + listing, env=env)[1]))
    ours = set(json.loads(run(HANDLER + listing, str(source), TOKEN, env=env)[1].splitlines()[-1]))
    added = ours - floor
    assert added & BANNED == set()
    own = {name for name in added if name.startswith("serverless_ai_runtime")}
    assert own & {f"serverless_ai_runtime.{name}" for name in NOT_WHEN_STATELESS} == set()
    others = {name.partition(".")[0] for name in added - own}
    assert others <= ALLOWED


def test_the_first_answer_comes_soon_after_bare_http_calls(
    google: Google, source: Path, env: dict[str, str]
) -> None:
    port = google.host.rpartition(":")[2]
    rounds = [
        run(HANDLER, str(source), TOKEN, env=env)[0] / run(FLOOR, port, env=env)[0] for _ in range(ROUNDS)
    ]
    assert median(rounds) <= MOST_OF_FLOOR
