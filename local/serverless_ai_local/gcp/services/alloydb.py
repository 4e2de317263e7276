"""AlloyDB: each instance listens on an address of its own, checks who comes, and hands on to PostgreSQL.

The way in is a fake: TLS, the start of PostgreSQL's protocol, and a check of the user's name against the
token that he gives as his password. From then on bytes go between him and the real PostgreSQL as they are.
"""

from __future__ import annotations

import socket
import ssl
import struct
import threading
from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Any, Final

from serverless_ai_local.gcp import types
from serverless_ai_local.gcp.errors import RpcError
from serverless_ai_local.gcp.iam.authority import Authority
from serverless_ai_local.gcp.registry import Deployed, Registry
from serverless_ai_local.gcp.resources.databases import address
from serverless_ai_local.gcp.services.certificates import server_context
from serverless_ai_local.gcp.tokens import GoogleTokens
from serverless_ai_local.postgres import Postgres

PORT: Final = 5432
DATABASE: Final = "postgres"
READERS: Final = "alloydbiamuser"
WRITERS: Final = "alloydbsuperuser"
LOGIN: Final = "alloydb.users.login"

_STARTED: Final = "postgres"
"""Superuser, and database that is always there."""
_SSL_REQUEST: Final = 80877103
_VERSION: Final = 196608
_PATIENCE_S: Final = 30.0


class LoginError(Exception):
    """Somebody may not come in."""


class AlloyDb:
    """Follows what is deployed: clusters are databases, instances listeners, users roles."""

    def __init__(
        self, registry: Registry, tokens: GoogleTokens, authority: Authority, postgres: Postgres
    ) -> None:
        self._registry, self._tokens, self._authority = registry, tokens, authority
        self._postgres = postgres
        self._lock = threading.Lock()
        self._databases: set[str] = set()
        self._roles: dict[str, str] = {}
        self._listeners: dict[str, socket.socket] = {}
        self._context: ssl.SSLContext | None = None
        registry.listen(self._follow)

    def stop(self) -> None:
        """Close all listeners, and end PostgreSQL."""
        with self._lock:
            for one in self._listeners.values():
                _close(one)
            self._listeners.clear()
        self._postgres.stop()

    def _follow(self) -> None:
        with self._lock:
            clusters = {one.uid: one for one in self._registry.all(types.ALLOYDB_CLUSTER)}
            instances = {one.uid: one for one in self._registry.all(types.ALLOYDB_INSTANCE)}
            for uid in self._listeners.keys() - instances.keys():
                _close(self._listeners.pop(uid))
            for uid in self._databases - clusters.keys():
                self._postgres.drop(_database(uid))
            for uid in clusters.keys() - self._databases:
                self._create(uid)
            self._databases = set(clusters)
            self._follow_users({one.id: one.uid for one in clusters.values()})
            for uid in instances.keys() - self._listeners.keys():
                self._listeners[uid] = self._listen(instances[uid])

    def _create(self, uid: str) -> None:
        name = _database(uid)
        self._postgres.create(name)
        with self._postgres.connection(_STARTED, _STARTED) as administrator:
            if not administrator.run("SELECT 1 FROM pg_roles WHERE rolname = :name", name=READERS):
                administrator.run(f"CREATE ROLE {READERS}")
            administrator.run(f"REVOKE CONNECT ON DATABASE {name} FROM PUBLIC")

    def _follow_users(self, clusters: Mapping[str, str]) -> None:
        """`clusters`: id -> uid."""
        users = {one.uid: one for one in self._registry.all(types.ALLOYDB_USER)}
        for uid in self._roles.keys() - users.keys():
            self._drop_user(uid, self._roles.pop(uid))
        for uid in users.keys() - self._roles.keys():
            self._roles[uid] = cluster = clusters[users[uid].inputs["cluster"]]
            roles = [f"CREATE ROLE {_role(uid)} LOGIN IN ROLE {READERS}"]
            roles.append(f"GRANT CONNECT ON DATABASE {_database(cluster)} TO {_role(uid)}")
            if WRITERS in (users[uid].inputs.get("databaseRoles") or ()):
                roles.append(f"GRANT {_database(cluster)} TO {_role(uid)}")
            self._administer(_STARTED, *roles)

    def _drop_user(self, uid: str, cluster: str) -> None:
        """What it has made is the cluster's from now on."""
        if cluster in self._databases:
            owner = f"REASSIGN OWNED BY {_role(uid)} TO {_database(cluster)}"
            self._administer(_database(cluster), owner, f"DROP OWNED BY {_role(uid)}")
        self._administer(_STARTED, f"DROP ROLE IF EXISTS {_role(uid)}")

    def _administer(self, database: str, *statements: str) -> None:
        with self._postgres.connection(_STARTED, database) as administrator:
            for statement in statements:
                administrator.run(statement)

    def _listen(self, instance: Deployed) -> socket.socket:
        listener = socket.create_server((address(instance.uid), PORT))
        threading.Thread(target=self._accept, args=(listener, instance), daemon=True).start()
        return listener

    def _accept(self, listener: socket.socket, instance: Deployed) -> None:
        while True:
            try:
                client, _ = listener.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(client, instance), daemon=True).start()

    def _serve(self, client: socket.socket, instance: Deployed) -> None:
        client.settimeout(_PATIENCE_S)
        with client, suppress(OSError, EOFError, struct.error):
            if _startup(client)[0] != _SSL_REQUEST:
                _refuse(client, "28000", "SSL required")
                return
            client.sendall(b"S")
            with self._tls().wrap_socket(client, server_side=True) as secured:
                try:
                    server = self._let_in(secured, instance)
                except LoginError as error:
                    _refuse(secured, "28P01", str(error))
                    return
                with server:
                    _between(secured, server)

    def _let_in(self, client: ssl.SSLSocket, instance: Deployed) -> socket.socket:
        version, content = _startup(client)
        if version != _VERSION:
            raise LoginError("unsupported frontend protocol")
        given = _pairs(content)
        client.sendall(b"R" + struct.pack("!II", 8, 3))
        if _exactly(client, 1) != b"p":
            raise LoginError("no password was given")
        password = _exactly(client, struct.unpack("!I", _exactly(client, 4))[0] - 4).rstrip(b"\0").decode()
        user = self._user(given.get("user", ""), password, str(instance.inputs["cluster"]))
        if given.get("database", DATABASE) != DATABASE:
            raise LoginError(f'database "{given["database"]}" does not exist')
        cluster = next(
            one for one in self._registry.all(types.ALLOYDB_CLUSTER) if one.id == instance.inputs["cluster"]
        )
        started = {**given, "user": _role(user.uid), "database": _database(cluster.uid)}
        text = b"".join(f"{name}\0{value}\0".encode() for name, value in started.items()) + b"\0"
        server = socket.socket(socket.AF_UNIX)
        server.connect(self._postgres.socket())
        server.sendall(struct.pack("!II", len(text) + 8, _VERSION) + text)
        return server

    def _user(self, name: str, token: str, cluster: str) -> Deployed:
        """The deployed user that the token is of, if IAM lets its account in."""
        try:
            who = self._tokens.caller(f"Bearer {token}")
            self._authority.require(who, LOGIN, cluster, service="alloydb.googleapis.com")
        except RpcError as error:
            raise LoginError(f'IAM authentication failed for user "{name}": {error}') from error
        found = self._registry.find(types.ALLOYDB_USER, f"{cluster}/users/{name}")
        if found is None or who.email.removesuffix(".gserviceaccount.com") != name:
            raise LoginError(f'IAM authentication failed for user "{name}"')
        return found

    def _tls(self) -> ssl.SSLContext:
        with self._lock:
            if self._context is None:
                self._context = server_context()
            return self._context


