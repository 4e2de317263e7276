"""The event pipeline's handler as Lambda calls it, an upload at a time. Arguments: folder, documents."""

import json
import sys

folder, documents = sys.argv[1], int(sys.argv[2])
sys.path[:0] = [folder]

from serverless_ai_runtime.entrypoints.aws_queue import event_pipeline  # noqa: E402


class Context:
    """What handlers use of Lambda's context."""

    aws_request_id = "bench"

    def get_remaining_time_in_millis(self) -> int:
        """As if the function had a minute."""
        return 60_000


def record(number: int) -> dict[str, object]:
    """An upload, as EventBridge puts it into the queue."""
    detail = {
        "bucket": {"name": "uploads"},
        "object": {"key": f"docs/{number}.txt", "size": 40, "etag": "stub", "sequencer": f"{number:016X}"},
    }
    body = {"source": "aws.s3", "detail-type": "Object Created", "detail": detail}
    attributes = {"ApproximateReceiveCount": "1"}
    return {
        "eventSource": "aws:sqs",
        "messageId": f"m{number}",
        "receiptHandle": f"r{number}",
        "body": json.dumps(body),
        "attributes": attributes,
        "messageAttributes": {},
    }


for number in range(documents):
    reply = event_pipeline({"Records": [record(number)]}, Context())
    if reply.get("batchItemFailures"):
        sys.exit(json.dumps(reply))
sys.stdout.write("done\n")
sys.stdout.flush()
