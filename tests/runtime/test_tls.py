"""TLS as it is in the cloud: trusted servers are talked to, and nobody else."""

from __future__ import annotations

import datetime
import ipaddress
import socket
import ssl
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from memory_ports import Clock

from serverless_ai_runtime.core.ports import Deadline, Unavailable
from serverless_ai_runtime.http import HttpClient, Request, Response


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A certificate of 127.0.0.1 that signs itself, and its key, in one file."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "127.0.0.1")])
    now = datetime.datetime.now(datetime.UTC)
    built = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(minutes=5))
        .not_valid_after(now + datetime.timedelta(hours=1))
        .add_extension(
            x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), critical=False
        )
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .sign(key, hashes.SHA256())
    )
    path = tmp_path_factory.mktemp("tls") / "certificate.pem"
    path.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        + built.public_bytes(serialization.Encoding.PEM)
    )
    return path


@pytest.fixture
def url(certificate: Path) -> Iterator[str]:
    """A server that speaks TLS and answers on connections that it keeps open."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    listener = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        while True:
            try:
                connection = context.wrap_socket(listener.accept()[0], server_side=True)
                while connection.recv(65_536):
                    connection.sendall(b"HTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\nsafe")
            except ssl.SSLError:  # a client that does not trust us
                continue
            except OSError:
                return

    threading.Thread(target=serve, daemon=True).start()
    yield f"https://127.0.0.1:{listener.getsockname()[1]}/"
    listener.close()


def send(client: HttpClient, url: str, seconds: float = 5) -> Response:
    request = Request("Service", "Call", "GET", url, b"", dict[str, str])
    return client.send(request, lambda response: None, Deadline(seconds))


def test_a_trusted_server_answers_and_its_connection_is_kept(
    url: str, certificate: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    client = HttpClient(Clock().world())
    assert [send(client, url).body for _ in range(3)] == [b"safe"] * 3


def test_a_server_with_an_unknown_certificate_is_refused(url: str) -> None:
    with pytest.raises(Unavailable, match=r"(?i)certificate"):
        send(HttpClient(Clock().world()), url)


def test_a_certificate_of_another_name_is_refused(
    url: str, certificate: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    with pytest.raises(Unavailable, match=r"(?i)certificate"):
        send(HttpClient(Clock().world()), url.replace("127.0.0.1", "localhost"))
