"""Function + LLM: answer a chat request, or an event, with a language model."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from serverless_ai_runtime.core.context import Turn, fit, system_tokens
from serverless_ai_runtime.core.ports import (
    CONTENT_FILTERED,
    END,
    Answer,
    ChatModel,
    Deadline,
    Journal,
    Prompt,
    Publisher,
)
from serverless_ai_runtime.core.replies import Reply, failure
from serverless_ai_runtime.core.requests import InvalidRequest, check_message, parse_chat

if TYPE_CHECKING:  # a stateless endpoint never loads these
    from serverless_ai_runtime.core.budget import Budget
    from serverless_ai_runtime.core.context import Context
    from serverless_ai_runtime.core.idempotency import Once
    from serverless_ai_runtime.core.sessions import Session, Sessions

KEPT_S: Final = 1.0
KEPT_SHARE: Final = 0.1
"""Time kept after the model's answer for storing it: the smaller of a second and a tenth of what is left."""


class Limits(NamedTuple):
    """How the model is asked; see `FunctionLlmConfig` for the fields."""

    system_prompt: str
    max_output_tokens: int
    context_tokens: int


class EventsNeedStore(RuntimeError):
    """An event arrived, but there is no store to remember that it did."""


class FunctionLlm:
    """The pattern's core. Without `sessions` it is stateless, without `budget` unbounded."""

    def __init__(
        self,
        model: ChatModel,
        limits: Limits,
        *,
        sessions: Sessions | None = None,
        budget: Budget | None = None,
        once: Once | None = None,
        publisher: Publisher | None = None,
    ) -> None:
        if system_tokens(limits.system_prompt) >= limits.context_tokens:
            raise ValueError(
                f"system_prompt takes about {system_tokens(limits.system_prompt)} tokens; "
                f"context_tokens ({limits.context_tokens}) must leave room for a message"
            )
        self._model, self._limits = model, limits
        self._sessions, self._budget, self._once = sessions, budget, once
        self._publisher = publisher

    def chat(self, body: bytes, caller: str, deadline: Deadline, journal: Journal) -> Reply:
        """The reply to `POST /chat` from an authenticated `caller`; no exception leaves it."""
        try:
            return Reply(200, self._chat(body, caller, deadline, journal), {})
        except Exception as error:
            reply = failure(error)
            journal.note(error=reply.body["error"]["code"])
            if reply.status >= 500:
                journal.warn("request failed", cause=error)
            return reply

    def generate(self, event_id: str, message: str, deadline: Deadline, journal: Journal) -> dict[str, Any]:
        """Answer an event once, and send the result on if there is a destination.

        Raises whatever went wrong: the platform delivers again, and in the end puts the event with its reason
        into the dead-letter queue. An event counts against the total budget only: it has no caller.
        """
        if not event_id:
            raise InvalidRequest("id", "id of the event is empty; it must tell one event from another")
        if self._once is None:
            raise EventsNeedStore("an event arrived, but no store is configured to remember it in")
        question = check_message(message)

        def work() -> dict[str, Any]:
            context = fit(self._limits.system_prompt, (), question, self._limits.context_tokens)
            answer = self._ask(context, None, deadline, journal)
            journal.content(message=question, answer=answer.text)
            return {"event_id": event_id, **self._body(answer), "stop_reason": answer.stop_reason}

        publisher = self._publisher
        publish = partial(publisher.publish, deadline=deadline) if publisher else None
        return self._once.run(event_id, work, publish, deadline, journal)

    def _chat(self, body: bytes, caller: str, deadline: Deadline, journal: Journal) -> dict[str, Any]:
        request = parse_chat(body)
        session = self._open(request.session_id, caller, deadline)
        turns = session.turns if session else ()
        context = fit(self._limits.system_prompt, turns, request.message, self._limits.context_tokens)
        journal.note(turns_kept=len(turns), turns_sent=len(context.messages) // 2)
        answer = self._ask(context, caller, deadline, journal)
        journal.content(message=request.message, answer=answer.text)
        if self._sessions and session:
            self._sessions.remember(session, _memorable(request.message, answer), deadline, journal)
        reply = {**self._body(answer), "session_id": session.id if session else None}
        if answer.stop_reason != END or not answer.text:
            reply["stop_reason"] = answer.stop_reason
        return reply

    def _open(self, session_id: str | None, caller: str, deadline: Deadline) -> Session | None:
        if self._sessions is not None:
            return self._sessions.open(session_id, caller, deadline)
        if session_id is not None:
            raise InvalidRequest("session_id", "session_id must be left out: this endpoint keeps no sessions")
        return None

    def _ask(self, context: Context, caller: str | None, deadline: Deadline, journal: Journal) -> Answer:
        prompt = Prompt(context.messages, self._limits.system_prompt, self._limits.max_output_tokens)

        def call() -> Answer:
            before = deadline.remaining()
            try:
                return self._model.answer(prompt, deadline.minus(min(KEPT_S, KEPT_SHARE * before)))
            finally:
                journal.note(model_ms=round((before - deadline.remaining()) * 1000))

        if self._budget is None:
            answer = call()
        else:
            most = context.tokens + self._limits.max_output_tokens
            answer = self._budget.charge(caller, most, call, deadline, journal)
        journal.note(
            model=self._model.name,
            stop_reason=answer.stop_reason,
            input_tokens=answer.input_tokens,
            output_tokens=answer.output_tokens,
        )
        return answer

    def _body(self, answer: Answer) -> dict[str, Any]:
        usage = {"input_tokens": answer.input_tokens, "output_tokens": answer.output_tokens}
        return {"answer": answer.text, "model": self._model.name, "usage": usage}


def _memorable(question: str, answer: Answer) -> Turn | None:
    """A turn worth sending again: models refuse blank ones, and a filtered one would be filtered again."""
    if answer.stop_reason == CONTENT_FILTERED or not answer.text.strip():
        return None
    return Turn(question, answer.text)
