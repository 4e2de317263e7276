"""The floor: one bare HTTP call to the model endpoint and nothing else. Arguments: host, port."""

import json
import sys
from http.client import HTTPConnection

body = json.dumps({"messages": [{"role": "user", "content": [{"text": "What is a dead-letter queue for?"}]}]})
connection = HTTPConnection(sys.argv[1], int(sys.argv[2]))
connection.request("POST", "/model/bench/converse", body, {"Content-Type": "application/json"})
answer = json.loads(connection.getresponse().read())
sys.stdout.write(answer["output"]["message"]["content"][0]["text"] + "\n")
sys.stdout.flush()
