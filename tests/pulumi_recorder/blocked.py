"""Python without some of the packages that are installed here."""

from __future__ import annotations

import subprocess
import sys

_FINDER = """
import sys
class Missing:
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] in {blocked!r}:
            raise ModuleNotFoundError(f"No module named {{name!r}}", name=name)
sys.meta_path.insert(0, Missing())
"""


def python(code: str, *, without: tuple[str, ...] = ()) -> subprocess.CompletedProcess[str]:
    """Run `code` in a process of its own in which `without` cannot be imported."""
    script = _FINDER.format(blocked=without) + code
    return subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
