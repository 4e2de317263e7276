"""The same endpoint as most people write it: google-genai, no sessions, no budget.

Arguments: folder, message. It has a token, and so asks nobody for one: one call less than the handler makes.
"""

import json
import os
import sys

folder, message = sys.argv[1:]
sys.path[:0] = [folder]

from google import genai  # noqa: E402
from google.genai.types import GenerateContentConfig, HttpOptions  # noqa: E402
from google.oauth2.credentials import Credentials  # noqa: E402

client = genai.Client(
    vertexai=True,
    project=os.environ["PROJECT"],
    location=os.environ["LOCATION"],
    credentials=Credentials(token="bench"),
    http_options=HttpOptions(base_url=os.environ["MODEL_ENDPOINT"], api_version="v1"),
)


def chat(body: bytes) -> str:
    """Answer one request."""
    response = client.models.generate_content(
        model=os.environ["MODEL"],
        contents=json.loads(body)["message"],
        config=GenerateContentConfig(max_output_tokens=1024, system_instruction=os.environ["SYSTEM_PROMPT"]),
    )
    usage = response.usage_metadata
    tokens = (
        {"input_tokens": usage.prompt_token_count, "output_tokens": usage.candidates_token_count}
        if usage
        else {}
    )
    return json.dumps({"answer": response.text, "usage": tokens})


sys.stdout.write(json.loads(chat(json.dumps({"message": message}).encode()))["answer"] + "\n")
sys.stdout.flush()
