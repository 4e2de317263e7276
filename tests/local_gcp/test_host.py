"""The life of a function's instances: cold and warm, full, slow, broken, deployed anew, deleted, orphaned."""

from __future__ import annotations

import http.client
import json
import os
import signal
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from google_local import HERE, Answer, Local, function_inputs, zipped
from processes import alive

from serverless_ai_local import launch
from serverless_ai_local.gcp import types
from serverless_ai_local.gcp.project import PROJECT, REGION

PID = "import os\ndef go(request):\n    return str(os.getpid())\n"
ENV = "import json, os\ndef go(request):\n    return json.dumps(dict(os.environ))\n"
SLOW = """
import os, time
def go(request):
    time.sleep(float(request.get_data() or 0))
    return str(os.getpid())
"""


def eventually(look: Callable[[], Any], within: float = 10.0) -> Any:
    end = time.monotonic() + within
    while not (found := look()):
        assert time.monotonic() < end, "it did not happen"
        time.sleep(0.05)
    return found


def instances(local: Local) -> list[dict[str, Any]]:
    return local.admin("GET", "gcp/functions/instances")["instances"]


def lines(local: Local, name: str = "fn") -> list[dict[str, Any]]:
    return local.admin("GET", f"gcp/functions/{name}/logs")["entries"]


def test_nothing_runs_until_somebody_asks_and_then_it_stays_warm(local: Local) -> None:
    fn = local.function(PID)
    assert instances(local) == []
    first, second = local.ask(fn["url"]), local.ask(fn["url"])
    assert (first.status, first.body) == (200, second.body)
    assert len(instances(local)) == 1


