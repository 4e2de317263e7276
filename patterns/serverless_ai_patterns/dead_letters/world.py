"""The real clock and chance, as the runtime's adapters take them."""

from __future__ import annotations

import random
import time
import uuid
from typing import Final

from serverless_ai_runtime.core.ports import World

WORLD: Final = World(time.time, time.sleep, random.random, lambda: uuid.uuid4().hex)
