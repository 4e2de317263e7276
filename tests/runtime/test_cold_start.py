"""A cold start pays for every import: what is loaded, and how long the first answer takes."""

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
from loopback import Loopback, loopback, reply
from test_aws_lambda import ANSWER, STATELESS, environment, request

import serverless_ai_runtime
from serverless_ai_runtime.entrypoints import aws_lambda

BANNED = {
    "asyncio", "base64", "dataclasses", "inspect", "logging", "pydoc", "random", "secrets", "subprocess",
    "traceback", "unittest", "urllib.request", "uuid", "zipfile",
}  # fmt: skip
NOT_WHEN_STATELESS = {
    "adapters.aws.converse_stream", "adapters.aws.dynamodb", "adapters.aws.errors",
    "adapters.aws.eventstream", "adapters.aws.sqs", "core.budget", "core.idempotency", "core.sessions",
}  # fmt: skip
MOST_OF_FLOOR = 2.0
ROUNDS = 15

FLOOR = """
import http.client, json, sys
connection = http.client.HTTPConnection("127.0.0.1", int(sys.argv[1]))
connection.request("POST", "/model/m/converse", json.dumps({"a": 1}), {"Content-Type": "application/json"})
print(json.loads(connection.getresponse().read())["stopReason"])
"""

HANDLER = """
import json, sys
sys.path.insert(0, sys.argv[1])
from serverless_ai_runtime.entrypoints.aws_lambda import function_llm
class Context:
    aws_request_id = "r"
    def get_remaining_time_in_millis(self): return 10000
response = function_llm(json.loads(sys.argv[2]), Context())
assert response["statusCode"] == 200, response
"""

EVENT = json.dumps(request({"message": "hi"}))


@pytest.fixture(scope="module")
def server() -> Iterator[Loopback]:
    with loopback() as running:
        running.answer(reply(body=ANSWER))
        yield running


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The runtime as it lies in the zip: without bytecode."""
    root = tmp_path_factory.mktemp("zip")
    package = Path(serverless_ai_runtime.__file__).parent
    shutil.copytree(package, root / package.name, ignore=shutil.ignore_patterns("__pycache__"))
    return root


def run(code: str, *arguments: str, env: Mapping[str, str]) -> tuple[float, str]:
    """CPU seconds from the start of the process to its end, and what it printed.

    Both ends are on this machine, so that there is nothing to wait for; and unlike the clock's, CPU time does
    not depend on what else the machine is doing.
    """
    command = [sys.executable, "-I", "-S", "-B", "-c", code, *arguments]
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    done = subprocess.run(command, env=dict(env), capture_output=True, text=True, timeout=30, check=False)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    assert done.returncode == 0, done.stderr
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime, done.stdout


@pytest.fixture(scope="module")
def env(server: Loopback) -> dict[str, str]:
    return environment(server, STATELESS) | {"_HANDLER": f"{aws_lambda.__name__}.function_llm"}


def test_only_what_is_needed_is_imported(source: Path, env: dict[str, str]) -> None:
    listing = "\nprint(json.dumps(sorted(sys.modules)))"
    floor = set(json.loads(run("import http.client, json, sys" + listing, env=env)[1]))
    ours = set(json.loads(run(HANDLER + listing, str(source), EVENT, env=env)[1].splitlines()[-1]))
    added = ours - floor
    assert added & BANNED == set()
    own = {name for name in added if name.startswith("serverless_ai_runtime")}
    assert own & {f"serverless_ai_runtime.{name}" for name in NOT_WHEN_STATELESS} == set()
    others = {name.partition(".")[0] for name in added - own}
    assert others <= {
        "__future__",
        "_typing",
        "contextlib",
        "typing",
        "hashlib",
        "_hashlib",
        "_blake2",
        "hmac",
    }


def test_the_first_answer_comes_soon_after_a_bare_http_call(
    server: Loopback, source: Path, env: dict[str, str]
) -> None:
    port = server.url.rpartition(":")[2]
    rounds = [
        run(HANDLER, str(source), EVENT, env=env)[0] / run(FLOOR, port, env=env)[0] for _ in range(ROUNDS)
    ]
    assert median(rounds) <= MOST_OF_FLOOR
