"""A folder with what `pip install DISTRIBUTION` brings, and nothing else of the environment.

An SDK looks around when it is imported: pydantic, for one, reads the entry points of every distribution there
is. In an environment full of other tools it would seem slower than in a function that has only it.
"""

from __future__ import annotations

from collections.abc import Iterator
from importlib.metadata import Distribution, distribution
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name


def link(name: str, into: Path) -> Path:
    """Fill `into` with links to the packages of the installed distribution `name`; returns it.

    Raises `PackageNotFoundError`, naming the distribution, if one of them is not installed.
    """
    for one in needed(name):
        for top in _tops(one):
            target = into / top
            target.parent.mkdir(parents=True, exist_ok=True)
            if not target.is_symlink():
                target.symlink_to(str(one.locate_file(top)))
    return into


def needed(name: str) -> list[Distribution]:
    """The distribution `name` and all that it requires, directly or not."""
    found: dict[str, Distribution] = {}
    seen: set[tuple[str, str]] = set()
    open_ends = [Requirement(name)]
    while open_ends:
        wanted = open_ends.pop()
        key = canonicalize_name(wanted.name)
        found.setdefault(key, distribution(key))
        for extra in {"", *wanted.extras}:
            if (key, extra) not in seen:
                seen.add((key, extra))
                open_ends += _requirements(found[key], extra)
    return list(found.values())


def _requirements(one: Distribution, extra: str) -> Iterator[Requirement]:
    for text in one.requires or ():
        requirement = Requirement(text)
        if requirement.marker is None or requirement.marker.evaluate({"extra": extra}):
            yield requirement


def _tops(one: Distribution) -> set[Path]:
    """Paths to link: packages, single modules, metadata; of what several distributions share its parts."""
    tops: set[Path] = set()
    for file in one.files or ():
        parts = Path(file).parts
        if ".." in parts or "__pycache__" in parts:
            continue
        depth = 1
        while depth < len(parts) and _shared(Path(str(one.locate_file(Path(*parts[:depth]))))):
            depth += 1
        tops.add(Path(*parts[:depth]))
    return tops


def _shared(folder: Path) -> bool:
    """Whether it is a namespace package, such as `google`."""
    return not (folder / "__init__.py").exists() and not folder.name.endswith((".dist-info", ".libs"))
