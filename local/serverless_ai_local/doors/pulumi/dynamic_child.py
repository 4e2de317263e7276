"""Runs the SDK's own server of dynamic providers, as Pulumi's plugin does. A script: imports nothing of ours.

It ends when its standard input does, so that it never outlives the process that started it.
"""

from __future__ import annotations

import os
import runpy
import sys
import threading
from pathlib import Path


def _end_with_parent() -> None:
    sys.stdin.read()
    os._exit(0)


if __name__ == "__main__":
    # What lies beside this script is none of the providers' business.
    sys.path[:] = [place for place in sys.path if place != str(Path(__file__).parent)]
    threading.Thread(target=_end_with_parent, daemon=True).start()
    runpy.run_module("pulumi.dynamic", run_name="__main__")
