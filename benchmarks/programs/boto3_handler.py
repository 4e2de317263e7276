"""The same endpoint as most people write it: boto3, no sessions, no budget."""

import json
import os
from typing import Any

import boto3

bedrock = boto3.client("bedrock-runtime")


def chat(event: dict[str, Any], _context: object) -> dict[str, Any]:
    """Answer one HTTP API request."""
    message = json.loads(event["body"])["message"]
    response = bedrock.converse(
        modelId=os.environ["MODEL"],
        messages=[{"role": "user", "content": [{"text": message}]}],
        system=[{"text": os.environ["SYSTEM_PROMPT"]}],
        inferenceConfig={"maxTokens": 1024},
    )
    answer = response["output"]["message"]["content"][0]["text"]
    return {"statusCode": 200, "body": json.dumps({"answer": answer, "usage": response["usage"]})}
