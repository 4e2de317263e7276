"""`POST /ask` and `POST /search`: who asks is told by the cloud, what of by the caller's own token."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from functools import partial
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from serverless_ai_runtime.core.context import Turn, estimate_tokens
from serverless_ai_runtime.core.ports import Answer, ChatModel, Deadline, Journal, Prompt
from serverless_ai_runtime.core.rag.answering import Answered, Answering, Citation, Hear, Question
from serverless_ai_runtime.core.rag.callers import Claims, access_of
from serverless_ai_runtime.core.rag.requests import FIELDS, SEARCH_FIELDS, parse
from serverless_ai_runtime.core.rag.retrieval import Passage, Retrieval
from serverless_ai_runtime.core.rag.serving import Serving
from serverless_ai_runtime.core.replies import Reply, failure
from serverless_ai_runtime.core.requests import Caller, InvalidRequest

if TYPE_CHECKING:
    from serverless_ai_runtime.core.budget import Budget
    from serverless_ai_runtime.core.rag.streaming import Telling
    from serverless_ai_runtime.core.sessions import Session, Sessions

ASK, SEARCH = "/ask", "/search"
KEPT_S: Final = 1.0
KEPT_SHARE: Final = 0.1
"""Time kept after the model's answer for storing it: the smaller of a second and a tenth of what is left."""


class Reader(NamedTuple):
    """What reads one index."""

    retrieval: Retrieval
    answering: Answering


class Around(NamedTuple):
    model: ChatModel
    claims: Claims
    serving: Serving
    top_k: int
    """Passages, where a request names no number."""
    sessions: Sessions | None = None
    budget: Budget | None = None


class Endpoint:
    """The query function's core; no exception leaves it. `readers` by the name of their index."""

    def __init__(self, readers: Mapping[str, Reader], around: Around) -> None:
        self._readers, self._around = readers, around

    def routes(self) -> Mapping[str, Callable[[bytes, Caller, Deadline, Journal], Reply]]:
        """By path; each takes POST."""
        return {ASK: self.ask, SEARCH: self.search}

    def ask(self, body: bytes, caller: Caller, deadline: Deadline, journal: Journal) -> Reply:
        return _replied(partial(self._ask, body, caller, deadline, journal), journal)

    def ask_or_stream(
        self, body: bytes, caller: Caller, deadline: Deadline, journal: Journal
    ) -> Reply | Iterator[str]:
        """As `ask`; events (see `streaming`) where the body asks for them and the question is admitted."""
        if not _streams(body):
            return self.ask(body, caller, deadline, journal)
        from serverless_ai_runtime.core.rag.streaming import Send, Telling, begin  # rarely needed

        def work(send: Send) -> Reply:
            telling = Telling(send, _citation)
            return _replied(partial(self._ask, body, caller, deadline, journal, telling), journal)

        return begin(work)

    def search(self, body: bytes, caller: Caller, deadline: Deadline, journal: Journal) -> Reply:
        return _replied(partial(self._search, body, caller, deadline, journal), journal)

    def _ask(
        self,
        body: bytes,
        caller: Caller,
        deadline: Deadline,
        journal: Journal,
        telling: Telling | None = None,
    ) -> dict[str, Any]:
        around = self._around
        asked = parse(body, FIELDS, around.top_k)
        if asked.stream and telling is None:
            raise InvalidRequest("stream", "stream must be left out: this endpoint gives answers as a whole")
        access = access_of(caller, around.claims)
        session = self._open(asked.session_id, caller, deadline)
        turns = session.turns if session else ()
        question = Question(asked.question, access, asked.documents, asked.top_k, turns)
        answering = self._reader(deadline).answering
        listen = telling.reader if telling else None
        found = answering.answer(question, partial(self._model, caller.id, journal), deadline, listen)
        if telling:
            telling.whole(found)
        _note(found, around.model.name, journal)
        journal.content(question=asked.question, answer=found.answer)
        if around.sessions and session:
            around.sessions.remember(session, Turn(asked.question, found.answer), deadline, journal)
        return _answer(found, session.id if session else None)

    def _search(self, body: bytes, caller: Caller, deadline: Deadline, journal: Journal) -> dict[str, Any]:
        asked = parse(body, SEARCH_FIELDS, self._around.top_k)
        access = access_of(caller, self._around.claims)
        retrieval = self._reader(deadline).retrieval
        found = retrieval.search(asked.question, access, asked.top_k, deadline, asked.documents)
        cache = "embedding" if found.cached else "none"
        journal.note(cache=cache, passages=len(found.passages))
        journal.content(question=asked.question)
        return {"passages": [_passage(one) for one in found.passages], "cache": cache}

    def _reader(self, deadline: Deadline) -> Reader:
        return self._readers[self._around.serving.index(deadline)]

    def _open(self, session_id: str | None, caller: Caller, deadline: Deadline) -> Session | None:
        if self._around.sessions is not None:
            return self._around.sessions.open(session_id, caller.id, deadline)
        if session_id is not None:
            raise InvalidRequest("session_id", "session_id must be left out: this endpoint keeps no sessions")
        return None

    def _model(
        self, caller: str, journal: Journal, prompt: Prompt, deadline: Deadline, hear: Hear | None
    ) -> Answer:
        """Ask the model, within the budgets."""

        def call() -> Answer:
            before = deadline.remaining()
            kept = deadline.minus(min(KEPT_S, KEPT_SHARE * before))
            try:
                return _heard(self._around.model, prompt, kept, hear)
            finally:
                journal.note(model_ms=round((before - deadline.remaining()) * 1000))

        if self._around.budget is None:
            return call()
        most = sum(map(estimate_tokens, prompt.texts)) + prompt.max_output_tokens
        return self._around.budget.charge(caller, most, call, deadline, journal)


