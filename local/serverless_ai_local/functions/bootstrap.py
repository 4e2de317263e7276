"""The runtime inside a function's process: takes events from the Runtime API and gives them to the handler.

Run as `python -I -S -B -u -X utf8 bootstrap.py DIRECTORY...`: nothing but the standard library and these
directories (the task root, then layers) can be imported. It behaves as awslambdaric does, and imports as
little as it can, because every cold start pays for what it imports.
"""

from __future__ import annotations

import json
import os
import socket
import sys
import time
from importlib import import_module
from importlib.machinery import PathFinder
from types import SimpleNamespace

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping
    from importlib.machinery import ModuleSpec
    from logging import Formatter, LogRecord
    from types import ModuleType, TracebackType
    from typing import Any

PREFIX = "/2018-06-01/runtime/"
CLIENT = ("installation_id", "app_title", "app_version_name", "app_version_code", "app_package_name")
SECONDS = "%Y-%m-%dT%H:%M:%S"
JSON_LOGS = os.environ.get("AWS_LAMBDA_LOG_FORMAT") == "JSON"


class Fault(Exception):
    """A failure that the runtime itself names: `kind` is the error type that the caller sees."""

    def __init__(self, kind: str, message: str, trace: Iterable[str] = ()) -> None:
        super().__init__(message)
        self.kind, self.message, self.trace = kind, message, list(trace)


class RuntimeApi:
    """One kept connection to the Runtime API; http.client would cost more to import than all of this."""

    def __init__(self, address: str) -> None:
        host, port = address.rsplit(":", 1)
        self._host = address
        self._socket = socket.create_connection((host, int(port)))
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._reader = self._socket.makefile("rb")

    def call(self, method: str, path: str, body: bytes = b"", **headers: str) -> tuple[dict[str, str], bytes]:
        """Send a request; returns the headers, with lower-case names, and the body."""
        lines = [f"{method} {PREFIX}{path} HTTP/1.1", f"Host: {self._host}", f"Content-Length: {len(body)}"]
        lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
        self._socket.sendall("\r\n".join(lines).encode("latin-1") + b"\r\n\r\n" + body)
        if not self._reader.readline():
            sys.exit(0)  # the environment is being shut down
        answer: dict[str, str] = {}
        while line := self._reader.readline().strip():
            name, _, value = line.decode("latin-1").partition(":")
            answer[name.lower()] = value.strip()
        return answer, self._reader.read(int(answer.get("content-length", 0)))

    def post_error(self, path: str, failure: Mapping[str, Any]) -> None:
        """Report a failure of the handler, or of finding it."""
        body = json.dumps(failure).encode()
        self.call("POST", path, body, Lambda_Runtime_Function_Error_Type=failure["errorType"])


def attributes(values: Mapping[str, Any], *names: str) -> SimpleNamespace:
    """An object with these attributes; absent ones are None."""
    return SimpleNamespace(**{name: values.get(name) for name in names})


class LambdaContext:
    """The second argument of a handler."""

    def __init__(self, headers: Mapping[str, str]) -> None:
        variable = os.environ.get
        self.aws_request_id = headers["lambda-runtime-aws-request-id"]
        self.invoked_function_arn = headers["lambda-runtime-invoked-function-arn"]
        self.function_name = variable("AWS_LAMBDA_FUNCTION_NAME")
        self.function_version = variable("AWS_LAMBDA_FUNCTION_VERSION")
        self.memory_limit_in_mb = variable("AWS_LAMBDA_FUNCTION_MEMORY_SIZE")
        self.log_group_name = variable("AWS_LAMBDA_LOG_GROUP_NAME")
        self.log_stream_name = variable("AWS_LAMBDA_LOG_STREAM_NAME")
        self.tenant_id = headers.get("lambda-runtime-aws-tenant-id")
        self._deadline_ms = int(headers["lambda-runtime-deadline-ms"])
        self.client_context = self._client_context(headers)
        # Only mobile SDKs with Cognito identities would fill it in; there are none here.
        self.identity = SimpleNamespace(cognito_identity_id=None, cognito_identity_pool_id=None)

    @staticmethod
    def _client_context(headers: Mapping[str, str]) -> SimpleNamespace | None:
        """What a mobile SDK says about the application that calls."""
        if "lambda-runtime-client-context" not in headers:
            return None
        try:
            values = json.loads(headers["lambda-runtime-client-context"])
        except ValueError as error:
            message = f"Unable to parse Client Context JSON: {error}"
            raise Fault("Runtime.LambdaContextUnmarshalError", message) from None
        context = attributes(values, "custom", "env", "client")
        if context.client is not None:
            context.client = attributes(context.client, *CLIENT)
        return context

    def get_remaining_time_in_millis(self) -> int:
        """Milliseconds until the platform ends the invocation; 0 once it is due."""
        return max(0, self._deadline_ms - int(time.time() * 1000))

    def log(self, message: object) -> None:
        """Write to the function's log."""
        sys.stdout.write(str(message))


