"""The handler as the function app calls it, without the host's library. Arguments: folder, message."""

import json
import sys
from binascii import b2a_base64

folder, message = sys.argv[1:]
sys.path[:0] = [folder]

from serverless_ai_runtime.entrypoints.azure_functions import Ids, function_llm  # noqa: E402

claims = [
    {"typ": "iss", "val": "https://login.microsoftonline.com/bench/v2.0"},
    {"typ": "sub", "val": "bench"},
]
principal = b2a_base64(json.dumps({"auth_typ": "aad", "claims": claims}).encode(), newline=False).decode()
ids = Ids("bench", "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01")
reply = function_llm().chat(json.dumps({"message": message}).encode(), principal, ids)
if reply.status != 200:
    sys.exit(f"{reply.status} {reply.body}")
sys.stdout.write(json.loads(reply.body)["answer"] + "\n")
sys.stdout.flush()
