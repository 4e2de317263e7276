"""No function process outlives the cloud, however either of them ends."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from functions_cloud import eventually, start
from processes import alive

from serverless_ai_local.admin import AdminCall

# A function that holds a process of its own and does not notice that anybody has gone.
STUBBORN = """
    import os, signal, subprocess, time
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    child = subprocess.Popen(["/bin/sleep", "600"])
    def handler(event, context):
        if event.get("hang"):
            with open(event["hang"], "w") as note:
                note.write(f"{os.getpid()} {child.pid}")
            time.sleep(600)
        return [os.getpid(), child.pid, os.environ["LAMBDA_TASK_ROOT"]]
"""
SERVER = """
import sys, threading
sys.path.insert(0, {tests!r})
from functions_cloud import start
cloud, stop = start()
name = cloud.function({code!r}, Timeout=600)
arn = "arn:aws:lambda:us-east-1:123456789012:function:" + name
print(*cloud.invoke(name), flush=True)
event = ('{{"hang": "%s"}}' % sys.argv[1]).encode()
threading.Thread(target=cloud.events.functions.invoke, args=(arn, event)).start()
print("started", flush=True)
sys.stdin.readline()
stop()
import os; os._exit(0)
"""


@pytest.mark.parametrize("end", ["stop", "kill"])
def test_nothing_is_left_after_the_server_stops_or_is_killed_in_the_middle_of_an_invocation(
    end: str, tmp_path: Path
) -> None:
    note = tmp_path / "note"
    program = SERVER.format(tests=str(Path(__file__).parent), code=STUBBORN)
    server = subprocess.Popen(
        [sys.executable, "-c", program, str(note)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert server.stdin is not None
    assert server.stdout is not None
    try:
        handler, child, root = server.stdout.readline().split()
        assert server.stdout.readline() == "started\n"
        eventually(lambda: note.exists() and note.read_text(), within=10)
        assert note.read_text() == f"{handler} {child}"
        assert alive(int(handler))
        assert alive(int(child))
        if end == "stop":
            server.stdin.write("\n")
            server.stdin.flush()
        else:
            server.send_signal(signal.SIGKILL)
        server.wait(10)
    finally:
        server.kill()
        server.communicate()
    eventually(lambda: not alive(int(handler)) and not alive(int(child)))
    eventually(lambda: not Path(root).exists())
    assert not Path(root).parent.parent.exists()


def test_an_unknown_runtime_client_is_refused_at_the_start(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LOCAL_LAMBDA_RUNTIME", "docker")
    with pytest.raises(
        ValueError, match="LOCAL_LAMBDA_RUNTIME must be one of own, awslambdaric, got 'docker'"
    ):
        start(runtime=None)


def test_a_stopped_cloud_runs_nothing_more() -> None:
    running, stop = start()
    name = running.function("import time\ndef handler(e, c): time.sleep(e.get('s', 0))")
    arn = "arn:aws:lambda:us-east-1:123456789012:function:" + name
    running.events.functions.invoke(arn, b"{}")
    route: Any = running.events.routes()["GET", "functions/environments"]
    shown = route(AdminCall(path={}, query={}, body=None))["environments"]
    pids = [one["pid"] for one in shown]
    assert [(one["function"], one["version"]) for one in shown] == [(name, "$LATEST")]
    stop()
    assert pids
    assert not any(alive(pid) for pid in pids)
    assert running.events.functions.environments() == []


def test_a_child_that_a_handler_leaves_behind_ends_with_its_environment(tmp_path: Path) -> None:
    running, stop = start()
    try:
        name = running.function(STUBBORN)
        _, child, _ = running.invoke(name)
        assert alive(child)
    finally:
        stop()
    eventually(lambda: not alive(child))
