"""The function app: Microsoft's decorators around the entry point, and nothing else.

No function key: who may call is decided before the app, by App Service's authentication, and the entry point
refuses whoever it does not name.
"""

from collections.abc import Mapping
from typing import cast

import azure.functions as func

from serverless_ai_runtime import config
from serverless_ai_runtime.adapters.azure.principal import HEADER
from serverless_ai_runtime.entrypoints import azure_functions
from serverless_ai_runtime.entrypoints.azure_functions import Ids

app = func.FunctionApp(http_auth_level=func.AuthLevel.ANONYMOUS)
entry = azure_functions.function_llm()


def _ids(context: func.Context) -> Ids:
    return Ids(context.invocation_id, context.trace_context.trace_parent or "")


@app.route("chat", trigger_arg_name="request", methods=["POST"])
def chat(request: func.HttpRequest, context: func.Context) -> func.HttpResponse:
    headers = cast("Mapping[str, str]", request.headers)
    response = entry.chat(request.get_body(), headers.get(HEADER, ""), _ids(context))
    return func.HttpResponse(
        response.body,
        status_code=response.status,
        headers=dict(response.headers),
        mimetype="application/json",
    )


if entry.edge.events_queue:

    @app.queue_trigger(  # pyright: ignore[reportUnknownMemberType]
        arg_name="message",
        queue_name=f"%{config.variable('events_queue')}%",
        connection=config.AZURE_EVENTS_CONNECTION,
    )
    def event(message: func.QueueMessage, context: func.Context) -> None:
        text = message.get_body().decode("utf-8", "replace")
        entry.event(text, message.dequeue_count or 1, _ids(context))


if entry.edge.schedule:

    @app.timer_trigger(arg_name="timer", schedule=f"%{config.variable('schedule')}%")
    def schedule(timer: func.TimerRequest, context: func.Context) -> None:
        entry.schedule(_ids(context))
