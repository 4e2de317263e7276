"""Tokens of the managed identity: asked for once, kept while they are good, whatever the clock does."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from loopback import Loopback, Script, raw, reply, stall
from memory_ports import NOON, Clock

from serverless_ai_runtime.adapters.azure.identity import LEAST_S, MARGIN_S, MOST_S, Tokens
from serverless_ai_runtime.config import AzureConfig
from serverless_ai_runtime.core.ports import Deadline, Refused, ServiceError, TimedOut, Unavailable
from serverless_ai_runtime.http import HttpClient

RESOURCE = "https://cosmos.azure.com"
HOUR = 3600.0


def issued(name: str = "t1", expires_on: object = int(NOON + HOUR), **more: Any) -> Script:
    body = {"access_token": name, "expires_on": expires_on, "token_type": "Bearer", "resource": RESOURCE}
    return reply(body=body | more)


class Setting:
    """A function's view of its identity, on two clocks that the test sets apart."""

    def __init__(self, server: Loopback) -> None:
        self.wall, self.steady = Clock(), Clock(1000.0)
        self.config = AzureConfig(server.url + "/MSI/token", "header-secret", "client-1")
        world = self.wall.world()
        self.tokens = Tokens(HttpClient(world), world, lambda: self.config, self.steady)

    def get(self, resource: str = RESOURCE, seconds: float = 5) -> str:
        return self.tokens.get(resource, Deadline(seconds))

    def pass_time(self, seconds: float) -> None:
        self.wall.now += seconds
        self.steady.now += seconds


@pytest.fixture
def app(server: Loopback) -> Setting:
    return Setting(server)


def test_the_endpoint_is_asked_as_app_service_says(server: Loopback, app: Setting) -> None:
    server.answer(issued())
    assert app.get() == "t1"
    (sent,) = server.requests
    assert sent.method == "GET"
    assert sent.target == (
        "/MSI/token?resource=https%3A%2F%2Fcosmos.azure.com&api-version=2019-08-01&client_id=client-1"
    )
    assert sent.headers["x-identity-header"] == "header-secret"


def test_a_token_is_kept_for_its_resource(server: Loopback, app: Setting) -> None:
    server.answer(issued("t1"), issued("t2"))
    assert [app.get(), app.get(), app.get("https://other"), app.get()] == ["t1", "t1", "t2", "t1"]


def test_a_token_is_replaced_before_it_expires(server: Loopback, app: Setting) -> None:
    server.answer(issued("t1"), issued("t2", str(int(NOON + 2 * HOUR))))
    app.get()
    app.pass_time(HOUR - MARGIN_S - 1)
    assert app.get() == "t1"
    app.pass_time(1)
    assert app.get() == "t2"


def test_a_clock_that_jumps_ahead_costs_one_request_and_no_more(server: Loopback, app: Setting) -> None:
    server.answer(issued("t1"), issued("t2"))
    app.get()
    app.wall.now += 365 * 24 * HOUR
    assert [app.get(), app.get()] == ["t2", "t2"], "its end is long past by that clock, but it is new"
    app.pass_time(LEAST_S)
    app.get()
    assert len(server.requests) == 3


def test_a_clock_that_jumps_back_does_not_prolong_a_token(server: Loopback, app: Setting) -> None:
    server.answer(issued("t1"), issued("t2", int(NOON - HOUR)))
    app.get()
    app.wall.now -= 10 * HOUR
    app.steady.now += HOUR - MARGIN_S - 1
    assert app.get() == "t1"
    app.steady.now += 1
    assert app.get() == "t2"


def test_a_machine_that_slept_replaces_its_token(server: Loopback, app: Setting) -> None:
    server.answer(issued("t1"), issued("t2"))
    app.get()
    app.wall.now += HOUR  # the steady clock stood still
    assert app.get() == "t2"