class LoggingSetup:
    """Gives the root logger Lambda's handler when `logging` is first imported; free if it never is."""

    request_id = ""

    def find_spec(self, name: str, path: Any = None, target: Any = None) -> ModuleSpec | None:
        """Import hook: only `logging` is ours, once."""
        del target
        if name != "logging":
            return None
        sys.meta_path.remove(self)
        spec = PathFinder.find_spec(name, path)
        loader: Any = spec.loader if spec is not None else None
        load = loader.exec_module

        def exec_module(module: ModuleType) -> None:
            load(module)
            self._configure(module)

        loader.exec_module = exec_module
        return spec

    def _configure(self, logging: Any) -> None:
        setup = self

        class Text(logging.Formatter):
            converter = time.gmtime

            def format(self, record: Any) -> str:
                record.aws_request_id = setup.request_id
                return str(super().format(record))  # pyright: ignore[reportUnknownMemberType, reportUnknownArgumentType]

        class Json(Text):
            def format(self, record: LogRecord) -> str:
                return json.dumps(setup.fields(self, record), ensure_ascii=False, default=str)

        handler = logging.StreamHandler(sys.stdout)
        pattern = "[%(levelname)s]\t%(asctime)s.%(msecs)03dZ\t%(aws_request_id)s\t%(message)s"
        handler.setFormatter(Json(None, SECONDS + "Z") if JSON_LOGS else Text(pattern, SECONDS))
        root = logging.getLogger()
        root.addHandler(handler)
        level = os.environ.get("AWS_LAMBDA_LOG_LEVEL", "WARNING")
        root.setLevel({"TRACE": "DEBUG", "FATAL": "CRITICAL"}.get(level, level))

    def fields(self, formatter: Formatter | Any, record: LogRecord) -> dict[str, Any]:
        """A record as Lambda's JSON log format has it, with what the caller gave as `extra`."""
        kind, error, trace = record.exc_info or (None, None, None)
        known = {
            "timestamp": formatter.formatTime(record, formatter.datefmt),
            "level": record.levelname,
            "message": record.getMessage(),
            "logger": record.name,
            "stackTrace": _frames(trace) if trace else None,
            "errorType": kind.__name__ if kind else None,
            "errorMessage": str(error) if kind else None,
            "requestId": self.request_id or None,
            "location": f"{record.pathname}:{record.funcName}:{record.lineno}" if kind else None,
        }
        standard = {*vars(type(record)("", 0, "", 0, "", (), None)), "asctime", "message", "aws_request_id"}
        extra = {name: value for name, value in vars(record).items() if name not in standard | known.keys()}
        return {name: value for name, value in (known | extra).items() if value is not None}


def find_handler(name: str) -> Callable[[Any, LambdaContext], Any]:
    """The function called `module.function`. Raises `Fault` saying what is missing."""
    module_name, dot, function_name = name.rpartition(".")
    if not dot:
        message = f"Bad handler '{name}': not enough values to unpack (expected 2, got 1)"
        raise Fault("Runtime.MalformedHandlerName", message)
    if module_name.split(".")[0] in sys.builtin_module_names:
        message = f"Cannot use built-in module {module_name} as a handler module"
        raise Fault("Runtime.BuiltInModuleConflict", message)
    try:
        module = import_module(module_name.replace("/", "."))
    except ImportError as error:
        raise Fault(
            "Runtime.ImportModuleError", f"Unable to import module '{module_name}': {error}"
        ) from None
    except SyntaxError as error:
        trace = [f'  File "{error.filename}" Line {error.lineno}\n    {error.text}']
        message = f"Syntax error in module '{module_name}': {error}"
        raise Fault("Runtime.UserCodeSyntaxError", message, trace) from None
    if not hasattr(module, function_name):
        raise Fault("Runtime.HandlerNotFound", f"Handler '{function_name}' missing on module '{module_name}'")
    return getattr(module, function_name)


