"""A server that reads each request whole and then does with the connection whatever a test wants."""

from __future__ import annotations

import datetime as dt
import ipaddress
import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

Reply = Callable[[socket.socket], None]


@dataclass
class Spoken:
    """Where the server is, and the requests that came whole."""

    url: str
    requests: list[bytes] = field(default_factory=list)


@contextmanager
def speaking(reply: Reply, certificate: Path | None = None) -> Iterator[Spoken]:
    """Serve on loopback, over TLS where there is a certificate."""
    server = socket.create_server(("127.0.0.1", 0))
    spoken = Spoken(f"http{'s' if certificate else ''}://127.0.0.1:{server.getsockname()[1]}")
    context = None
    if certificate is not None:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate)

    def serve(connection: socket.socket) -> None:
        with suppress(OSError), connection:
            connection.settimeout(20)
            talking = context.wrap_socket(connection, server_side=True) if context else connection
            with talking:
                request = _whole_request(talking)
                if request:
                    spoken.requests.append(request)
                    reply(talking)

    def accept() -> None:
        with suppress(OSError):
            while True:
                threading.Thread(target=serve, args=server.accept()[:1], daemon=True).start()

    threading.Thread(target=accept, daemon=True).start()
    try:
        yield spoken
    finally:
        server.shutdown(socket.SHUT_RDWR)
        server.close()


def _whole_request(connection: socket.socket) -> bytes:
    data = b""
    while b"\r\n\r\n" not in data:
        piece = connection.recv(65536)
        if not piece:
            return b""
        data += piece
    head, _, body = data.partition(b"\r\n\r\n")
    size = next((int(line[15:]) for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:")), 0)
    while len(body) < size:
        body += connection.recv(65536)
    return head + b"\r\n\r\n" + body


def saying(status: str, body: bytes, *headers: str) -> Reply:
    """Reply with one answer, and close."""
    head = "\r\n".join([f"HTTP/1.1 {status}", *headers, f"Content-Length: {len(body)}", "Connection: close"])
    return lambda connection: connection.sendall(head.encode() + b"\r\n\r\n" + body)


def write_certificate(target: Path) -> Path:
    """Make a certificate for 127.0.0.1 that has signed itself; the file holds its key as well."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "127.0.0.1")])
    today = dt.datetime.now(dt.UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(today - dt.timedelta(days=1))
        .not_valid_after(today + dt.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    secret = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    target.write_bytes(secret + certificate.public_bytes(serialization.Encoding.PEM))
    return target
