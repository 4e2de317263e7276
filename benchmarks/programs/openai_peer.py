"""The same endpoint as most people write it: the openai SDK, no sessions, no budget.

Arguments: folder, message. It has an API key, and so asks nobody for a token: one call less than
the handler makes.
"""

import json
import os
import sys

folder, message = sys.argv[1:]
sys.path[:0] = [folder]

from openai import OpenAI  # noqa: E402

client = OpenAI(base_url=os.environ["MODEL_ENDPOINT"], api_key="bench")


def chat(body: bytes) -> str:
    """Answer one request."""
    completion = client.chat.completions.create(
        model=os.environ["MODEL"],
        messages=[
            {"role": "system", "content": os.environ["SYSTEM_PROMPT"]},
            {"role": "user", "content": json.loads(body)["message"]},
        ],
        max_completion_tokens=1024,
    )
    usage = completion.usage
    tokens = {"input_tokens": usage.prompt_tokens, "output_tokens": usage.completion_tokens} if usage else {}
    return json.dumps({"answer": completion.choices[0].message.content, "usage": tokens})


sys.stdout.write(json.loads(chat(json.dumps({"message": message}).encode()))["answer"] + "\n")
sys.stdout.flush()
