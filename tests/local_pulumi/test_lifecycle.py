"""Preview, up, second up, change, removal, replacement and destroy of a program."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from processes import alive

from serverless_ai_local.doors.pulumi import UNKNOWN, ProgramError

QUEUES = """
dead = aws.sqs.Queue("dead", message_retention_seconds=600)
jobs = aws.sqs.Queue("jobs", visibility_timeout_seconds={timeout}, {extra}
    redrive_policy=dead.arn.apply(lambda arn: print("applied") or f'{{{{"deadLetterTargetArn":"{{arn}}"}}}}'))
pulumi.export("url", jobs.url)
"""


def queues(timeout: int = 30, extra: str = "") -> str:
    return QUEUES.format(timeout=timeout, extra=extra)


def test_a_preview_calls_nothing_and_knows_no_outputs(project, cloud, ops):
    project.write(queues())
    result = project.deployment().preview()
    assert ops(result) == {"dead": "create", "jobs": "create"}
    assert result.outputs == {"url": UNKNOWN}
    assert cloud.calls == []
    assert "applied" not in project.said
    assert not project.state_dir.exists()


def test_up_then_up_again_then_a_change_then_destroy(project, cloud, ops):
    project.write(queues())
    first = project.deployment().up()
    assert ops(first) == {"dead": "create", "jobs": "create"}
    assert cloud.taken() == [("create", "dead"), ("create", "jobs")]
    assert first.outputs["url"].startswith("https://jobs-")
    assert project.said == ["applied"]
    jobs = next(inputs for handle, inputs in cloud.live.items() if handle.startswith("jobs"))
    assert json.loads(jobs["redrivePolicy"])["deadLetterTargetArn"].startswith("arn:aws:x:us-east-1:")

    second = project.deployment().up()
    assert {step.op for step in second.steps} == {"same"}
    assert second.outputs == first.outputs
    assert cloud.taken() == []

    project.write(queues(timeout=60))
    preview = project.deployment().preview()
    third = project.deployment().up()
    changed = [(step.op, step.name, step.diff) for step in third.steps if step.op != "same"]
    assert changed == [("update", "jobs", ("visibilityTimeoutSeconds",))]
    assert [(step.op, step.diff) for step in preview.steps] == [(step.op, step.diff) for step in third.steps]
    assert cloud.taken() == [("update", "jobs")]
    assert third.outputs == first.outputs

    gone = project.deployment().destroy()
    assert ops(gone) == {"jobs": "delete", "dead": "delete"}
    assert cloud.taken() == [("delete", "jobs"), ("delete", "dead")]
    assert cloud.live == {}
    assert not (project.state_dir / "shop.dev.json").exists()


def test_the_graph_names_what_was_made_and_what_it_depends_on(project):
    project.write("""
    role = aws.iam.Role("jobs", assume_role_policy="{}")
    aws.sqs.Queue("jobs", policy=role.arn)
    """)
    graph = {one.name: one for one in project.deployment().up().graph}
    assert set(graph) == {"jobs (Role)", "jobs (Queue)"}
    assert graph["jobs (Queue)"].depends_on == ("jobs (Role)",)
    assert graph["jobs (Queue)"].physical_id.startswith("https://jobs-")


def test_what_leaves_the_program_is_deleted_after_the_rest_was_made(project, cloud, ops):
    project.write(queues())
    project.deployment().up()
    cloud.taken()
    project.write('aws.sqs.Queue("new")')
    assert ops(project.deployment().preview()) == {"new": "create", "jobs": "delete", "dead": "delete"}
    result = project.deployment().up()
    assert ops(result) == {"new": "create", "jobs": "delete", "dead": "delete"}
    assert cloud.taken() == [("create", "new"), ("delete", "jobs"), ("delete", "dead")]


def test_a_replacement_is_made_before_the_old_one_goes_and_gets_a_name_of_its_own(project, cloud, ops):
    project.write(queues())
    before = project.deployment().up().outputs["url"]
    cloud.taken()
    project.write(queues(extra="fifo_queue=True,"))
    assert ops(project.deployment().preview())["jobs"] == "replace"
    result = project.deployment().up()
    assert [(s.op, s.diff) for s in result.steps if s.name == "jobs"] == [("replace", ("fifoQueue",))]
    assert cloud.taken() == [("create", "jobs"), ("delete", "jobs")]
    assert result.outputs["url"] != before
    assert len(cloud.live) == 2
    assert {step.op for step in project.deployment().up().steps} == {"same"}


@pytest.mark.parametrize(
    "options",
    [
        'name="fixed", fifo_queue={fifo}',
        "fifo_queue={fifo}, opts=pulumi.ResourceOptions(delete_before_replace=True)",
    ],
    ids=["a name that was given", "delete_before_replace"],
)
def test_the_old_one_goes_first(project, cloud, options):
    for fifo in (False, True):
        project.write(f'aws.sqs.Queue("jobs", {options.format(fifo=fifo)})')
        project.deployment().up()
    assert cloud.taken() == [("create", "jobs"), ("delete", "jobs"), ("create", "jobs")]
    assert len(cloud.live) == 1


def test_an_up_that_fails_keeps_what_it_made_and_the_next_one_goes_on(project, cloud, ops):
    project.write(CHAIN)
    cloud.failing = {"second"}
    with pytest.raises(ProgramError) as failure:
        project.deployment().up()
    text = str(failure.value)
    assert "__main__.py:3: aws:sqs/queue:Queue 'second': second cannot be had" in text
    assert "kept in the stack's state" in text
    assert "third" not in text
    assert "Traceback" not in text
    assert [(step.op, step.name) for step in failure.value.steps] == [
        ("create", "shop-dev"),
        ("create", "first"),
    ]
    assert cloud.taken() == [("create", "first"), ("create", "second")]

    cloud.failing = set()
    result = project.deployment().up()
    assert ops(result) == {"first": "same", "second": "create", "third": "create"}
    assert result.warnings == ()


def test_a_failed_up_deletes_nothing(project, cloud):
    project.write('aws.sqs.Queue("old")')
    project.deployment().up()
    cloud.taken()
    project.write('aws.sqs.Queue("new")\nraise RuntimeError("boom")')
    with pytest.raises(ProgramError, match="boom"):
        project.deployment().up()
    assert ("delete", "old") not in cloud.calls


def test_a_failed_deletion_is_tried_again(project, cloud, ops):
    project.write(queues())
    project.deployment().up()
    cloud.failing = {"delete dead"}
    with pytest.raises(ProgramError, match="destroy: dead cannot be had") as failure:
        project.deployment().destroy()
    assert [step.name for step in failure.value.steps] == ["jobs"]
    cloud.failing = set()
    assert ops(project.deployment().destroy()) == {"dead": "delete"}
    assert cloud.live == {}


CHAIN = """
first = aws.sqs.Queue("first")
second = aws.sqs.Queue("second", opts=pulumi.ResourceOptions(depends_on=first))
third = aws.sqs.Queue("third", opts=pulumi.ResourceOptions(depends_on=second))
"""


@pytest.fixture
def listening() -> Iterator[None]:
    """Ctrl-C is heard, also where the tests run in the background of a script, whose shell turns it off."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.usefixtures("listening")
