"""A user's own processor that fails on demand. What an item says is what happens to it.

Each line of a file: `fail-once PATH`, `crash-once PATH`, `slow-once PATH` (the first time, that is, as long
as there is no file at PATH) or `poison-until PATH` (as long as there is none). Everything else is counted.
"""

import os
import time
from pathlib import Path


def process(item: dict) -> dict:
    text = item["body"].decode()
    for line in text.splitlines():
        word, _, path = line.partition(" ")
        if word == "poison-until" and not Path(path).exists():
            raise ValueError(f"this document cannot be read: {item['name']}")
        if word in ("fail-once", "crash-once", "slow-once") and _first_time(path):
            if word == "crash-once":
                os._exit(3)
            if word == "slow-once":
                time.sleep(60)
            raise RuntimeError("a passing trouble")
    return {"words": len(text.split()), "name": item["name"]}


def _first_time(path: str) -> bool:
    try:
        Path(path).touch(exist_ok=False)
    except FileExistsError:
        return False
    return True
