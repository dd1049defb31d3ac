"""A TLS server that answers every connection with the same bytes, cut into the pieces it was told.

    with RawServer(certificates, [head, body]) as server:      # two writes, so two TLS records
        ... server.url("/v2.bin") ...

For what a real server leaves to chance: what arrives together, and answers that are no HTTP.
"""

import socket
import ssl
import threading


class RawServer:
    def __init__(self, certificates, pieces):
        self.pieces = pieces
        self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.context.load_cert_chain(certificates.server, certificates.server_key)
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.thread = threading.Thread(target=self._serve, daemon=True)
        self.thread.start()

    def url(self, path):
        return f"https://localhost:{self.listener.getsockname()[1]}{path}"

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.listener.shutdown(socket.SHUT_RDWR)  # ends accept()
        self.listener.close()
        self.thread.join()

    def _serve(self):
        while True:
            try:
                connection, _ = self.listener.accept()
            except OSError:
                return
            try:
                with self.context.wrap_socket(connection, server_side=True) as stream:
                    stream.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                    self._answer(stream)
            except OSError:
                pass  # a client that gives up is what some tests are about

    def _answer(self, stream):
        request = b""
        while b"\r\n\r\n" not in request:
            part = stream.recv(4096)
            if not part:
                return
            request += part
        for piece in self.pieces:
            stream.sendall(piece)
        stream.unwrap()  # a TLS close, so that the end is an honest one


def head(status="200 OK", *lines):
    return "\r\n".join([f"HTTP/1.1 {status}", *lines, "", ""]).encode()
