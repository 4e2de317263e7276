"""Property paths: what changed between two sets of inputs, and what `ignore_changes` and its like mean."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, cast

from serverless_ai_local.doors.pulumi.values import Secret, Values

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
    if isinstance(old, Mapping) and isinstance(new, Mapping):
        before, after = cast(Values, old), cast(Values, new)
        for key in before.keys() | after.keys():
            if key in before and key in after:
                yield from _changed(before[key], after[key], (*at, key))
            else:
                yield (*at, key)
    elif isinstance(old, list) and isinstance(new, list):
        items, others = cast(list[Any], old), cast(list[Any], new)
        if len(items) != len(others):
            yield at
            return
        for index, (item, other) in enumerate(zip(items, others, strict=True)):
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
        result = cast(dict[str, Any], _keep(result, old, parse(pattern)))
    return result


def _keep(new: Any, old: Any, path: Path) -> Any:
    head, rest = path[0], path[1:]
    if isinstance(new, Mapping) and isinstance(old, Mapping):
        merged, before = dict(cast(Values, new)), cast(Values, old)
        for key in (merged.keys() | before.keys()) if head == ANY else {str(head)}:
            if rest and key in merged and key in before:
                merged[key] = _keep(merged[key], before[key], rest)
            elif rest and key not in before and key in merged:
                continue  # a path deeper than what is there: nothing to keep
            elif key in before:
                merged[key] = before[key]
            else:
                merged.pop(key, None)
        return merged
    if isinstance(new, list) and isinstance(old, list):
        items, before_items = list(cast(list[Any], new)), cast(list[Any], old)
        for index in range(len(items)) if head == ANY else (head,):
            if isinstance(index, int) and index < len(items) and index < len(before_items):
                kept = before_items[index]
                items[index] = _keep(items[index], kept, rest) if rest else kept
        return items
    return cast(Any, new)