def test_the_environment_is_cloud_runs_and_holds_nothing_of_this_machines(
    local: Local, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("A_SECRET_OF_THE_HOST", "x")
    monkeypatch.setenv("PYTHONPATH", "/tmp")
    fn = local.function(ENV, environmentVariables={"MINE": "yes", "PORT": "1"})
    seen = json.loads(str(local.ask(fn["url"]).body))
    assert seen["MINE"] == "yes"
    assert seen["PORT"] != "1", "what Cloud Run sets cannot be set"
    assert (seen["K_SERVICE"], seen["K_CONFIGURATION"], seen["FUNCTION_TARGET"]) == ("fn", "fn", "go")
    assert seen["K_REVISION"].startswith("fn-")
    for name in ("FIRESTORE_EMULATOR_HOST", "PUBSUB_EMULATOR_HOST"):
        assert seen[name] == local.url.removeprefix("http://")
    assert seen["SERVERLESS_AI_VERTEX_ENDPOINT"] == local.url
    assert not {"A_SECRET_OF_THE_HOST", "PYTHONPATH", "AWS_SECRET_ACCESS_KEY", "USER"} & set(seen)


def test_each_function_has_its_own_account_by_googles_own_library(local: Local) -> None:
    source = """
import json, os
from google.auth.compute_engine import _metadata
from google.auth.transport.requests import Request
def go(request):
    root = f"http://{os.environ['GCE_METADATA_HOST']}/computeMetadata/v1/"
    get = lambda path, **more: _metadata.get(Request(), path, root=root, **more)
    account = "instance/service-accounts/default/"
    return json.dumps({
        "on": _metadata.ping(Request(), timeout=2), "email": get(account + "email"),
        "project": get("project/project-id"), "token": get(account + "token"),
        "identity": get(account + "identity", params={"audience": "https://x.example"}),
        "info": _metadata.get_service_account_info(Request()),
    })
"""
    seen = [json.loads(str(local.ask(local.function(source, name)["url"]).body)) for name in ("one", "two")]
    assert [one["email"].split("@")[0] for one in seen] == ["one-self", "two-self"]
    assert seen[0]["on"] is True
    assert seen[0]["project"] == PROJECT
    assert 0 < seen[0]["token"]["expires_in"] <= 3600
    assert seen[0]["info"]["email"] == seen[0]["email"]
    path = f"/v1/{HERE}/databases/state/documents:batchGet"
    assert local.send("POST", path, {}, seen[0]["token"]["access_token"]).status == 403, "known, not granted"


def test_without_the_header_the_metadata_server_says_nothing(local: Local) -> None:
    source = """
import os, urllib.request, urllib.error
def go(request):
    url = f"http://{os.environ['GCE_METADATA_HOST']}/computeMetadata/v1/instance/service-accounts/default/token"
    try:
        return urllib.request.urlopen(url).read()
    except urllib.error.HTTPError as error:
        return str(error.code)
"""
    assert local.ask(local.function(source)["url"]).body == "403"


def test_the_zips_own_modules_win_over_what_is_installed_here(local: Local) -> None:
    source = "import serverless_ai_runtime\ndef go(request):\n    return serverless_ai_runtime.WHO\n"
    fn = local.function(source)
    files = {"main.py": source, "serverless_ai_runtime/__init__.py": "WHO = 'from the zip'\n"}
    local.make(types.OBJECT, zipped(files), bucket="fn-source", name="new.zip", source={})
    builder = f"{HERE}/serviceAccounts/fn-build@{PROJECT}.iam.gserviceaccount.com"
    local.remake(fn, **function_inputs("fn", fn["email"], builder, "new.zip"))
    assert local.ask(fn["url"]).body == "from the zip"


def test_requests_share_an_instance_up_to_its_concurrency_and_no_more_are_made_than_allowed(
    local: Local,
) -> None:
    fn = local.function(SLOW, maxInstanceRequestConcurrency=2, maxInstanceCount=2, availableCpu="1",
                        environmentVariables={"THREADS": "8"})  # fmt: skip
    with ThreadPoolExecutor(6) as pool:
        answers = list(pool.map(lambda _: local.ask(fn["url"], body=b"0.7"), range(6)))
    assert [one.status for one in answers] == [200] * 6
    assert len({one.body for one in answers}) == 2
    assert len(instances(local)) == 2


def test_over_the_timeout_the_answer_is_504_and_the_instance_goes_on(local: Local) -> None:
    fn = local.function(SLOW, timeoutSeconds=1)
    warm = local.ask(fn["url"], body=b"0")
    started = time.monotonic()
    answer = local.ask(fn["url"], body=b"60")
    assert (answer.status, answer.body) == (504, "upstream request timeout")
    assert time.monotonic() - started < 40
    assert instances(local)[0]["pid"] > 0
    assert warm.status == 200


def test_a_function_that_raises_is_500_and_its_log_has_the_traceback(local: Local) -> None:
    fn = local.function("def go(request):\n    raise ValueError('on purpose')\n")
    assert local.ask(fn["url"]).status == 500
    eventually(lambda: "on purpose" in str(lines(local)))


def test_an_instance_that_dies_is_replaced(local: Local) -> None:
    fn = local.function(
        "import os, signal\ndef go(request):\n    if request.get_data():\n"
        "        os.killpg(os.getpgid(0), signal.SIGKILL)\n    return str(os.getpid())\n"
    )
    assert local.ask(fn["url"]).status == 200
    assert local.ask(fn["url"], body=b"die").status == 503
    assert eventually(lambda: local.ask(fn["url"]).status == 200)
    assert len(instances(local)) == 1


@pytest.mark.parametrize(
    ("source", "says"),
    [
        ("def other(request):\n    return ''\n", "go"),
        ("import nothing_like_it\n", "nothing_like_it"),
        ("raise SystemExit(3)\n", "exit code"),
    ],
)
def test_a_function_that_cannot_start_is_503_and_its_log_says_why(
    local: Local, source: str, says: str
) -> None:
    fn = local.function(source)
    assert local.ask(fn["url"]).status == 503
    assert says in str(lines(local))
    assert instances(local) == []


def test_a_source_that_is_no_zip_is_503_and_says_so(local: Local) -> None:
    fn = local.function(PID)
    local.make(types.OBJECT, b"no zip", bucket="fn-source", name="new.zip", source={})
    builder = f"{HERE}/serviceAccounts/fn-build@{PROJECT}.iam.gserviceaccount.com"
    local.remake(fn, **function_inputs("fn", fn["email"], builder, "new.zip"))
    assert local.ask(fn["url"]).status == 503
    assert "not a zip" in str(lines(local))


def test_another_environment_or_source_is_another_revision_and_what_is_under_way_ends_well(
    local: Local,
) -> None:
    fn = local.function(SLOW, maxInstanceRequestConcurrency=4, availableCpu="1")
    builder = f"{HERE}/serviceAccounts/fn-build@{PROJECT}.iam.gserviceaccount.com"
    before = local.ask(fn["url"]).body
    with ThreadPoolExecutor(1) as pool:
        slow = pool.submit(local.ask, fn["url"], "/", b"1.5")
        time.sleep(0.3)
        changed = function_inputs("fn", fn["email"], builder, environmentVariables={"A": "b"},
                                  maxInstanceRequestConcurrency=4, availableCpu="1")  # fmt: skip
        local.remake(fn, **changed)
        after = local.ask(fn["url"]).body
        done: Answer = slow.result()
    assert (done.status, done.body) == (200, before)
    assert after != before
    eventually(lambda: len(instances(local)) == 1)
    assert local.ask(fn["url"]).body == after


def test_a_deleted_function_leaves_no_process(local: Local) -> None:
    fn = local.function(PID)
    pid = int(str(local.ask(fn["url"]).body))
    local.drop(fn)
    assert local.ask(fn["url"]).status == 404
    assert eventually(lambda: not alive(pid))


def test_lines_are_kept_as_cloud_logging_keeps_them(local: Local) -> None:
    printed = """print('{"severity": "INFO", "a": 1}'); print('plain')"""
    fn = local.function(f"def go(request):\n    {printed}\n    return ''\n")
    local.ask(fn["url"])
    eventually(lambda: len(lines(local)) >= 2)
    payloads = [one.get("jsonPayload") or one.get("textPayload") for one in lines(local)]
    assert payloads == [{"severity": "INFO", "a": 1}, "plain"]
    assert lines(local)[0]["resource"]["labels"] == {"service_name": "fn"}


def test_a_killed_cloud_leaves_no_function_process(tmp_path: Path) -> None:
    cloud = launch.start(tmp_path)
    local = Local(cloud.url, None)  # type: ignore[arg-type] - the model is in the other process
    pid = int(str(local.ask(local.function(PID)["url"]).body))
    assert alive(pid)
    os.kill(cloud.pid, signal.SIGKILL)
    assert eventually(lambda: not alive(pid))


def test_what_cannot_run_is_refused_when_deployed(local: Local) -> None:
    fn = local.function(PID)
    email, builder = fn["email"], f"{HERE}/serviceAccounts/fn-build@{PROJECT}.iam.gserviceaccount.com"
    good = function_inputs("other", email, builder)
    good["buildConfig"]["source"]["storageSource"]["bucket"] = "fn-source"
    cases = {
        "Python": {**good, "buildConfig": {**good["buildConfig"], "runtime": "nodejs22"}},
        "source object": function_inputs("none", email, builder),
        "cpu < 1": {**good, "serviceConfig": {**good["serviceConfig"], "availableCpu": "0.5",
                                              "maxInstanceRequestConcurrency": 2}},
        "ingress_settings": {**good, "serviceConfig": {**good["serviceConfig"],
                                                       "ingressSettings": "ALLOW_INTERNAL_ONLY"}},
        "default service account": {**good, "serviceConfig": {}},
    }  # fmt: skip
    for words, inputs in cases.items():
        assert words in local.refused(types.FUNCTION, **inputs), words
    unbuilt = local.account("nobody")
    poor = {
        **good,
        "buildConfig": {**good["buildConfig"], "serviceAccount": f"{HERE}/serviceAccounts/{unbuilt}"},
    }
    assert "storage.objects.get" in local.refused(types.FUNCTION, **poor)
    assert REGION in local.make(types.FUNCTION, **good)["id"]


PIECES = """
import os, time
def go(request):
    def pieces():
        yield "first "
        while not os.path.exists("SIGN"):
            time.sleep(0.01)
        yield "second"
    return pieces(), 200, {"content-type": "text/event-stream"}
"""


def test_what_a_function_writes_piece_by_piece_is_passed_on_as_it_comes(local: Local, tmp_path: Path) -> None:
    sign = tmp_path / "sign"
    fn = local.function(PIECES.replace("SIGN", str(sign)), maxInstanceCount=1)
    parts = urlsplit(fn["url"])
    bearer = {"authorization": f"Bearer {local.id_token('ada@example.com', fn['url'])}"}
    connection = http.client.HTTPConnection(parts.netloc, timeout=20)
    connection.request("POST", parts.path, headers=bearer)
    response = connection.getresponse()
    assert response.headers["content-type"] == "text/event-stream"
    assert response.read1() == b"first ", "before the function knows the rest"
    sign.touch()
    assert response.read() == b"second"
    connection.close()
    assert local.ask(fn["url"]).status == 200, "its place is free again"
