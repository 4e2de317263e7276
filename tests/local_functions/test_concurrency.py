"""Many invocations at a time: one process each, and the limits that were deployed."""

from __future__ import annotations

import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from botocore.exceptions import ClientError
from functions_cloud import WAIT, LocalCloud, eventually, start

from serverless_ai_local.functions import Limits

SLOW = (
    WAIT
    + """
    def handler(event, context):
        wait(event)
        return os.getpid()
"""
)
TOGETHER = """
    import os, time
    def handler(event, context):
        open(os.path.join(event["directory"], str(os.getpid())), "w").close()
        until = time.monotonic() + 20
        while len(os.listdir(event["directory"])) < event["count"] and time.monotonic() < until:
            time.sleep(0.01)
        return os.getpid()
"""
ARN = "arn:aws:lambda:us-east-1:123456789012:function:"


def test_concurrent_invocations_run_in_as_many_processes_that_are_reused_later(
    cloud: LocalCloud, tmp_path: Any
) -> None:
    name = cloud.function(TOGETHER, Timeout=30)

    def pid(count: int) -> int:
        event = json.dumps({"directory": str(tmp_path), "count": count}).encode()
        return json.loads(cloud.events.functions.invoke(ARN + name, event).payload)

    with ThreadPoolExecutor(4) as pool:
        first = list(pool.map(pid, [4] * 4))
    assert len(set(first)) == 4
    assert {pid(0) for _ in range(4)} <= set(first)


def test_reserved_concurrency_throttles_with_429_and_lambdas_reason(cloud: LocalCloud, tmp_path: Any) -> None:
    name, until = cloud.function(SLOW, Timeout=30), tmp_path / "until"
    cloud.client("lambda").put_function_concurrency(FunctionName=name, ReservedConcurrentExecutions=1)
    with ThreadPoolExecutor(1) as pool:
        event = json.dumps({"until": str(until)}).encode()
        running = pool.submit(cloud.events.functions.invoke, ARN + name, event)
        eventually(lambda: cloud.events.functions.invoke(ARN + name, b"{}").status == 429)
        with pytest.raises(ClientError) as refused:
            cloud.raw(name, {})
        until.touch()
        assert running.result().error is None
    answer = refused.value.response
    assert answer["ResponseMetadata"]["HTTPStatusCode"] == 429
    assert answer["Error"]["Code"] == "TooManyRequestsException"
    assert answer["Reason"] == "ReservedFunctionConcurrentInvocationLimitExceeded"
    cloud.client("lambda").delete_function_concurrency(FunctionName=name)
    assert cloud.invoke(name) > 0


def test_a_function_reserved_to_zero_never_runs(cloud: LocalCloud) -> None:
    name = cloud.function(SLOW)
    cloud.client("lambda").put_function_concurrency(FunctionName=name, ReservedConcurrentExecutions=0)
    assert cloud.events.functions.invoke(ARN + name, b"{}").status == 429
    cloud.client("lambda").delete_function_concurrency(FunctionName=name)
    assert cloud.invoke(name) > 0


def test_reservations_leave_a_hundred_to_the_other_functions(cloud: LocalCloud) -> None:
    name = cloud.function(SLOW)
    with pytest.raises(ClientError, match=r"below its minimum value of \[100\]"):
        cloud.client("lambda").put_function_concurrency(FunctionName=name, ReservedConcurrentExecutions=990)


@pytest.fixture(scope="module")
def small() -> Iterator[LocalCloud]:
    running, stop = start(limits=Limits(account_concurrency=1, idle_s=0.1))
    yield running
    stop()


def test_the_accounts_limit_throttles_what_has_no_reservation(small: LocalCloud, tmp_path: Any) -> None:
    name, until = small.function(SLOW, Timeout=30), tmp_path / "until"
    with ThreadPoolExecutor(1) as pool:
        event = json.dumps({"until": str(until)}).encode()
        running = pool.submit(small.events.functions.invoke, ARN + name, event)
        refused = eventually(
            lambda: (answer := small.events.functions.invoke(ARN + name, b"{}")).status == 429 and answer
        )
        until.touch()
        assert running.result().error is None
    assert json.loads(refused.payload)["Reason"] == "ConcurrentInvocationLimitExceeded"


def test_idle_environments_end_after_a_while(small: LocalCloud) -> None:
    name = small.function(SLOW)
    small.invoke(name)
    eventually(
        lambda: not [one for one in small.events.functions.environments() if one.deployed.name == name]
    )
    assert small.invoke(name) > 0


def test_memory_over_the_limit_kills_the_process(cloud: LocalCloud) -> None:
    code = """
        import time
        def handler(event, context):
            if event.get("mb"):
                block = bytearray(event["mb"] << 20)
                time.sleep(5)
            return "small"
    """
    name = cloud.function(code, MemorySize=128)
    failure = cloud.error(name, {"mb": 200})
    assert failure["errorType"] == "Runtime.OutOfMemory"
    assert failure["errorMessage"].endswith("signal: killed")
    assert cloud.invoke(name) == "small"
