"""The process of a function app: Microsoft's library finds the functions, this runs them.

A script: imports nothing of ours. Usage: worker.py ROOT REPLY_FD. One JSON object a line: requests on
standard input, answers on the descriptor. What functions print is the app's log. The process ends when its
standard input does.
"""

from __future__ import annotations

import asyncio
import importlib
import inspect
import json
import os
import sys
import threading
import traceback
import uuid
from base64 import b64decode, b64encode
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any, NamedTuple, cast

THREADS = 32
TRIGGERS = ("httpTrigger", "queueTrigger", "timerTrigger")


class Trace(NamedTuple):
    """As `context.trace_context`."""

    trace_parent: str
    trace_state: str = ""


class Context(NamedTuple):
    """What a function gets for an argument named `context`."""

    invocation_id: str
    function_name: str
    function_directory: str
    trace_context: Trace


class Worker:
    """The functions of the app in the current directory."""

    def __init__(self, root: str, replies: Any) -> None:
        self._root, self._replies = root, replies
        self._lock = threading.Lock()
        self._functions: dict[str, Any] = {}

    def index(self) -> None:
        """Load the app and tell its functions with their bindings; or that it cannot be loaded."""
        try:
            app: Any = importlib.import_module("function_app")
            functions: list[Any] = app.app.get_functions()
            self._functions = {one.get_function_name(): one for one in functions}
            for name, one in self._functions.items():
                _check_parameters(name, one)
            listed = [
                {"name": name, "bindings": [_plain(binding) for binding in one.get_bindings()]}
                for name, one in self._functions.items()
            ]
        except Exception:
            self._tell({"failed": traceback.format_exc()})
            return
        self._tell({"functions": listed})

    def run(self, request: Mapping[str, Any]) -> None:
        """One invocation; whatever the function raises is its failure and not the worker's."""
        try:
            result = self._invoke(request)
            answer: dict[str, Any] = {"id": request["id"], "ok": True, "result": result}
        except BaseException as error:  # whatever a function may raise
            text = "".join(traceback.format_exception(error)).strip()
            answer = {"id": request["id"], "ok": False, "error": text, "type": type(error).__name__}
        self._tell(answer)

    def _invoke(self, request: Mapping[str, Any]) -> Any:
        function = self._functions[request["function"]]
        run = function.get_user_function()
        trigger = next(one for one in function.get_bindings() if one.type in TRIGGERS)
        arguments: dict[str, Any] = {trigger.name: _INPUTS[trigger.type](request["trigger"])}
        if "context" in inspect.signature(run).parameters:
            trace = Trace(request.get("trace_parent", ""))
            arguments["context"] = Context(request["id"], request["function"], self._root, trace)
        result = run(**arguments)
        if inspect.iscoroutine(result):
            result = asyncio.run(result)
        return _response(result) if trigger.type == "httpTrigger" else None

    def _tell(self, content: Mapping[str, Any]) -> None:
        with self._lock:
            self._replies.write(json.dumps(content) + "\n")
            self._replies.flush()


def _check_parameters(name: str, function: Any) -> None:
    """As Microsoft's worker does: a parameter that no binding fills makes the function unusable."""
    declared = set(inspect.signature(function.get_user_function()).parameters) - {"context"}
    bound = {binding.name for binding in function.get_bindings() if binding.name != "$return"}
    if declared != bound:
        what = f"its parameters are {sorted(declared)}, its bindings {sorted(bound)}"
        raise TypeError(f"cannot load the {name} function: {what}")


def _plain(binding: Any) -> dict[str, Any]:
    described: Mapping[str, Any] = binding.get_dict_repr()
    found: dict[str, Any] = json.loads(json.dumps(described, default=_enum))
    found["type"] = binding.type
    return found


def _enum(value: Any) -> Any:
    return getattr(value, "value", str(value))


def _http(trigger: Mapping[str, Any]) -> Any:
    import azure.functions as func  # noqa: PLC0415 - the app's own dependency

    return func.HttpRequest(
        method=trigger["method"],
        url=trigger["url"],
        headers=trigger["headers"],
        params=trigger["params"],
        route_params=trigger["route_params"],
        body=b64decode(trigger["body"]),
    )


def _queue(trigger: Mapping[str, Any]) -> Any:
    from azure.functions import meta  # noqa: PLC0415
    from azure.functions.queue import QueueMessageInConverter  # noqa: PLC0415

    metadata = {key: meta.Datum(json.dumps(value), "json") for key, value in trigger["metadata"].items()}
    decode = cast("Any", QueueMessageInConverter).decode
    return decode(meta.Datum(b64decode(trigger["body"]), "bytes"), trigger_metadata=metadata)


def _timer(trigger: Mapping[str, Any]) -> Any:
    from azure.functions import meta  # noqa: PLC0415
    from azure.functions.timer import TimerRequestConverter  # noqa: PLC0415

    decode = cast("Any", TimerRequestConverter).decode
    return decode(meta.Datum(json.dumps(trigger), "json"), trigger_metadata=None)


_INPUTS = {"httpTrigger": _http, "queueTrigger": _queue, "timerTrigger": _timer}


def _response(result: Any) -> dict[str, Any]:
    if result is None:
        return {"status": 204, "headers": {}, "body": ""}
    if isinstance(result, str):
        return {"status": 200, "headers": {}, "body": b64encode(result.encode()).decode()}
    headers = dict(result.headers)
    if not any(name.lower() == "content-type" for name in headers):
        headers["content-type"] = f"{result.mimetype}; charset={result.charset}"
    body = b64encode(result.get_body()).decode()
    return {"status": result.status_code, "headers": headers, "body": body}


def main(root: str, descriptor: str) -> None:
    """Index, then run what is asked until standard input ends."""
    sys.path.insert(0, root)
    replies = os.fdopen(int(descriptor), "w", encoding="utf-8")
    worker = Worker(root, replies)
    worker.index()
    pool = ThreadPoolExecutor(THREADS)
    for line in sys.stdin:
        request = json.loads(line)
        request.setdefault("id", str(uuid.uuid4()))
        pool.submit(worker.run, request)
    os._exit(0)  # what still runs has nobody to answer to


if __name__ == "__main__":
    main(*sys.argv[1:])
