"""Assets and archives of a program: their content, its digest, and a deterministic zip."""

from __future__ import annotations

import hashlib
import io
import tarfile
import zipfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Any

from serverless_ai_local.doors.pulumi.wire import ARCHIVE, SIGNATURE

ZIP_TIME = (1980, 1, 1, 0, 0, 0)


class AssetError(ValueError):
    """An asset cannot be read; the text names it."""


@dataclass(frozen=True, slots=True)
class Member:
    """One file of an archive."""

    content: bytes = field(repr=False)
    executable: bool = False


@dataclass(frozen=True, slots=True)
class Asset:
    """One file. Two are equal when their content is; one that comes from the state has no content."""

    digest: str
    content: bytes = field(default=b"", repr=False, compare=False)

    @classmethod
    def read(cls, fields: Mapping[str, Any], base: Path) -> Asset:
        """From the wire form: `path` or `text`."""
        if "text" in fields:
            content = str(fields["text"]).encode()
        elif "path" in fields:
            content = _file(base / fields["path"]).content
        else:
            raise AssetError(f"remote asset {fields.get('uri')!r}: nothing is fetched here; use a file")
        return cls(hashlib.sha256(content).hexdigest(), content)


@dataclass(frozen=True, slots=True)
class Archive:
    """Files by their path in the archive. Equal when the files are; one from the state has no files."""

    digest: str
    members: Mapping[str, Member] = field(
        default_factory=dict[str, Member], repr=False, compare=False, hash=False
    )

    @classmethod
    def read(cls, fields: Mapping[str, Any], base: Path) -> Archive:
        """From the wire form: a folder, a .zip or .tar(.gz) file, or a map of assets and archives."""
        members = dict(sorted(_members(fields, base)))
        digest = hashlib.sha256()
        for name, member in members.items():
            content = hashlib.sha256(member.content).hexdigest()
            digest.update(f"{name}\0{int(member.executable)}\0{content}\n".encode())
        return cls(digest.hexdigest(), members)

    def zip(self) -> bytes:
        """The same bytes for the same files, on every machine."""
        buffer = io.BytesIO()
        with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as target:
            for name, member in self.members.items():
                info = zipfile.ZipInfo(name, ZIP_TIME)
                info.create_system = 3  # Unix, so that modes count
                info.external_attr = (0o100755 if member.executable else 0o100644) << 16
                info.compress_type = zipfile.ZIP_DEFLATED
                target.writestr(info, member.content)
        return buffer.getvalue()


def _members(fields: Mapping[str, Any], base: Path) -> Iterator[tuple[str, Member]]:
    if "assets" in fields:
        for name, part in fields["assets"].items():
            yield from _part(name, part, base)
    elif "path" in fields:
        yield from _packed(base / fields["path"])
    else:
        raise AssetError(f"remote archive {fields.get('uri')!r}: nothing is fetched here; use files")


def _part(name: str, part: Mapping[str, Any], base: Path) -> Iterator[tuple[str, Member]]:
    if part[SIGNATURE] == ARCHIVE:
        for inner, member in _members(part, base):
            yield _inside(f"{name}/{inner}"), member
    elif "path" in part:
        yield _inside(name), _file(base / part["path"])
    else:
        yield _inside(name), Member(Asset.read(part, base).content)


def _packed(path: Path) -> Iterator[tuple[str, Member]]:
    if path.is_dir():
        for file in sorted(path.rglob("*")):
            if file.is_file():
                yield file.relative_to(path).as_posix(), _file(file)
    elif zipfile.is_zipfile(path):
        with zipfile.ZipFile(path) as source:
            for info in source.infolist():
                if not info.is_dir():
                    executable = bool(info.external_attr >> 16 & 0o111)
                    yield _inside(info.filename), Member(source.read(info), executable)
    elif path.is_file() and tarfile.is_tarfile(path):
        with tarfile.open(path) as source:
            for info in source:
                extracted = source.extractfile(info) if info.isfile() else None
                if extracted is not None:
                    yield _inside(info.name), Member(extracted.read(), bool(info.mode & 0o111))
    else:
        wanted = "a folder, .zip or .tar(.gz)" if path.exists() else "which does not exist"
        raise AssetError(f"archive {path}: {wanted}")


def _file(path: Path) -> Member:
    try:
        return Member(path.read_bytes(), bool(path.stat().st_mode & 0o111))
    except OSError as error:
        raise AssetError(f"asset {path}: {error.strerror}") from error


def _inside(name: str) -> str:
    """A member's name without `.`; one that would leave the archive is refused."""
    parts = PurePosixPath(name).parts
    if ".." in parts or name.startswith("/"):
        raise AssetError(f"archive member {name!r} would lie outside of the archive")
    return str(PurePosixPath(*parts))