def _heard(model: ChatModel, prompt: Prompt, deadline: Deadline, hear: Hear | None) -> Answer:
    """The answer, of which `hear` is given the pieces."""
    if hear is None:
        return model.answer(prompt, deadline)
    for piece in model.stream(prompt, deadline):
        if isinstance(piece, Answer):
            return piece
        hear(piece)
    raise ValueError("what the model has written ended without its answer")


def _streams(body: bytes) -> bool:
    """Whether a body asks for events; one that is wrong does not."""
    try:
        return parse(body, FIELDS, 1).stream
    except InvalidRequest:
        return False


def _note(found: Answered, model: str, journal: Journal) -> None:
    journal.note(
        cache=found.cache,
        citations=len(found.citations),
        model=model,
        input_tokens=found.input_tokens,
        output_tokens=found.output_tokens,
        cached_input_tokens=found.cached_input_tokens,
    )


def _replied(work: Callable[[], dict[str, Any]], journal: Journal) -> Reply:
    try:
        return Reply(200, work(), {})
    except Exception as error:
        reply = failure(error)
        journal.note(error=reply.body["error"]["code"])
        if reply.status >= 500:
            journal.warn("request failed", cause=error)
        return reply


def _answer(found: Answered, session_id: str | None) -> dict[str, Any]:
    return {
        "answer": found.answer,
        "citations": [_citation(one) for one in found.citations],
        "usage": {
            "input_tokens": found.input_tokens,
            "output_tokens": found.output_tokens,
            "cached_input_tokens": found.cached_input_tokens,
        },
        "cache": found.cache,
        "session_id": session_id,
    }


def _citation(one: Citation) -> dict[str, Any]:
    return _place(one.document, one.page, one.section) | {"quote": one.quote, "score": round(one.score, 6)}


def _passage(one: Passage) -> dict[str, Any]:
    return _place(one.document, one.page, one.heading) | {"text": one.text, "score": round(one.score, 6)}


def _place(document: str, page: int, section: str) -> dict[str, Any]:
    """A document with pages says the page, one without the section, if it has any."""
    if page:
        return {"document": document, "page": page}
    return {"document": document, **({"section": section} if section else {})}
