"""Tokens of the service account: asked for once, kept while they are good, whatever the clocks do."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from loopback import Loopback, Script, raw, reply, stall
from memory_ports import Clock

from serverless_ai_runtime.adapters.gcp.identity import MARGIN_S, SCOPE, metadata_tokens
from serverless_ai_runtime.core.ports import Deadline, Refused, ServiceError, TimedOut, Unavailable
from serverless_ai_runtime.http import HttpClient

HOUR = 3600.0


def issued(name: str = "t1", expires_in: object = 3600) -> Script:
    return reply(body={"access_token": name, "expires_in": expires_in, "token_type": "Bearer"})


class Instance:
    """A function's view of its metadata server, on two clocks that the test sets apart."""

    def __init__(self, server: Loopback) -> None:
        self.wall, self.steady = Clock(), Clock(1000.0)
        world = self.wall.world()
        self.tokens = metadata_tokens(HttpClient(world), world, server.url, self.steady)

    def get(self, seconds: float = 5) -> str:
        return self.tokens.get(SCOPE, Deadline(seconds))

    def pass_time(self, seconds: float) -> None:
        self.wall.now += seconds
        self.steady.now += seconds


@pytest.fixture
def instance(server: Loopback) -> Instance:
    return Instance(server)


def test_the_metadata_server_is_asked_as_google_says(server: Loopback, instance: Instance) -> None:
    server.answer(issued())
    assert instance.get() == "t1"
    (sent,) = server.requests
    assert (sent.method, sent.target) == (
        "GET",
        "/computeMetadata/v1/instance/service-accounts/default/token",
    )
    assert sent.headers["metadata-flavor"] == "Google"


def test_a_token_is_replaced_before_it_expires(server: Loopback, instance: Instance) -> None:
    server.answer(issued("t1"), issued("t2"))
    instance.get()
    instance.pass_time(HOUR - MARGIN_S - 1)
    assert instance.get() == "t1"
    instance.pass_time(1)
    assert instance.get() == "t2"


@pytest.mark.parametrize("jump", [10 * 365 * 24 * HOUR, HOUR])
def test_a_clock_that_jumps_ahead_costs_one_request_and_no_more(
    server: Loopback, instance: Instance, jump: float
) -> None:
    server.answer(issued("t1"), issued("t2"))
    instance.get()
    instance.wall.now += jump
    assert [instance.get() for _ in range(3)] == ["t2"] * 3
    assert len(server.requests) == 2


def test_a_clock_that_jumps_back_does_not_prolong_a_token(server: Loopback, instance: Instance) -> None:
    server.answer(issued("t1"), issued("t2"))
    instance.get()
    instance.wall.now -= 10 * HOUR
    instance.steady.now += HOUR - MARGIN_S - 1
    assert instance.get() == "t1"
    instance.steady.now += 1
    assert instance.get() == "t2"


def test_an_instance_that_slept_replaces_its_token(server: Loopback, instance: Instance) -> None:
    server.answer(issued("t1"), issued("t2"))
    instance.get()
    instance.wall.now += HOUR  # the steady clock stood still
    assert instance.get() == "t2"


@pytest.mark.parametrize("expires_in", [1, 100, MARGIN_S])
def test_a_token_about_to_expire_is_used_and_soon_replaced(
    server: Loopback, instance: Instance, expires_in: float
) -> None:
    server.answer(issued("t1", expires_in), issued("t2"))
    assert [instance.get(), instance.get()] == ["t1", "t1"]
    instance.pass_time(expires_in / 2)
    assert instance.get() == "t2"


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=50)
@given(st.lists(st.tuples(st.floats(-1e6, 1e6), st.floats(0, 1e5)), max_size=8))
def test_no_sequence_of_jumps_keeps_a_token_longer_than_it_lives(
    server: Loopback, jumps: list[tuple[float, float]]
) -> None:
    instance = Instance(server)
    server.scripts.clear()
    server.answer(issued("t", 3600))
    instance.get()
    asked, age = len(server.requests), 0.0
    for jump, seconds in jumps:
        instance.wall.now += jump
        instance.pass_time(seconds)
        age += seconds
        instance.get()
        if len(server.requests) > asked:
            return
        assert age < HOUR - MARGIN_S


def test_concurrent_callers_share_one_request(server: Loopback, instance: Instance) -> None:
    server.answer(issued())
    barrier = threading.Barrier(20)

    def one(_: int) -> str:
        barrier.wait()
        return instance.get()

    with ThreadPoolExecutor(20) as pool:
        assert set(pool.map(one, range(20))) == {"t1"}
    assert len(server.requests) == 1


def test_a_caller_waits_for_anothers_request_no_longer_than_it_may(
    server: Loopback, instance: Instance, released: threading.Event
) -> None:
    begun = threading.Event()
    stalling = stall(released)
    server.answer(lambda connection: begun.set() or stalling(connection))
    failures: list[ServiceError] = []

    def first() -> None:
        with pytest.raises(ServiceError) as caught:
            instance.get(seconds=0.6)
        failures.append(caught.value)

    thread = threading.Thread(target=first)
    thread.start()
    assert begun.wait(5)
    with pytest.raises(TimedOut, match="another call"):
        instance.get(seconds=0.05)
    released.set()
    thread.join(10)
    assert len(failures) == 1


def test_a_failed_request_leaves_the_next_caller_free(server: Loopback, instance: Instance) -> None:
    server.answer(reply(404, b"Not Found: no service account"), issued())
    with pytest.raises(Refused, match="no service account"):
        instance.get()
    assert instance.get() == "t1"


def test_only_the_token_that_was_refused_is_dropped(server: Loopback, instance: Instance) -> None:
    server.answer(issued("t1"), issued("t2"))
    instance.get()
    instance.tokens.drop(SCOPE, "t0")
    instance.tokens.drop("another scope", "t1")
    assert instance.get() == "t1"
    instance.tokens.drop(SCOPE, "t1")
    assert instance.get() == "t2"


def test_a_metadata_server_that_fails_is_asked_again(server: Loopback, instance: Instance) -> None:
    server.answer(raw(b""), reply(503), reply(429), issued())
    assert instance.get() == "t1"


@pytest.mark.parametrize(
    "body",
    [
        b"", b"not json", b"[]", b"null", b'"text"', b"{}", b"[" * 100_000,
        {"expires_in": 1}, {"access_token": "", "expires_in": 1}, {"access_token": 5, "expires_in": 1},
        {"access_token": "t"}, {"access_token": "t", "expires_in": None},
        {"access_token": "t", "expires_in": 0}, {"access_token": "t", "expires_in": -5},
        {"access_token": "t", "expires_in": []}, b'{"access_token": "t", "expires_in": NaN}',
        b'{"access_token": "t", "expires_in": Infinity}',
        b'{"access_token": "t", "expires_in": 1%s}' % (b"0" * 400),
    ],
    ids=lambda value: repr(value)[:40],
)  # fmt: skip
def test_a_response_without_a_token_is_an_error(
    server: Loopback, instance: Instance, body: bytes | Mapping[str, object]
) -> None:
    server.answer(reply(body=body))
    with pytest.raises(Unavailable, match="MalformedResponse"):
        instance.get()
