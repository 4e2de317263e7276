"""What a stack is made of, kept in a file after every step, so that an interrupted `up` can be continued."""

from __future__ import annotations

import json
import os
import threading
from collections.abc import Iterable
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from typing import Any, Final

from serverless_ai_local.doors.pulumi.results import RefusedError
from serverless_ai_local.doors.pulumi.values import Values
from serverless_ai_local.doors.pulumi.vault import Vault

VERSION: Final = 1
SEQUENCES: Final = ("defaults", "dependencies")


@dataclass(frozen=True, kw_only=True, slots=True)
class Entry:
    """One resource of the stack: what the program asked for and what came of it."""

    urn: str
    type: str
    name: str
    custom: bool
    parent: str = ""
    inputs: Values = field(default_factory=dict[str, Any])
    outputs: Values = field(default_factory=dict[str, Any])
    id: str = ""
    handle: str = ""
    """What the cloud's translator needs to find it again."""
    defaults: tuple[str, ...] = ()
    """Inputs that were filled in and not given, such as a generated name."""
    dependencies: tuple[str, ...] = ()
    provider: str = ""
    settings: Values = field(default_factory=dict[str, Any])
    """Of its provider: where it is, e.g. its region."""
    trigger: Any = None
    deleted_with: str = ""
    protect: bool = False
    retain: bool = False
    external: bool = False
    """Read with `.get()`: not ours to delete."""
    doomed: bool = False
    """Replaced; to be deleted at the end of an `up`."""

    @property
    def package(self) -> str:
        return self.type.split(":", 1)[0]

    @property
    def managed(self) -> bool:
        """Whether it exists in the cloud and is ours."""
        return self.custom and not self.external and not self.type.startswith("pulumi:")


class State:
    """The entries of one stack, in the order they were made. Thread-safe. Without a file nothing is saved."""

    def __init__(
        self,
        file: Path | None = None,
        entries: Iterable[Entry] = (),
        outputs: Values | None = None,
        cloud: int | None = None,
    ) -> None:
        self.file = file
        self.entries = list(entries)
        self.outputs: Values = outputs or {}
        self.cloud = cloud
        """The process of the local cloud that it belongs to; another one has forgotten everything."""
        self.begun: dict[str, str] = {}
        """URN -> operation for what was begun and not finished."""
        self._lock = threading.RLock()

    @classmethod
    def load(cls, file: Path) -> State:
        """The saved state, or an empty one. Raises `RefusedError` if it cannot be read."""
        if not file.exists():
            return cls(file)
        try:
            saved = json.loads(file.read_text())
            if saved["version"] != VERSION:
                raise RefusedError(f"{file}: state of version {saved['version']}, this reads {VERSION}")
            box = Vault(file.parent)
            entries = [_entry(box.open(entry)) for entry in saved["resources"]]
            state = cls(file, entries, box.open(saved["outputs"]), saved["cloud"])
            state.begun = saved["begun"]
        except (ValueError, KeyError, TypeError) as error:
            raise RefusedError(
                f"{file}: not a stack's state ({error!r}); remove it to start afresh"
            ) from error
        return state

    def rehearsal(self) -> State:
        """A copy that saves nothing."""
        return State(None, self.entries, self.outputs, self.cloud)

    def find(self, urn: str) -> Entry | None:
        """The live entry of this URN."""
        return next((entry for entry in self.entries if entry.urn == urn and not entry.doomed), None)

    def begin(self, urn: str, operation: str) -> None:
        """Note what is about to be done: should we die meanwhile, the next run knows."""
        with self._lock:
            self.begun[urn] = operation
            self.save()

    def abandon(self, urn: str) -> None:
        """What was begun came to nothing."""
        with self._lock:
            self.begun.pop(urn, None)
            self.save()

    def put(self, entry: Entry, was: Entry | None = None) -> None:
        """Add it in place of `was`, else at the end; ends what was begun for it."""
        with self._lock:
            self.begun.pop(entry.urn, None)
            if was is not None and was in self.entries:
                self.entries[self.entries.index(was)] = entry
            else:
                self.entries.append(entry)
            self.save()

    def doom(self, entry: Entry) -> None:
        """Mark what was replaced."""
        with self._lock:
            self.entries[self.entries.index(entry)] = replace(entry, doomed=True)
            self.save()

    def drop(self, entry: Entry) -> None:
        """Forget what was deleted."""
        with self._lock:
            self.begun.pop(entry.urn, None)
            self.entries.remove(entry)
            self.save()

    def set_outputs(self, urn: str, outputs: Values) -> Entry | None:
        """Outputs that a component registered for itself; None for an unknown URN."""
        with self._lock:
            entry = self.find(urn)
            if entry is not None:
                self.put(replace(entry, outputs=outputs), entry)
            return entry

    def save(self) -> None:
        """Write the file so that there is always a whole one."""
        with self._lock:
            if self.file is None:
                return
            self.file.parent.mkdir(parents=True, exist_ok=True)
            box = Vault(self.file.parent)
            content = {
                "version": VERSION,
                "cloud": self.cloud,
                "begun": self.begun,
                "outputs": box.close(self.outputs),
                "resources": [box.close(_saved(entry)) for entry in self.entries],
            }
            partial = self.file.with_suffix(".partial")
            with partial.open("w") as target:
                json.dump(content, target, indent=1)
                target.flush()
                os.fsync(target.fileno())
            partial.replace(self.file)

    def remove_file(self) -> None:
        """Forget the stack."""
        if self.file is not None:
            self.file.unlink(missing_ok=True)


def _saved(entry: Entry) -> dict[str, Any]:
    """Its fields that are not as by default: the file stays readable."""
    values = {item.name: getattr(entry, item.name) for item in fields(entry)}
    values |= {name: list(values[name]) for name in SEQUENCES}
    return {name: value for name, value in values.items() if value or name == "custom"}


def _entry(saved: dict[str, Any]) -> Entry:
    for name in SEQUENCES:
        saved[name] = tuple(saved.get(name, ()))
    return Entry(**saved)