def encode(result: Any) -> tuple[bytes, str]:
    """What the handler returned, as body and content type."""
    if isinstance(result, bytes):
        return result, "application/unknown"
    try:
        return json.dumps(result, ensure_ascii=False, default=_decimal).encode(), "application/json"
    except Exception as error:
        raise Fault("Runtime.MarshalError", f"Unable to marshal response: {error}") from None


def _decimal(value: Any) -> int | float:
    if type(value).__name__ == "Decimal":
        return int(value) if value == value.to_integral_value() else float(value)
    raise TypeError(f"Object of type {type(value).__name__} is not JSON serializable")


def decode(body: bytes) -> Any:
    """The event."""
    try:
        return json.loads(body)
    except ValueError as error:
        raise Fault("Runtime.UnmarshalError", f"Unable to unmarshal input: {error}") from None


def describe(error: Exception, request_id: str = "") -> dict[str, Any]:
    """An exception as the caller of the function sees it."""
    if isinstance(error, Fault):
        kind, message, trace = error.kind, error.message, error.trace
    else:
        kind, message, trace = type(error).__name__, str(error), _frames(error.__traceback__)
    return {"errorMessage": message, "errorType": kind, "requestId": request_id, "stackTrace": trace}


def _frames(trace: TracebackType | None) -> list[str]:
    """Lines of a traceback, without the runtime's own frames at its top."""
    import traceback  # noqa: PLC0415 - only failures pay for it

    frames = [(one.filename, one.lineno or 0, one.name, one.line) for one in traceback.extract_tb(trace)]
    first = next((i for i, frame in enumerate(frames) if frame[0] != __file__), 0)
    return traceback.format_list(frames[first:])


def log_error(failure: Mapping[str, Any]) -> None:
    """Write a failure into the log as one record."""
    if JSON_LOGS:
        now = time.strftime(SECONDS + "Z", time.gmtime())
        sys.stdout.write(
            json.dumps({"timestamp": now, "level": "ERROR", **failure}, ensure_ascii=False) + "\n"
        )
        return
    head = f"[ERROR] {failure['errorType']}" + (
        f": {failure['errorMessage']}" if failure["errorMessage"] else ""
    )
    trace = [line for element in failure["stackTrace"] for line in element.splitlines()]
    # A carriage return keeps the lines together as one log event.
    sys.stdout.write("\r".join([head, "Traceback (most recent call last):", *trace]) + "\n")


def serve(api: RuntimeApi, handler: Callable[[Any, LambdaContext], Any], setup: LoggingSetup) -> None:
    """Serve invocations until the environment is shut down."""
    while True:
        headers, body = api.call("GET", "invocation/next")
        request_id = setup.request_id = headers["lambda-runtime-aws-request-id"]
        os.environ["_X_AMZN_TRACE_ID"] = headers.get("lambda-runtime-trace-id", "")
        try:
            result, kind = encode(handler(decode(body), LambdaContext(headers)))
        except Exception as error:
            failure = describe(error, request_id)
            log_error(failure)
            api.post_error(f"invocation/{request_id}/error", failure)
        else:
            api.call("POST", f"invocation/{request_id}/response", result, Content_Type=kind)


def main() -> None:
    """Find the handler, then serve."""
    sys.path[:0] = sys.argv[1:]
    setup = LoggingSetup()
    sys.meta_path.insert(0, setup)
    api = RuntimeApi(os.environ["AWS_LAMBDA_RUNTIME_API"])
    try:
        handler = find_handler(os.environ["_HANDLER"])
    except Exception as error:
        failure = describe(error)
        log_error(failure)
        api.post_error("init/error", failure)
        sys.exit(1)
    serve(api, handler, setup)


if __name__ == "__main__":
    main()
