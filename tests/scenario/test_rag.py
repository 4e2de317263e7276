"""RAG as a black box, the same on every target: documents in a bucket, answers out of an endpoint.

What depends on the store is asked of every store that the cloud offers; the rest of the default one.
"""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Sequence
from random import Random
from typing import Any

import pytest
from rag_world import RagWorld
from world import Reply, eventually

HANDBOOK = b"""# Harbour handbook

## Lighthouse

The lighthouse lamp is lit at dusk and burns until sunrise.

## Ferry

The ferry to Kestrel Island leaves at seven in the morning.
"""
RULES = b"Dogs must be kept on a leash on the pier. Fishing from the pier is allowed on Sundays."
FERRY = "When does the ferry to Kestrel Island leave?"
NOWHERE = "Who composed the opera about submarines?"
NOT_FOUND = "The documents do not answer this."


def answered(
    rag: RagWorld, question: str, says: str, *, variant: str = "main", tenant: str = "", **more: Any
) -> dict[str, Any]:
    """The answer once it says `says`."""

    def look() -> dict[str, Any] | None:
        reply = rag.post("/ask", {"question": question, **more}, variant=variant, tenant=tenant)
        assert reply.status == 200, reply
        return reply.body if says in reply.body["answer"] else None

    found = eventually(look, within=60, every=0.3, what=f"an answer that says {says!r}")
    assert found is not None
    return found


def texts(rag: RagWorld, question: str, **more: Any) -> list[str]:
    """Texts of the passages that a search finds."""
    reply = rag.post("/search", {"question": question, "top_k": 20}, **more)
    assert reply.status == 200, reply
    return [passage["text"] for passage in reply.body["passages"]]


def each_store(rag: RagWorld, check: Callable[[str], None]) -> None:
    """Run `check` with the variant of every store; they work at the same time, as deployments do."""
    failures: list[tuple[str, BaseException]] = []

    def run(store: str) -> None:
        try:
            check(store)
        except BaseException as error:
            failures.append((store, error))

    threads = [threading.Thread(target=run, args=(store,)) for store in rag.stores]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if failures:
        store, error = failures[0]
        raise AssertionError(f"{store}: {error!r} (failed: {[name for name, _ in failures]})") from error


@pytest.mark.row("rag-01", "rag-02", "rag-03", "rag-07", "rag-08", "rag-10", "rag-11", "rag-12")
@pytest.mark.row("rag-09", "rag-13", "rag-14", "rag-15", "rag-16")
def test_a_document_is_answered_from_with_its_place_until_it_changes_or_goes(rag: RagWorld) -> None:
    def check(store: str) -> None:
        rag.upload("acme/handbook.md", HANDBOOK, variant=store)
        rag.upload("acme/rules.txt", RULES, variant=store)
        said = answered(rag, FERRY, "seven in the morning", variant=store, tenant="acme")
        (citation,) = said["citations"]
        assert citation["document"] == "acme/handbook.md"
        assert citation["section"].endswith("Ferry")
        assert citation["quote"] == "The ferry to Kestrel Island leaves at seven in the morning."
        assert said["usage"]["input_tokens"] > 0
        rag.upload("acme/handbook.md", HANDBOOK.replace(b"seven in the morning", b"noon"), variant=store)
        answered(rag, FERRY, "noon", variant=store, tenant="acme")
        assert not [one for one in texts(rag, FERRY, variant=store, tenant="acme") if "seven" in one]
        rag.delete("acme/handbook.md", variant=store)
        answered(rag, FERRY, NOT_FOUND, variant=store, tenant="acme")
        found = texts(rag, FERRY, variant=store, tenant="acme")
        assert all("ferry" not in one for one in found)
        answered(rag, "What must dogs be kept on?", "leash", variant=store, tenant="acme")

    each_store(rag, check)


def test_events_that_come_twice_and_in_any_order_end_as_what_is_in_the_bucket(rag: RagWorld) -> None:
    def documents(number: int) -> str:
        return f"acme/note-{number}.txt"

    def text(number: int, version: int) -> bytes:
        return f"Buoy number {number} was painted in the year {1900 + number * 10 + version}.".encode()

    chance = Random(7)
    with rag.held(duplicates=0.5, seed=11):
        for version in range(3):
            for number in chance.sample(range(6), 6):
                for store in rag.stores:
                    rag.upload(documents(number), text(number, version), variant=store)
        for store in rag.stores:
            rag.delete(documents(5), variant=store)

    def check(store: str) -> None:
        expected = {text(number, 2).decode() for number in range(5)}

        def settled() -> bool:
            return set(texts(rag, "buoy painted year", variant=store, tenant="acme")) == expected

        eventually(settled, within=90, every=0.5, what="the newest versions and nothing else")

    each_store(rag, check)


