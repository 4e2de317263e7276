"""Where functions-framework looks for a function, which is named as its pattern and what it does."""

import flask

from serverless_ai_runtime.adapters.gcp.requests import Request, Response
from serverless_ai_runtime.entrypoints import gcp_functions

entry = gcp_functions.rag_query()


def rag_query(request: flask.Request) -> Response:
    headers = {name.lower(): value for name, value in request.headers.items()}
    return entry.handle(Request(request.method, request.path, headers, request.get_data()))
