"""The same endpoint as most people write it: boto3, no sessions, no budget. Arguments: folder, message."""

import json
import os
import sys

folder, message = sys.argv[1:]
sys.path[:0] = [folder]

import boto3  # noqa: E402

bedrock = boto3.client("bedrock-runtime")


def chat(body: str) -> str:
    """Answer one request."""
    response = bedrock.converse(
        modelId=os.environ["MODEL"],
        messages=[{"role": "user", "content": [{"text": json.loads(body)["message"]}]}],
        system=[{"text": os.environ["SYSTEM_PROMPT"]}],
        inferenceConfig={"maxTokens": 1024},
    )
    answer = response["output"]["message"]["content"][0]["text"]
    return json.dumps({"answer": answer, "usage": response["usage"]})


sys.stdout.write(json.loads(chat(json.dumps({"message": message})))["answer"] + "\n")
sys.stdout.flush()
