"""The function app: Microsoft's decorators around the entry point, and nothing else. It has no route."""

import azure.functions as func

from serverless_ai_runtime import config
from serverless_ai_runtime.adapters.azure.queue import Received
from serverless_ai_runtime.entrypoints import azure_queue
from serverless_ai_runtime.entrypoints.azure_queue import Ids

app = func.FunctionApp()
entry = azure_queue.rag_ingest()


@app.queue_trigger(  # pyright: ignore[reportUnknownMemberType]
    arg_name="message",
    queue_name=f"%{config.variable('events_queue')}%",
    connection=config.AZURE_EVENTS_CONNECTION,
)
def rag_ingest(message: func.QueueMessage, context: func.Context) -> None:
    text = message.get_body().decode("utf-8", "replace")
    received = Received(message.id or "", message.pop_receipt or "", message.dequeue_count or 1, text)
    entry.message(received, Ids(context.invocation_id, context.trace_context.trace_parent or ""))
