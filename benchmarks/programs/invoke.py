"""The smallest bootstrap: calls a handler as Lambda would. Arguments: search path, handler, event file."""

import json
import os
import sys
from importlib import import_module

search_path, handler, event_file = sys.argv[1:]
sys.path[:0] = search_path.split(os.pathsep)
with open(event_file, encoding="utf-8") as file:  # noqa: PTH123 - pathlib's import would be measured
    event = json.load(file)


class Context:
    """What handlers use of Lambda's context."""

    aws_request_id = "bench"

    def get_remaining_time_in_millis(self) -> int:
        """As if the function had 29 seconds."""
        return 29_000


module, name = handler.rsplit(".", 1)
reply = getattr(import_module(module), name)(event, Context())
if reply["statusCode"] != 200:
    sys.exit(json.dumps(reply))
sys.stdout.write(json.loads(reply["body"])["answer"] + "\n")
sys.stdout.flush()