def test_ctrl_c_ends_what_was_begun_and_the_next_up_goes_on(project, cloud, ops):
    def interrupt(op: str, name: str) -> None:
        if name == "second":
            os.kill(os.getpid(), signal.SIGINT)
            time.sleep(0.2)  # the program is killed meanwhile

    project.write(CHAIN)
    cloud.hook = interrupt
    with pytest.raises(KeyboardInterrupt):
        project.deployment().up()
    assert cloud.taken() == [("create", "first"), ("create", "second")]
    cloud.hook = lambda op, name: None
    result = project.deployment().up()
    assert ops(result) == {"first": "same", "second": "same", "third": "create"}
    assert result.warnings == ()


KILLED = """
import sys, time
from pathlib import Path
sys.path.insert(0, {tests!r})
import conftest
project = conftest.Project(Path({folder!r}), conftest.FakeCloud())
def hang(op, name):
    if name == "second":
        print("begun", flush=True)
        time.sleep(60)
project.cloud.hook = hang
project.deployment().up()
"""


def test_what_died_without_a_word_is_told_of_next_time(project, ops):
    told = project.folder / "pid"
    project.write(
        f"import os\nfrom pathlib import Path\nPath({str(told)!r}).write_text(str(os.getpid()))\n{CHAIN}"
    )
    script = KILLED.format(tests=str(Path(__file__).parent), folder=str(project.folder))
    with subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout.readline() == "begun\n"
        process.kill()
    program = int(told.read_text())
    end = time.monotonic() + 30
    while alive(program):
        assert time.monotonic() < end, "the program outlived the engine"
        time.sleep(0.1)
    result = project.deployment().up()
    assert ops(result) == {"first": "same", "second": "create", "third": "create"}
    assert "Queue::second: a create was interrupted last time" in result.warnings[0]
    assert project.deployment().up().warnings == ()


@contextmanager
def status_of(pid: int) -> Generator[str]:
    """What the local cloud says about itself, and nothing else of it."""

    class Status(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200 if self.path == "/_local/status" else 404)
            self.end_headers()
            self.wfile.write(json.dumps({"pid": pid}).encode())

        def log_message(self, *arguments: object) -> None:
            """Quiet."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Status)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()


def test_a_cloud_that_was_started_anew_has_forgotten_the_stack(project, ops):
    project.write('aws.sqs.Queue("jobs")')
    found = []
    for pid in (11, 11, 12):
        with status_of(pid) as url:
            result = project.deployment(endpoint=url).up()
            found.append((ops(result)["jobs"], result.warnings))
    forgotten = ("the local cloud was started anew and has forgotten this stack",)
    assert found == [("create", ()), ("same", ()), ("create", forgotten)]


def test_a_duplicate_is_refused(project):
    project.write('aws.sqs.Queue("jobs")\naws.sqs.Queue("jobs")')
    with pytest.raises(ProgramError, match=r"duplicate resource URN .*Queue::jobs"):
        project.deployment().preview()


def test_independent_resources_are_made_in_parallel_without_losing_one(project, cloud):
    project.write("""
    for index in range(40):
        aws.sqs.Queue(f"queue-{index}")
    """)
    result = project.deployment().up()
    assert len(result.steps) == 41
    assert len(cloud.live) == 40
    assert len(json.loads(project.state)["resources"]) == 41
