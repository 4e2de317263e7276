"""The function app: Microsoft's decorators around the entry point, and nothing else.

No function key: who may call is decided before the app, by App Service's authentication, and the entry point
refuses whoever it does not name.
"""

from collections.abc import Mapping
from typing import cast

import azure.functions as func

from serverless_ai_runtime.adapters.azure.principal import HEADER
from serverless_ai_runtime.core.rag.endpoint import ASK, SEARCH
from serverless_ai_runtime.entrypoints import azure_functions
from serverless_ai_runtime.entrypoints.azure_functions import Ids

app = func.FunctionApp(http_auth_level=func.AuthLevel.ANONYMOUS)
entry = azure_functions.rag_query()


def _answered(path: str, request: func.HttpRequest, context: func.Context) -> func.HttpResponse:
    ids = Ids(context.invocation_id, context.trace_context.trace_parent or "")
    headers = cast("Mapping[str, str]", request.headers)
    response = entry.answer(path, request.get_body(), headers.get(HEADER, ""), ids)
    return func.HttpResponse(
        response.body,
        status_code=response.status,
        headers=dict(response.headers),
        mimetype="application/json",
    )


@app.route(ASK.strip("/"), trigger_arg_name="request", methods=["POST"])
def ask(request: func.HttpRequest, context: func.Context) -> func.HttpResponse:
    return _answered(ASK, request, context)


@app.route(SEARCH.strip("/"), trigger_arg_name="request", methods=["POST"])
def search(request: func.HttpRequest, context: func.Context) -> func.HttpResponse:
    return _answered(SEARCH, request, context)
