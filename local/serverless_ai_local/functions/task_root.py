"""The unpacked code of a function: the task root, and its layers."""

from __future__ import annotations

import io
import shutil
import sys
import tempfile
import zipfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal, get_args

from serverless_ai_local.functions.deployed import CUSTOM, PYTHON, Deployed

Runtime = Literal["own", "awslambdaric"]
"""Which runtime interface client Python functions run under."""
RUNTIMES: Final[tuple[Runtime, ...]] = get_args(Runtime)

_BOOTSTRAP: Final = str(Path(__file__).with_name("bootstrap.py"))


class UnrunnableError(Exception):
    """The function cannot run on this machine; the text says why."""


@dataclass(frozen=True, kw_only=True, slots=True)
class TaskRoot:
    """Where the code of one function lies."""

    directory: Path
    code: Path
    libraries: tuple[Path, ...]
    """Directories of Python packages that come from layers."""

    def command(self, deployed: Deployed, runtime: Runtime) -> list[str]:
        """What to start for an environment."""
        if deployed.runtime.startswith(CUSTOM):
            return [str(self.code / "bootstrap")]
        if runtime == "awslambdaric":
            return [sys.executable, "-B", "-u", "-m", "awslambdaric", deployed.handler]
        flags = ["-I", "-S", "-B", "-u", "-X", "utf8"]
        return [sys.executable, *flags, _BOOTSTRAP, str(self.code), *map(str, self.libraries)]

    def remove(self) -> None:
        """Delete the files."""
        shutil.rmtree(self.directory, ignore_errors=True)


def unpack(deployed: Deployed, under: Path) -> TaskRoot:
    """Unpack code and layers into a new directory. Raises `UnrunnableError`."""
    if not deployed.runtime.startswith((PYTHON, CUSTOM)):
        raise UnrunnableError(
            f"{deployed.name}: the runtime {deployed.runtime or '(none)'} does not run locally; "
            f"{PYTHON}* and {CUSTOM}.* do"
        )
    directory = Path(tempfile.mkdtemp(prefix=f"{deployed.name}-", dir=under))
    code, layers = directory / "task", directory / "opt"
    _extract(deployed.name, [deployed.code], code)
    _extract(f"a layer of {deployed.name}", list(deployed.layers.values()), layers)
    version = deployed.runtime.removeprefix("python")
    python = layers / "python"
    libraries = [python / "lib" / f"python{version}" / "site-packages", python]
    return TaskRoot(directory=directory, code=code, libraries=tuple(one for one in libraries if one.is_dir()))


def _extract(what: str, archives: Sequence[bytes], into: Path) -> None:
    into.mkdir()
    for archive in archives:
        try:
            content = zipfile.ZipFile(io.BytesIO(archive))
        except zipfile.BadZipFile:
            raise UnrunnableError(f"the code of {what} is not a zip file") from None
        for entry in content.infolist():
            path = Path(content.extract(entry, into))
            if not entry.is_dir():
                path.chmod(entry.external_attr >> 16 & 0o555 | 0o644)
