"""Any server with OpenAI's chat completions (Ollama, vLLM, llama.cpp) as the model behind the endpoints."""

from __future__ import annotations

import http.client
import json
from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import urlsplit

from serverless_ai_local.models import tokens
from serverless_ai_local.models.chat import (
    END,
    FILTERED,
    MAX_TOKENS,
    ChatAnswer,
    ChatRequest,
    ModelFault,
    Refused,
    Throttled,
    TimedOut,
    Unavailable,
)

URL_VARIABLE: Final = "LOCAL_MODEL_URL"
NAME_VARIABLE: Final = "LOCAL_MODEL_NAME"
KEY_VARIABLE: Final = "LOCAL_MODEL_KEY"
TIMEOUT_S: Final = 120.0
_STOPS: Final = {"stop": END, "length": MAX_TOKENS, "content_filter": FILTERED}


class CompatibleModel:
    """Forwards chats to a URL like http://localhost:11434/v1; without a name, to the first model it lists."""

    def __init__(self, url: str, name: str = "", key: str = "") -> None:
        """Raises ValueError for a URL that is none."""
        parts = urlsplit(url)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise ValueError(
                f"{URL_VARIABLE} must be an http(s) URL like http://localhost:11434/v1, got {url!r}"
            )
        self._parts, self._name, self._key = parts, name, key
        self._path = parts.path.rstrip("/").removesuffix("/chat/completions")

    def answer(self, request: ChatRequest) -> ChatAnswer:
        """One answer. Raises `ModelFault` in neutral words for whatever the server says."""
        messages = [{"role": "system", "content": request.system}] if request.system else []
        messages += [{"role": turn.role, "content": turn.text} for turn in request.turns]
        wanted = {
            "max_tokens": request.max_tokens,
            "temperature": request.temperature,
            "top_p": request.top_p,
            "stop": list(request.stop) or None,
        }
        body = {"model": self._model(), "messages": messages}
        body |= {name: value for name, value in wanted.items() if value is not None}
        answer = self._call("POST", "/chat/completions", body)
        try:
            choice: Mapping[str, Any] = answer["choices"][0]
            text = str(choice["message"]["content"] or "")
            usage: Mapping[str, Any] = answer.get("usage") or {}
        except (KeyError, IndexError, TypeError) as error:
            raise Unavailable(f"the model server's answer has no {error}") from error
        said = [request.system, *(turn.text for turn in request.turns)]
        return ChatAnswer(
            text=text,
            stop=_STOPS.get(str(choice.get("finish_reason")), END),
            input_tokens=int(usage.get("prompt_tokens") or sum(map(tokens.count, said))),
            output_tokens=int(usage.get("completion_tokens") or tokens.count(text)),
        )

    def _model(self) -> str:
        if not self._name:
            listed: list[Any] = self._call("GET", "/models", None).get("data") or []
            if not listed:
                raise Unavailable(f"the model server lists no model; set {NAME_VARIABLE}")
            self._name = str(listed[0]["id"])
        return self._name

    def _call(self, method: str, path: str, body: object) -> dict[str, Any]:
        kind = http.client.HTTPSConnection if self._parts.scheme == "https" else http.client.HTTPConnection
        connection = kind(str(self._parts.hostname), self._parts.port, timeout=TIMEOUT_S)
        headers = {"Content-Type": "application/json"}
        if self._key:
            headers["Authorization"] = f"Bearer {self._key}"
        try:
            connection.request(method, self._path + path, json.dumps(body) if body else None, headers)
            response = connection.getresponse()
            text = response.read()
        except TimeoutError as error:
            raise TimedOut(f"the model server did not answer within {TIMEOUT_S:.0f} s") from error
        except (OSError, http.client.HTTPException) as error:
            raise Unavailable(f"the model server cannot be reached: {error}") from error
        finally:
            connection.close()
        if response.status != 200:
            raise _fault(response.status, text.decode(errors="replace")[:500])
        try:
            return dict(json.loads(text))
        except (ValueError, TypeError) as error:
            raise Unavailable(f"the model server did not answer with a JSON object: {error}") from error


def _fault(status: int, text: str) -> ModelFault:
    said = f"the model server answered {status}: {text}"
    if status == 429:
        return Throttled(said)
    if status in (408, 504):
        return TimedOut(said)
    return Unavailable(said) if status >= 500 else Refused(said)