def test_a_clock_that_is_behind_does_not_keep_a_token_for_ever(server: Loopback, app: Setting) -> None:
    server.answer(issued("t1", int(NOON + 1000 * HOUR)), issued("t2"))
    app.get()
    app.pass_time(MOST_S)
    assert app.get() == "t2"


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=50)
@given(st.lists(st.tuples(st.floats(-1e6, 1e6), st.floats(0, 1e5)), max_size=8))
def test_no_sequence_of_jumps_keeps_a_token_longer_than_it_lives(
    server: Loopback, jumps: list[tuple[float, float]]
) -> None:
    app = Setting(server)
    server.scripts.clear()
    server.answer(issued("t", int(NOON + HOUR)))
    app.get()
    asked, age = len(server.requests), 0.0
    for jump, seconds in jumps:
        app.wall.now += jump
        app.pass_time(seconds)
        age += seconds
        app.get()
        if len(server.requests) > asked:
            return
        assert age < HOUR - MARGIN_S


def test_concurrent_callers_share_one_request(server: Loopback, app: Setting) -> None:
    server.answer(issued())
    barrier = threading.Barrier(20)

    def one(_: int) -> str:
        barrier.wait()
        return app.get()

    with ThreadPoolExecutor(20) as pool:
        assert set(pool.map(one, range(20))) == {"t1"}
    assert len(server.requests) == 1


def test_a_caller_waits_for_anothers_request_no_longer_than_it_may(
    server: Loopback, app: Setting, released: threading.Event
) -> None:
    begun = threading.Event()
    stalling = stall(released)
    server.answer(lambda connection: begun.set() or stalling(connection))

    def ignored() -> None:
        with pytest.raises(ServiceError):
            app.get(seconds=5)

    thread = threading.Thread(target=ignored)
    thread.start()
    assert begun.wait(5)
    with pytest.raises(TimedOut, match="another call"):
        app.get(seconds=0.05)
    released.set()
    thread.join(10)


def test_a_failed_request_leaves_the_next_caller_free(server: Loopback, app: Setting) -> None:
    server.answer(reply(400, {"statusCode": 400, "message": "No such identity"}), issued())
    with pytest.raises(Refused, match="No such identity"):
        app.get()
    assert app.get() == "t1"


def test_only_the_token_that_was_refused_is_dropped(server: Loopback, app: Setting) -> None:
    server.answer(issued("t1"), issued("t2"))
    app.get()
    app.tokens.drop(RESOURCE, "t0")
    app.tokens.drop("https://other", "t1")
    assert app.get() == "t1"
    app.tokens.drop(RESOURCE, "t1")
    assert app.get() == "t2"


def test_the_header_of_the_endpoint_is_read_for_every_request(server: Loopback, app: Setting) -> None:
    server.answer(issued("t1"), issued("t2"))
    app.get()
    app.config = app.config._replace(identity_header="rotated")
    app.get("https://other")
    assert [sent.headers["x-identity-header"] for sent in server.requests] == ["header-secret", "rotated"]


def test_an_endpoint_that_fails_is_asked_again(server: Loopback, app: Setting) -> None:
    server.answer(raw(b""), reply(500), reply(429), issued())
    assert app.get() == "t1"


@pytest.mark.parametrize(
    "body",
    [
        b"", b"not json", b"[]", b"null", b'"text"', b"{}", b"[" * 100_000,
        {"expires_on": 1}, {"access_token": "", "expires_on": 1}, {"access_token": 5, "expires_on": 1},
        {"access_token": "t"}, {"access_token": "t", "expires_on": None},
        {"access_token": "t", "expires_on": "09/14/2017 00:00:00 PM +00:00"},
        {"access_token": "t", "expires_on": []},
    ],
    ids=lambda value: repr(value)[:40],
)  # fmt: skip
def test_a_response_without_a_token_is_an_error(
    server: Loopback, app: Setting, body: bytes | Mapping[str, Any]
) -> None:
    server.answer(reply(body=body))
    with pytest.raises(Unavailable, match="MalformedResponse"):
        app.get()


def test_a_token_that_would_break_a_header_is_refused_where_it_is_sent(server: Loopback) -> None:
    from azure_fakes import azure

    from serverless_ai_runtime.adapters.service import Service

    class Poisoned:
        def get(self, resource: str, deadline: Deadline) -> str:
            return "t\r\nx-evil: 1"

    service = Service(azure(Clock().world())._replace(tokens=Poisoned()), "S", server.url, "r")  # pyright: ignore
    with pytest.raises(Refused, match="line break"):
        service.post_json("Call", "/", {}, Deadline(5))
    assert server.requests == []
