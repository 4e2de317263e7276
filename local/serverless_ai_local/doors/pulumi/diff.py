"""Property paths: what changed between two sets of inputs, and what `ignore_changes` and its like mean."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from serverless_ai_local.doors.pulumi.values import Secret, Values
from serverless_ai_local.plain import is_list, is_mapping

Path = tuple[str | int, ...]
ANY = "*"
_TOKEN = re.compile(r'\.?([^.\[\]"]+)|\[(\d+|\*)\]|\["((?:[^"\\]|\\.)*)"\]')


def parse(text: str) -> Path:
    """`a.b[0]["c.d"].*` -> ("a", "b", 0, "c.d", "*"). Raises `ValueError` naming a malformed path."""
    path: list[str | int] = []
    position = 0
    while position < len(text):
        match = _TOKEN.match(text, position)
        if match is None or (position == 0 and text.startswith(".")):
            break
        name, index, quoted = match.groups()
        if name is not None:
            path.append(name)
        elif index is not None:
            path.append(ANY if index == ANY else int(index))
        else:
            path.append(re.sub(r"\\(.)", r"\1", quoted))
        position = match.end()
    if position < len(text) or not path:
        raise ValueError(f"{text!r} is not a property path such as tags.owner or rules[0]")
    return tuple(path)


def render(path: Path) -> str:
    """The inverse of `parse`."""
    text = ""
    for part in path:
        if isinstance(part, int):
            text += f"[{part}]"
        elif re.search(r'[.\[\]"]', part) or not part:
            escaped = part.replace("\\", "\\\\").replace('"', '\\"')
            text += f'["{escaped}"]'
        else:
            text += f".{part}" if text else part
    return text


def changed(old: Any, new: Any) -> tuple[Path, ...]:
    """The deepest paths at which the two differ, sorted. Whether a value is secret makes no difference."""
    return tuple(sorted(_changed(old, new, ()), key=render))


def _changed(old: Any, new: Any, at: Path) -> Iterator[Path]:
    old, new = _bare(old), _bare(new)
    if is_mapping(old) and is_mapping(new):
        for key in old.keys() | new.keys():
            if key in old and key in new:
                yield from _changed(old[key], new[key], (*at, key))
            else:
                yield (*at, key)
    elif is_list(old) and is_list(new):
        if len(old) != len(new):
            yield at
            return
        for index, (item, other) in enumerate(zip(old, new, strict=True)):
            yield from _changed(item, other, (*at, index))
    elif old != new or _number(old) != _number(new):
        # 1 and 1.0 are one number on the wire; True and 1 are not the same.
        yield at


def _bare(value: Any) -> Any:
    return value.value if isinstance(value, Secret) else value


def _number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def concerned(paths: Iterable[Path], patterns: Sequence[str]) -> tuple[Path, ...]:
    """Those of `paths` that one of `patterns` means: the same place, one inside of it or one around it."""
    parsed = [parse(pattern) for pattern in patterns]
    return tuple(path for path in paths if any(_meet(path, pattern) for pattern in parsed))


def _meet(path: Path, pattern: Path) -> bool:
    return all(mine in (theirs, ANY) or theirs == ANY for mine, theirs in zip(path, pattern, strict=False))


def keep(new: Values, old: Values, patterns: Sequence[str]) -> dict[str, Any]:
    """`new`, but as in `old` at every path of `patterns`: what `ignore_changes` asks for."""
    result = dict(new)
    for pattern in patterns:
        result = _keep(result, old, parse(pattern))
    return result


def _keep(new: Any, old: Any, path: Path) -> Any:
    head, rest = path[0], path[1:]
    if is_mapping(new) and is_mapping(old):
        merged = dict(new)
        for key in (new.keys() | old.keys()) if head == ANY else {str(head)}:
            if rest and key in new and key in old:
                merged[key] = _keep(new[key], old[key], rest)
            elif rest and key in new:
                continue  # a path deeper than what was there: nothing to keep
            elif key in old:
                merged[key] = old[key]
            else:
                merged.pop(key, None)
        return merged
    if is_list(new) and is_list(old):
        items = list(new)
        for index in range(len(new)) if head == ANY else (head,):
            if isinstance(index, int) and index < min(len(new), len(old)):
                items[index] = _keep(new[index], old[index], rest) if rest else old[index]
        return items
    return new