@pytest.mark.row("rag-04")
def test_two_tenants_never_see_each_others_text_and_tags_keep_a_document_to_some(rag: RagWorld) -> None:
    secrets = {
        tenant: f"The safe of {tenant} opens with {code}."
        for tenant, code in (("acme", "4711"), ("zeta", "815"))
    }
    question = "What does the safe open with?"

    def check(store: str) -> None:
        for tenant, secret in secrets.items():
            rag.upload(f"{tenant}/safe.txt", secret.encode(), variant=store)
        rag.upload("acme/board.txt", b"The board meets in the crypt.", variant=store, tags=("board", "staff"))
        for tenant, secret in secrets.items():
            said = answered(rag, question, secret.split()[-1], variant=store, tenant=tenant)
            assert {one["document"] for one in said["citations"]} == {f"{tenant}/safe.txt"}
            other = next(text for name, text in secrets.items() if name != tenant)
            assert other not in texts(rag, question, variant=store, tenant=tenant)
            narrowed = rag.post(
                "/search",
                {"question": question, "filter": {"documents": ["acme/safe.txt", "zeta/safe.txt"]}},
                variant=store,
                tenant=tenant,
            )
            assert [one["text"] for one in narrowed.body["passages"]] == [secret]

        def met(groups: Sequence[str]) -> bool:
            found = texts(rag, "Where does the board meet?", variant=store, tenant="acme", groups=groups)
            return "The board meets in the crypt." in found

        eventually(lambda: met(("staff", "board", "guests")), within=60, what="the board's document")
        assert not met(("staff",))
        assert not met(())

    each_store(rag, check)
    nobody = rag.post("/ask", {"question": question}, variant=rag.default_store)
    assert (nobody.status, nobody.body["error"]["code"]) == (403, "no_tenant")


@pytest.mark.row("rag-05", "rag-06")
def test_500_documents_of_which_one_in_a_hundred_changes_embed_only_what_changed(rag: RagWorld) -> None:
    count, every = 500, 100

    def text(number: int, depth: int) -> bytes:
        return f"Sounding {number} found the sea bed at {depth} fathoms near marker {number * 7}.".encode()

    for number in range(count):
        rag.upload(f"soundings/{number}.txt", text(number, 10))
    eventually(lambda: rag.embedded() >= count, within=240, every=0.5, what="500 documents")
    answered(rag, "Which sea bed found sounding 499?", "marker 3493")
    rag_embedded = rag.embedded()
    for number in range(0, count, every):
        rag.upload(f"soundings/{number}.txt", text(number, 99))
    for number in range(1, 20):
        rag.upload(f"soundings/{number}.txt", text(number, 10))  # the same bytes once more
    answered(rag, "Which sea bed found sounding 400 at 99 fathoms?", "99 fathoms")
    eventually(
        lambda: rag.embedded() - rag_embedded >= count // every, within=60, what="the changed documents"
    )
    questions = 2
    assert count // every <= rag.embedded() - rag_embedded <= count // every + questions


class Voyage:
    """A document of several chunks, each of which says of which version it is."""

    def __init__(self, rag: RagWorld) -> None:
        self._rag, self.version = rag, 0
        self._upload()
        self.becomes_new()

    def changes(self) -> None:
        self.version += 1
        self._upload()

    def is_new(self) -> bool:
        """Whether readers see the new version; it is the old or the new one, whole, that they see."""
        found = frozenset(one.rsplit("\n", 1)[-1] for one in texts(self._rag, "What does the log say?"))
        assert found in (self._lines(self.version), self._lines(self.version - 1)), found
        return found == self._lines(self.version)

    def becomes_new(self) -> None:
        eventually(self.is_new, within=60, every=0.2, what=f"version {self.version}")

    def _upload(self) -> None:
        pages = [f"# Day {number}\n\n{line}" for number, line in enumerate(sorted(self._lines(self.version)))]
        self._rag.upload("voyage/log.md", "\n\n".join(pages).encode())

    @staticmethod
    def _lines(version: int) -> frozenset[str]:
        """None before the first one."""
        days = range(4 if version >= 0 else 0)
        return frozenset(f"The log of voyage {version} says: wind {version * 7 + day}." for day in days)


def test_a_function_that_dies_at_any_write_leaves_the_old_or_the_new_and_the_next_delivery_completes_it(
    rag: RagWorld,
) -> None:
    voyage, deaths, died = Voyage(rag), 0, True
    while died:
        rag.die_at_write(deaths + 1, "ingest")
        voyage.changes()
        eventually(lambda: rag.died() or voyage.is_new(), within=60, every=0.2, what="a death or the end")
        if not rag.died():
            time.sleep(1)  # what is new is seen before what is old has been removed
        died = rag.died()
        rag.live()
        voyage.is_new()
        if died:
            deaths += 1
            rag.deliver_again()
        voyage.becomes_new()
        rag.writes_end()
    assert deaths >= 5, "noted, stored, switched, told, removed: each is a write"
    assert not rag.dead_letters()


