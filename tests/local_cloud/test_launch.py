"""Starting, finding and stopping the local cloud as a process."""

from __future__ import annotations

import io
import json
import os
import signal
import subprocess
import sys
import time
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest
from processes import alive

from serverless_ai_local import launch
from serverless_ai_local.launch import CloudError, RunningCloud


def eventually(look: Callable[[], bool], within: float = 10.0) -> None:
    end = time.monotonic() + within
    while not look():
        assert time.monotonic() < end, "it did not happen in time"
        time.sleep(0.02)


def test_a_cloud_is_started_found_and_stopped(tmp_path: Path) -> None:
    assert launch.find(tmp_path) is None
    cloud = launch.start(tmp_path, env={"LOCAL_MODEL_URL": ""}, parent=os.getpid())
    try:
        assert launch.find(tmp_path) == cloud
        assert cloud.admin("GET", "status") == {
            "status": "ready",
            "url": cloud.url,
            "pid": cloud.pid,
            "local": True,
        }
        assert cloud.env()["AWS_ENDPOINT_URL"] == cloud.url == f"http://127.0.0.1:{cloud.port}"
        with pytest.raises(CloudError, match=f"already runs at {cloud.url}"):
            launch.start(tmp_path)
        with pytest.raises(CloudError, match=r"404.*no GET /_local/nonsense"):
            cloud.admin("GET", "nonsense")
    finally:
        cloud.stop()
    assert not alive(cloud.pid)
    assert launch.find(tmp_path) is None
    assert not (tmp_path / "cloud.json").exists()
    cloud.stop()
    with pytest.raises(CloudError, match="does not answer"):
        cloud.admin("GET", "status")


@pytest.mark.parametrize(
    "note",
    [
        "",
        "not json",
        "[]",
        "{}",
        '{"pid": 1, "port": 1, "url": "http://127.0.0.1:1"}',
        '{"pid": "x", "port": "y", "url": null}',
    ],
)
def test_a_note_left_behind_is_not_a_cloud(tmp_path: Path, note: str) -> None:
    (tmp_path / "cloud.json").write_text(note)
    assert launch.find(tmp_path) is None


def test_a_note_that_names_another_process_is_not_this_cloud(cloud: RunningCloud, tmp_path: Path) -> None:
    note = {"pid": os.getpid(), "port": cloud.port, "url": cloud.url}
    (tmp_path / "cloud.json").write_text(json.dumps(note))
    assert launch.find(tmp_path) is None


def test_what_keeps_it_from_starting_is_told(cloud: RunningCloud, tmp_path: Path) -> None:
    with pytest.raises(CloudError, match=r"(?s)did not start.*Address already in use"):
        launch.start(tmp_path / "a", port=cloud.port)
    with pytest.raises(CloudError, match=r"(?s)did not start.*LOCAL_MODEL_URL"):
        launch.start(tmp_path / "b", env={"LOCAL_MODEL_URL": "nonsense"})


def _deploy(cloud: RunningCloud, name: str) -> int:
    """A function that says its process id; returns it."""
    trust = {"Effect": "Allow", "Principal": {"Service": "lambda.amazonaws.com"}, "Action": "sts:AssumeRole"}
    document = json.dumps({"Version": "2012-10-17", "Statement": [trust]})
    role = cloud.client("iam").create_role(RoleName=name, AssumeRolePolicyDocument=document)["Role"]
    code = io.BytesIO()
    with zipfile.ZipFile(code, "w") as archive:
        archive.writestr("app.py", "import os\ndef handler(event, context):\n    return os.getpid()\n")
    functions = cloud.client("lambda")
    functions.create_function(
        FunctionName=name,
        Role=role["Arn"],
        Handler="app.handler",
        Runtime="python3.13",
        Code={"ZipFile": code.getvalue()},
    )
    return int(json.loads(functions.invoke(FunctionName=name)["Payload"].read()))


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGKILL])
def test_no_function_process_outlives_it(tmp_path: Path, number: signal.Signals) -> None:
    cloud = launch.start(tmp_path, parent=os.getpid())
    function = _deploy(cloud, "one")
    assert alive(function)
    os.kill(cloud.pid, number)
    eventually(lambda: not alive(cloud.pid))
    eventually(lambda: not alive(function))
    cloud.stop()
    assert launch.find(tmp_path) is None


def test_it_ends_when_its_parent_is_killed(tmp_path: Path) -> None:
    program = f"""
import os, pathlib, time
from serverless_ai_local import launch
cloud = launch.start(pathlib.Path({str(tmp_path)!r}), parent=os.getpid())
print(cloud.pid, flush=True)
time.sleep(60)
"""
    with subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, text=True) as parent:
        assert parent.stdout is not None
        pid = int(parent.stdout.readline())
        assert alive(pid)
        parent.kill()
        parent.wait()
    eventually(lambda: not alive(pid))
    assert launch.find(tmp_path) is None
