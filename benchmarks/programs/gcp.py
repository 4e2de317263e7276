"""The handler as `main.py` calls it, without the host's library. Arguments: folder, message."""

import json
import sys
from binascii import b2a_base64

folder, message = sys.argv[1:]
sys.path[:0] = [folder]

from serverless_ai_runtime.entrypoints.gcp_functions import Request, function_llm  # noqa: E402

claims = json.dumps({"iss": "https://accounts.google.com", "sub": "bench"}).encode()
token = "e30." + b2a_base64(claims, newline=False).decode().rstrip("=") + ".SIGNATURE_REMOVED_BY_GOOGLE"
headers = {"content-type": "application/json", "authorization": f"Bearer {token}"}
body = json.dumps({"message": message}).encode()
reply = function_llm().handle(Request("POST", "/chat", headers, body))
if reply.status != 200:
    sys.exit(f"{reply.status} {reply.body}")
sys.stdout.write(json.loads(reply.body)["answer"] + "\n")
sys.stdout.flush()
