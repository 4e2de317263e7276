"""Answers as they are written: citations first, which are checked before the first word, then text in pieces.

Events, as server-sent events have them: `citations` (a list, as in the whole reply), `answer` ({"text"}, any
number of them), and in the end `done` with the whole reply, which counts, or `error` with that of a failure.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from queue import SimpleQueue
from threading import Thread
from typing import Any, Final

from serverless_ai_runtime.core.rag.answering import Answered, Citation, cited
from serverless_ai_runtime.core.rag.retrieval import Passage
from serverless_ai_runtime.core.replies import Reply, failure

CITATIONS, ANSWER, DONE, ERROR = "citations", "answer", "done", "error"

Send = Callable[[str, Any], None]
"""Name of an event, and its data."""

_SPACE: Final = re.compile(r"[ \t\n\r]*")
_ESCAPED: Final = 2
_UNICODE: Final = 6
"""Characters of an escape: of most, and of `\\uXXXX`."""


class Telling:
    """What a caller is told of an answer that is being written."""

    def __init__(self, send: Send, citation: Callable[[Citation], Mapping[str, Any]]) -> None:
        """`citation`: how one stands in a reply."""
        self._send, self._citation = send, citation
        self._told = False

    def citations(self, found: Sequence[Citation]) -> None:
        self._told = True
        self._send(CITATIONS, [self._citation(one) for one in found])

    def text(self, piece: str) -> None:
        self._send(ANSWER, {"text": piece})

    def reader(self, passages: Sequence[Passage]) -> Callable[[str], None]:
        """What hears an answer from these passages."""
        return Reader(passages, self).add

    def whole(self, found: Answered) -> None:
        """All of an answer of which nothing was told before: it was known, or there is none."""
        if not self._told:
            self.citations(found.citations)
            self.text(found.answer)


class Reader:
    """Reads what the model writes, and tells of it what the passages bear out.

    A model that does not write citations first, or nothing that holds, makes it tell nothing.
    """

    def __init__(self, passages: Sequence[Passage], telling: Telling) -> None:
        self._passages, self._telling = passages, telling
        self._text, self._at = "", 0
        self._step: Callable[[], None] = self._begin
        self._held = ""
        """White space that may be the end of the answer, which has none."""
        self._begun = False

    def add(self, piece: str) -> None:
        """Take in the next piece of the model's text."""
        self._text += piece
        self._step()

    def _begin(self) -> None:
        """Up to the first letter of the answer, once all of that is there."""
        try:
            at = self._text.index("{") + 1
            listed, at = self._field(at, "citations")
            at = self._sign(at, ",")
            at = self._key(at, "answer")
            at = self._sign(at, '"')
        except ValueError:
            return  # not there yet, or never
        found = cited(listed, self._passages)
        if not found:
            self._step = self._rest
            return
        self._telling.citations(found)
        self._at, self._step = at, self._go_on
        self._go_on()

    def _field(self, at: int, name: str) -> tuple[Any, int]:
        at = self._key(at, name)
        return json.JSONDecoder().raw_decode(self._text, self._space(at))

    def _key(self, at: int, name: str) -> int:
        return self._sign(self._sign(at, f'"{name}"'), ":")

    def _sign(self, at: int, sign: str) -> int:
        """Where it goes on after `sign`, with any white space before it. Raises `ValueError`."""
        at = self._space(at)
        if not self._text.startswith(sign, at):
            raise ValueError(sign)
        return at + len(sign)

    def _space(self, at: int) -> int:
        found = _SPACE.match(self._text, at)
        return found.end() if found else at

    def _go_on(self) -> None:
        end = self._whole_characters()
        try:
            text: str = json.loads(f'"{self._text[self._at : end]}"')
        except ValueError:  # no JSON: the whole will not be either
            self._step = self._rest
            return
        if self._text.startswith('"', end):
            self._step = self._rest
        self._at = end
        self._tell(text)

    def _whole_characters(self) -> int:
        """Where the text ends, or the first character of which a part is missing."""
        at, text = self._at, self._text
        while at < len(text) and text[at] != '"':
            size = 1
            if text[at] == "\\":
                size = _UNICODE if text[at + 1 : at + 2] == "u" else _ESCAPED
                if text[at + 2 : at + 4].lower() in _HIGH and size == _UNICODE:
                    after = text[at + _UNICODE : at + _UNICODE + 2]
                    if "\\u".startswith(after):
                        size = 2 * _UNICODE  # half a pair: the other one may follow
            if at + size > len(text):
                break
            at += size
        return at

    def _tell(self, text: str) -> None:
        text = self._held + text
        if not self._begun:
            text = text.lstrip()
        told = text.rstrip()
        self._held = text[len(told) :]
        if told:
            self._begun = True
            self._telling.text(told)

    def _rest(self) -> None:
        """Nothing of it is told."""


_HIGH: Final = ("d8", "d9", "da", "db")
"""First digits of the first half of a surrogate pair."""


def begin(work: Callable[[Send], Reply]) -> Reply | Iterator[str]:
    """Events of `work`, which runs meanwhile; its reply if it told nothing, as where it was refused.

    It runs to its end also when nobody reads its events any more: an answer that was paid for is kept.
    """
    said = SimpleQueue[tuple[str, Any] | Reply]()

    def run() -> None:
        reply = failure(RuntimeError("the thread has ended"))
        try:
            reply = work(lambda name, data: said.put((name, data)))
        finally:
            said.put(reply)

    thread = Thread(target=run, daemon=True)
    thread.start()
    first = said.get()
    return first if isinstance(first, Reply) else _events(first, said, thread)


def _events(
    first: tuple[str, Any], said: SimpleQueue[tuple[str, Any] | Reply], thread: Thread
) -> Iterator[str]:
    one: tuple[str, Any] | Reply = first
    try:
        while not isinstance(one, Reply):
            yield event(*one)
            one = said.get()
        yield event(DONE if one.status == 200 else ERROR, one.body)
    finally:
        thread.join()


def event(name: str, data: Any) -> str:
    """One server-sent event. JSON in ASCII has no line breaks and no halves of characters."""
    return f"event: {name}\ndata: {json.dumps(data)}\n\n"
