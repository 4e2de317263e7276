"""The model as every endpoint uses it: calls are recorded, scripted faults strike, then the model answers."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Mapping, Sequence
from typing import Any, Final

from serverless_ai_local.admin import AdminRoutes
from serverless_ai_local.models import tokens
from serverless_ai_local.models.chat import FILTERED, ChatAnswer, ChatRequest, Model
from serverless_ai_local.models.compatible import KEY_VARIABLE, NAME_VARIABLE, URL_VARIABLE, CompatibleModel
from serverless_ai_local.models.embedding import embed
from serverless_ai_local.models.extractive import ExtractiveModel
from serverless_ai_local.models.faults import FILTER, Faults
from serverless_ai_local.models.prefixes import Prefixes

KEPT_CALLS: Final = 1000
KEPT_EMBEDDINGS: Final = 100_000
FILTERED_TEXT: Final = "[local] The answer was withheld by a content filter."


class ModelService:
    """One for the whole cloud."""

    def __init__(self, model: Model) -> None:
        self.faults = Faults()
        self.prefixes = Prefixes()
        self._model = model
        self._calls: deque[dict[str, Any]] = deque(maxlen=KEPT_CALLS)
        self._count = 0
        self._embeddings: deque[dict[str, Any]] = deque(maxlen=KEPT_EMBEDDINGS)
        self._lock = threading.Lock()

    def answer(self, request: ChatRequest) -> ChatAnswer:
        """One answer. Raises `ModelFault`; the call is recorded either way."""
        self._record(request)
        if self.faults.strike() == FILTER:
            read = sum(tokens.count(turn.text) for turn in request.turns) + tokens.count(request.system)
            written = tokens.count(FILTERED_TEXT)
            return ChatAnswer(text=FILTERED_TEXT, stop=FILTERED, input_tokens=read, output_tokens=written)
        return self._model.answer(request)

    def embed(self, model: str, texts: Sequence[str], dimensions: int) -> list[list[float]]:
        """A vector for each text; the call is recorded."""
        with self._lock:
            self._embeddings.append({"model": model, "texts": len(texts)})
        return [embed(text, dimensions) for text in texts]

    def routes(self) -> AdminRoutes:
        """Calls and faults, as part of the admin API."""
        return {
            ("GET", "model/calls"): lambda call: self.calls(),
            ("DELETE", "model/calls"): lambda call: self.clear_calls(),
            ("GET", "model/embeddings"): lambda call: self.embeddings(),
            ("DELETE", "model/embeddings"): lambda call: self.clear_embeddings(),
            ("GET", "model/faults"): lambda call: {"faults": self.faults.listed()},
            ("POST", "model/faults"): lambda call: self.faults.add(call.body),
            ("DELETE", "model/faults"): lambda call: self.faults.clear(),
        }

    def calls(self) -> dict[str, Any]:
        """How many calls there were, and the latest of them."""
        with self._lock:
            return {"count": self._count, "calls": list(self._calls)}

    def clear_calls(self) -> None:
        """Start counting anew."""
        with self._lock:
            self._calls.clear()
            self._count = 0

    def embeddings(self) -> dict[str, Any]:
        """The calls for embeddings: model, and how many texts."""
        with self._lock:
            return {"calls": list(self._embeddings)}

    def clear_embeddings(self) -> None:
        """Start counting anew."""
        with self._lock:
            self._embeddings.clear()

    def _record(self, request: ChatRequest) -> None:
        call = {
            "model": request.model,
            "system": request.system,
            "roles": [turn.role for turn in request.turns],
            "texts": [turn.text for turn in request.turns],
            "max_tokens": request.max_tokens,
        }
        with self._lock:
            self._calls.append(call)
            self._count += 1


def from_environment(environment: Mapping[str, str]) -> Model:
    """The OpenAI-compatible model of LOCAL_MODEL_URL if that is set, else the extractive one."""
    url = environment.get(URL_VARIABLE, "")
    if url:
        return CompatibleModel(url, environment.get(NAME_VARIABLE, ""), environment.get(KEY_VARIABLE, ""))
    return ExtractiveModel()