def test_an_answer_comes_as_it_is_written_where_the_clouds_python_can_and_is_refused_elsewhere(
    rag: RagWorld,
) -> None:
    rag.upload("harbour/handbook.md", HANDBOOK)
    whole = answered(rag, FERRY, "seven in the morning")
    reply = rag.post("/ask", {"question": f"{FERRY} Please!", "stream": True})
    if not rag.streams:
        assert (reply.status, reply.body["error"]["field"]) == (400, "stream")
        return
    texts = [event.split("\n") for event in reply.body["text"].removesuffix("\n\n").split("\n\n")]
    events = [(name.removeprefix("event: "), json.loads(data.removeprefix("data: "))) for name, data in texts]
    assert [events[0][0], events[-1][0]] == ["citations", "done"]
    pieces = [data["text"] for name, data in events[1:-1] if name == "answer"]
    assert len(pieces) > 1
    done = events[-1][1]
    assert "".join(pieces) == done["answer"] == whole["answer"]
    assert done["citations"] == events[0][1]
    assert [one["quote"] for one in done["citations"]] == [one["quote"] for one in whole["citations"]]
    assert done["cache"] == "none"
    assert done["usage"]["output_tokens"] > 0
    again = rag.post("/ask", {"question": f"{FERRY} Please!"}).body
    assert (again["cache"], again["answer"]) == ("answer", whole["answer"])


@pytest.mark.row("rag-19")
def test_what_the_models_provider_has_kept_of_a_prompt_is_told(rag: RagWorld) -> None:
    count = 16
    for number in range(count):
        # Signs are a token each: so few passages are as long as the strictest provider wants them.
        rag.upload(f"masts/{number}.txt", f"Mast {number} is made of oak. {'=' * 330}".encode())
    eventually(lambda: len(texts(rag, "mast made of oak")) == count, within=60, what="all masts")

    def usage(question: str) -> dict[str, int]:
        reply = rag.post("/ask", {"question": question, "top_k": 20})
        assert "oak" in reply.body["answer"]
        return reply.body["usage"]

    assert usage("What is the mast made of?")["cached_input_tokens"] == 0
    again = usage("Of what is the mast made?")
    assert 4000 < again["cached_input_tokens"] < again["input_tokens"]
    assert usage("Of what is the mast made?") == {
        "input_tokens": 0,
        "output_tokens": 0,
        "cached_input_tokens": 0,
    }


@pytest.mark.row("rag-17", "rag-18")
def test_a_question_that_comes_again_is_answered_from_the_cache_until_a_document_changes(
    rag: RagWorld,
) -> None:
    store = rag.default_store
    for tenant in ("acme", "zeta"):
        rag.upload(f"{tenant}/handbook.md", HANDBOOK, variant=store)
    first = answered(rag, FERRY, "seven in the morning", variant=store, tenant="acme")
    answered(rag, FERRY, "seven in the morning", variant=store, tenant="zeta")
    for tenant in ("acme", "zeta"):  # an answer may have come before the change was told: it is old then

        def cached(tenant: str = tenant) -> bool:
            reply = rag.post("/ask", {"question": FERRY}, variant=store, tenant=tenant)
            return reply.body["cache"] == "answer"

        eventually(cached, what="an answer that is kept")
    asked, embedded = len(rag.model_calls()), rag.embedded()
    again = rag.post("/ask", {"question": f" {FERRY.upper()} "}, variant=store, tenant="acme").body
    assert (again["cache"], again["answer"], again["citations"]) == (
        "answer",
        first["answer"],
        first["citations"],
    )
    assert (again["usage"]["input_tokens"], len(rag.model_calls()), rag.embedded()) == (0, asked, embedded)
    fewer = rag.post("/ask", {"question": FERRY, "top_k": 1}, variant=store, tenant="acme").body
    assert fewer["cache"] == "embedding"
    rag.upload("acme/handbook.md", HANDBOOK.replace(b"seven", b"nine"), variant=store)
    answered(rag, FERRY, "nine in the morning", variant=store, tenant="acme")
    kept = rag.post("/ask", {"question": FERRY}, variant=store, tenant="zeta").body
    assert (kept["cache"], "seven" in kept["answer"]) == ("answer", True)


def test_what_the_documents_do_not_say_is_not_answered(rag: RagWorld) -> None:
    rag.upload("handbook.md", HANDBOOK)
    answered(rag, FERRY, "seven in the morning")
    said = rag.post("/ask", {"question": NOWHERE}).body
    assert (said["answer"], said["citations"]) == (NOT_FOUND, [])


