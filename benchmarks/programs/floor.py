"""The floor: one bare HTTP call of a model and nothing else.

Arguments: host and port, path, body, then the keys that lead to the answer's text.
"""

import json
import sys
from http.client import HTTPConnection

address, path, body, *keys = sys.argv[1:]
connection = HTTPConnection(address)
connection.request("POST", path, body, {"Content-Type": "application/json"})
answer = json.loads(connection.getresponse().read())
for key in keys:
    answer = answer[int(key) if key.isdigit() else key]
sys.stdout.write(answer + "\n")
sys.stdout.flush()
