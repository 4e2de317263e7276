"""`serverless-ai cloud`: what users do with it by hand, mistakes included."""

from __future__ import annotations

import json
import os
import signal
import socket

from commands_by_hand import Commands, eventually


def test_a_cloud_lives_from_start_to_stop(serverless_ai: Commands) -> None:
    started = serverless_ai("cloud", "start", "--port", "0")
    assert started.returncode == 0, started.stderr
    assert "nothing here is AWS" in started.stdout
    url = json.loads(serverless_ai("cloud", "env", "--json").stdout)["AWS_ENDPOINT_URL"]
    assert f"export AWS_ENDPOINT_URL={url}\n" in serverless_ai("cloud", "env").stdout
    assert url in serverless_ai("cloud", "status").stdout

    again = serverless_ai("cloud", "start", "--port", "0")
    assert (again.returncode, again.stderr.count("\n")) == (1, 1)
    assert f"already runs at {url}" in again.stderr

    unknown = serverless_ai("cloud", "fire", "no such/schedule")
    assert unknown.returncode == 1
    assert "no such/schedule" in unknown.stderr
    assert "Traceback" not in unknown.stderr

    assert serverless_ai("cloud", "stop").returncode == 0
    assert serverless_ai.processes() == []
    for arguments in (("stop",), ("status",), ("env",), ("fire", "daily")):
        done = serverless_ai("cloud", *arguments)
        assert done.returncode == 1
        assert "no local cloud is running" in done.stderr
        assert "serverless-ai cloud start" in done.stderr


def test_a_taken_port_is_said_in_a_line_and_another_cloud_is_not_disturbed(serverless_ai: Commands) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        done = serverless_ai("cloud", "start", "--port", str(port))
    assert done.returncode == 1
    assert f"port {port} of 127.0.0.1 cannot be had: Address already in use" in done.stderr
    assert "Traceback" not in done.stderr
    assert serverless_ai.processes() == []


def test_two_clouds_live_side_by_side(serverless_ai: Commands) -> None:
    other = {"SERVERLESS_AI_STATE_DIR": str(serverless_ai.folder / "other")}
    assert serverless_ai("cloud", "start", "--port", "0").returncode == 0
    assert serverless_ai("cloud", "start", "--port", "0", **other).returncode == 0
    first, second = serverless_ai("cloud", "status"), serverless_ai("cloud", "status", **other)
    assert first.stdout != second.stdout
    assert serverless_ai("cloud", "stop", **other).returncode == 0
    assert serverless_ai("cloud", "status").stdout == first.stdout


def test_what_cannot_be_started_is_said_without_a_traceback(serverless_ai: Commands) -> None:
    (serverless_ai.folder / "file").write_text("")
    below_a_file = {"SERVERLESS_AI_STATE_DIR": str(serverless_ai.folder / "file" / "state")}
    for arguments, variables, said in (
        (("--port", "0"), below_a_file, "cannot be written: Not a directory"),
        (("--port", "70000"), {}, "0<=x<=65535"),
        (("--port", "0"), {"LOCAL_MODEL_URL": "nonsense"}, "LOCAL_MODEL_URL must be"),
    ):
        done = serverless_ai("cloud", "start", *arguments, **variables)
        assert done.returncode != 0
        assert said in done.stderr
        assert "Traceback" not in done.stderr
    assert serverless_ai.processes() == []


def test_a_note_of_a_cloud_that_crashed_is_overwritten(serverless_ai: Commands) -> None:
    serverless_ai.state.mkdir()
    (serverless_ai.state / "cloud.json").write_text('{"pid": 1, "port": 1, "url": "http://127.0.0.1:1"}')
    assert serverless_ai("cloud", "stop").returncode == 1
    assert serverless_ai("cloud", "start", "--port", "0").returncode == 0
    assert serverless_ai("cloud", "stop").returncode == 0


def test_ctrl_c_while_it_starts_leaves_nothing_running(serverless_ai: Commands) -> None:
    starting = serverless_ai.begun("cloud", "start", "--port", "0")
    eventually(lambda: any("serverless_ai_local.server" in line for line in serverless_ai.processes()))
    os.killpg(starting.pid, signal.SIGINT)
    assert starting.communicate(timeout=30)[0].strip() == "Aborted!"
    assert starting.returncode == 1
    assert serverless_ai.processes() == []