def test_a_conversation_goes_on_and_belongs_to_who_began_it(rag: RagWorld) -> None:
    store = rag.default_store
    rag.upload("acme/handbook.md", HANDBOOK, variant=store)
    said = answered(rag, FERRY, "seven in the morning", variant=store, tenant="acme")
    body = {"question": "and the lighthouse lamp, when is it lit?", "session_id": said["session_id"]}
    follow = rag.post("/ask", body, variant=store, tenant="acme")
    assert "lit at dusk" in follow.body["answer"]
    assert follow.body["session_id"] == said["session_id"]
    stranger = rag.post("/ask", body, variant=store, tenant="zeta")
    assert (stranger.status, stranger.body["error"]["code"]) == (404, "session_not_found")


def test_documents_of_every_kind_are_read_and_those_that_cannot_be_are_dead_letters(rag: RagWorld) -> None:
    page = "<html><body><h1>Tides</h1><p>The tide turns at the old mill.</p></body></html>"
    rag.upload("tides.html", page.encode())
    rag.upload("broken.pdf", b"%PDF-1.7 this is no document")
    rag.upload("picture.png", b"\x89PNG\r\n\x1a\n and so on")
    said = answered(rag, "Where does the tide turn?", "old mill")
    assert said["citations"][0]["section"] == "Tides"

    def dead() -> bool:
        return len(rag.dead_letters()) == 2

    eventually(dead, within=60, what="two dead letters")
    assert all(letter["code"] and letter["reason"] for letter in rag.dead_letters())


def test_a_document_that_is_replaced_by_one_that_cannot_be_read_is_seen_no_more(rag: RagWorld) -> None:
    rag.upload("rules.txt", RULES)
    answered(rag, "What must dogs be kept on?", "leash")
    rag.upload("rules.txt", b"")
    answered(rag, "What must dogs be kept on?", NOT_FOUND)


def test_a_resync_repairs_what_no_event_has_told(rag: RagWorld) -> None:
    rag.upload("handbook.md", HANDBOOK)
    rag.upload("rules.txt", RULES)
    answered(rag, FERRY, "seven in the morning")
    answered(rag, "What must dogs be kept on?", "leash")
    rag.send(json.dumps({"resync": {}}))
    eventually(lambda: _resynced(rag), within=60, what="the end of the resync")
    assert "seven" in rag.post("/ask", {"question": FERRY}).body["answer"]
    assert rag.dead_letters() == []


def _resynced(rag: RagWorld) -> bool:
    return any('"resync"' in line and "manifests" in line for line in rag.logs())


@pytest.mark.parametrize(
    ("body", "field"),
    [
        (b"", "body"),
        (b"\xff", "body"),
        ({"question": ""}, "question"),
        ({"question": 7}, "question"),
        ({"question": "x" * 2001}, "question"),
        ({}, "question"),
        ({"question": "x", "top_k": 0}, "top_k"),
        ({"question": "x", "top_k": 21}, "top_k"),
        ({"question": "x", "filter": {"documents": []}}, "filter"),
        ({"question": "x", "filter": {"folder": "a"}}, "filter"),
        ({"question": "x", "session_id": "no"}, "session_id"),
        ({"question": "x", "tenant": "acme"}, "tenant"),
    ],
    ids=str,
)
def test_a_request_that_is_wrong_is_told_what_is_allowed(rag: RagWorld, body: Any, field: str) -> None:
    reply = rag.post("/ask", body)
    assert (reply.status, reply.body["error"]["field"]) == (400, field), reply


def test_nobody_gets_in_without_credentials(rag: RagWorld) -> None:
    for variant in ("main", rag.default_store):
        for path in ("/ask", "/search"):
            assert rag.anonymous(path, variant=variant).status in (401, 403)


def test_a_model_that_fails_is_told_and_the_next_question_is_answered(rag: RagWorld) -> None:
    rag.upload("handbook.md", HANDBOOK)
    answered(rag, FERRY, "seven in the morning")
    rag.model_fault("refuse")
    failed: Reply = rag.post("/ask", {"question": "When is the lighthouse lamp lit?"})
    assert (failed.status, failed.body["error"]["code"]) == (502, "service_refused")
    answered(rag, "When is the lighthouse lamp lit?", "dusk")


def test_neither_documents_nor_questions_are_in_the_log(rag: RagWorld) -> None:
    rag.upload("handbook.md", HANDBOOK)
    answered(rag, FERRY, "seven in the morning")
    said = "\n".join(rag.logs())
    assert "lighthouse lamp" not in said
    assert "Kestrel" not in said
