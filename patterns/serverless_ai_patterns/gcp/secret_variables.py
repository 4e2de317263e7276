"""Variables of a function that are filled in from Secret Manager: which names they may have."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Final

from serverless_ai_patterns.gcp.function_llm import THREADS
from serverless_ai_runtime.config import PREFIX

_NAME: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
RESERVED: Final = (
    "FUNCTION_SIGNATURE_TYPE",
    "FUNCTION_TARGET",
    "K_CONFIGURATION",
    "K_REVISION",
    "K_SERVICE",
    "PORT",
)
"""Set by Cloud Run itself. Source: https://cloud.google.com/run/docs/container-contract, 2026-11."""
_TAKEN: Final = (PREFIX, "X_GOOGLE_")


def check_names(names: Iterable[str]) -> None:
    """Raise ValueError for a name that no variable can have, or that is somebody else's."""
    made = dict[str, str]()
    for name in names:
        if not _NAME.fullmatch(name):
            raise ValueError(
                f"secrets: {name!r} is not the name of a variable: letters, digits and _, no digit at first"
            )
        if name in RESERVED or name == THREADS or name.startswith(_TAKEN):
            taken = ", ".join((*RESERVED, THREADS))
            raise ValueError(
                f"secrets: the variable {name} is not yours to set; taken are {taken}, and what begins with "
                f"{' or '.join(_TAKEN)}"
            )
        if made.setdefault(word(name), name) != name:
            raise ValueError(f"secrets: {made[word(name)]} and {name} differ by upper and lower case only")


def word(name: str) -> str:
    """A variable in the names of the resources that are made for it."""
    return name.lower().replace("_", "-")
