"""The handler as Lambda calls it. Arguments: folder of the unpacked zip, message."""

import json
import sys

folder, message = sys.argv[1:]
sys.path[:0] = [folder]

from serverless_ai_runtime.entrypoints.aws_lambda import function_llm  # noqa: E402


class Context:
    """What handlers use of Lambda's context."""

    aws_request_id = "bench"

    def get_remaining_time_in_millis(self) -> int:
        """As if the function had 29 seconds."""
        return 29_000


event = {
    "version": "2.0",
    "routeKey": "POST /chat",
    "rawPath": "/chat",
    "headers": {"content-type": "application/json", "host": "bench.example"},
    "requestContext": {
        "requestId": "bench",
        "http": {"method": "POST", "path": "/chat", "protocol": "HTTP/1.1", "sourceIp": "192.0.2.1"},
        "authorizer": {"iam": {"userArn": "arn:aws:iam::123456789012:user/bench"}},
    },
    "body": json.dumps({"message": message}),
    "isBase64Encoded": False,
}
reply = function_llm(event, Context())
if reply["statusCode"] != 200:
    sys.exit(json.dumps(reply))
sys.stdout.write(json.loads(reply["body"])["answer"] + "\n")
sys.stdout.flush()
