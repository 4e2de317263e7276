"""Where functions-framework looks for a function, which is named as its pattern."""

import flask

from serverless_ai_runtime.adapters.gcp.requests import Request, Response
from serverless_ai_runtime.entrypoints import gcp_functions

entry = gcp_functions.function_llm()


def function_llm(request: flask.Request) -> Response:
    headers = {name.lower(): value for name, value in request.headers.items()}
    return entry.handle(Request(request.method, request.path, headers, request.get_data()))
