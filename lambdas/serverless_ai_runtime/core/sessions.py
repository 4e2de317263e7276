"""Memory of conversations: sessions belong to one caller, end by themselves and take concurrent turns."""

from __future__ import annotations

from typing import Any, Final, NamedTuple, cast

from serverless_ai_runtime.core.context import Turn
from serverless_ai_runtime.core.ports import Deadline, Journal, KeyValueStore, Record, VersionConflict, World
from serverless_ai_runtime.core.records import MAX_RECORD_BYTES, json_bytes, pause
from serverless_ai_runtime.core.replies import Rejection

MAX_ATTEMPTS: Final = 12
"""Lost races until a turn gives up. Of concurrent turns one wins each round: 12 always get through."""


class SessionNotFound(Rejection):
    """404, and the same one whether the session never was, has ended or is another caller's."""

    status = 404

    def __init__(self) -> None:
        text = "no such session; leave session_id out to begin one"
        super().__init__("session_not_found", text, field="session_id")


class SessionBusy(Rejection):
    """503: too many turns of one session at once. The answer was not remembered."""

    status = 503

    def __init__(self) -> None:
        text = "too many concurrent requests in this session; send its turns one after another"
        super().__init__("session_busy", text, field="session_id", retry_after_s=1)


class Session(NamedTuple):
    id: str
    owner: str
    turns: tuple[Turn, ...]
    version: str | None
    """Of the stored record; None: not stored yet."""


class Sessions:
    """Sessions in a store. Each remembered turn prolongs the session by `ttl_s` seconds."""

    def __init__(self, store: KeyValueStore, world: World, *, history_turns: int, ttl_s: int) -> None:
        self._store, self._world = store, world
        self._history_turns, self._ttl_s = history_turns, ttl_s

    def open(self, session_id: str | None, owner: str, deadline: Deadline) -> Session:
        """The session of that id, or a new one; raises `SessionNotFound`."""
        if session_id is None:
            return Session(self._world.token(), owner, (), None)
        record = self._store.get(_key(session_id), deadline)
        if record is None or record.value.get("owner") != owner:
            raise SessionNotFound
        return _session(session_id, record)

    def remember(self, session: Session, turn: Turn | None, deadline: Deadline, journal: Journal) -> None:
        """Append `turn` (None: only prolong) to whatever the session holds by now; raises `SessionBusy`.

        A session that ended while the model was thinking goes on with what it held when it was opened.
        """
        current = session
        for attempt in range(MAX_ATTEMPTS):
            if attempt and not pause(attempt, self._world, deadline):
                break
            try:
                self._write(current, turn, deadline, journal)
                return
            except VersionConflict:
                record = self._store.get(_key(session.id), deadline)
                current = session._replace(version=None) if record is None else _session(session.id, record)
        raise SessionBusy

    def _write(self, session: Session, turn: Turn | None, deadline: Deadline, journal: Journal) -> None:
        turns = (*session.turns, turn) if turn else session.turns
        kept = _newest(turns[-self._history_turns :], session.owner)
        if turn and not kept:
            journal.warn("turn too large to remember", session_id=session.id)
        value = {"owner": session.owner, "turns": [list(kept_turn) for kept_turn in kept]}
        expires_at = int(self._world.now()) + self._ttl_s
        self._store.put(
            _key(session.id), value, expect=session.version, expires_at=expires_at, deadline=deadline
        )


def _newest(turns: tuple[Turn, ...], owner: str) -> tuple[Turn, ...]:
    """The newest turns whose record every store takes."""
    left = MAX_RECORD_BYTES - json_bytes({"owner": owner, "turns": []})
    for count, turn in enumerate(reversed(turns)):
        left -= json_bytes(turn) + 1
        if left < 0:
            return turns[len(turns) - count :]
    return turns


def _session(session_id: str, record: Record) -> Session:
    stored = cast("list[list[Any]]", record.value["turns"])
    turns = tuple(Turn(question, answer) for question, answer in stored)
    return Session(session_id, record.value["owner"], turns, record.version)


def _key(session_id: str) -> str:
    return "session." + session_id