def _close(listener: socket.socket) -> None:
    """Closed only, it would take one more: somebody waits in `accept`."""
    with suppress(OSError):
        listener.shutdown(socket.SHUT_RDWR)
    listener.close()


def _database(uid: str) -> str:
    return f"alloydb_{uid}"


def _role(uid: str) -> str:
    return f"alloydb_user_{uid}"


def _startup(client: socket.socket) -> tuple[int, bytes]:
    """The first message of a connection, which has no type: its code and what follows."""
    length, code = struct.unpack("!II", _exactly(client, 8))
    return code, _exactly(client, length - 8)


def _pairs(content: bytes) -> dict[str, str]:
    words: Sequence[str] = content.decode().split("\0")
    return dict(zip(words[0:-2:2], words[1:-1:2], strict=False))


def _exactly(client: socket.socket, count: int) -> bytes:
    content = b""
    while len(content) < count:
        more = client.recv(count - len(content))
        if not more:
            raise EOFError
        content += more
    return content


def _refuse(client: socket.socket, state: str, message: str) -> None:
    fields = (("S", "FATAL"), ("V", "FATAL"), ("C", state), ("M", message))
    text = b"".join(name.encode() + value.encode() + b"\0" for name, value in fields) + b"\0"
    client.sendall(b"E" + struct.pack("!I", len(text) + 4) + text)


def _between(client: ssl.SSLSocket, server: socket.socket) -> None:
    """Bytes from each to the other until one of them ends."""
    client.settimeout(None)
    back = threading.Thread(target=_pump, args=(server, client), daemon=True)
    back.start()
    _pump(client, server)
    back.join()


def _pump(source: Any, target: Any) -> None:
    with suppress(OSError, ValueError):
        while content := source.recv(65_536):
            target.sendall(content)
    for one in (source, target):
        with suppress(OSError):
            one.shutdown(socket.SHUT_RDWR)
