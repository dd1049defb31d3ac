"""A small HTTP server on a Unix socket, behind nginx, for answers nginx does not give by itself.

    /chunked/FILE        the file without Content-Length
    /chunkcut/N/FILE     the same, but the connection ends after N bytes
    /truncated/N/FILE    Content-Length of the whole file, but the connection ends after N bytes
    /longer/N/FILE       the file and N more bytes, announced honestly
    /stall/N/FILE        N bytes, then silence until the server stops
    /norange/FILE        always the whole file with 200, whatever Range says
    /partial/FILE        the whole file with 206 and a Content-Range, whether asked for or not
    /empty               200 and no body
    /hops/N/PATH         N redirects (302, relative) on the way to /PATH
    /digest/FILE         asks for Digest authentication (RFC 7616, MD5, qop=auth); USER and PASSWORD
    /echo                the request as JSON: method, path, headers, body
    /html                200 and a web page, as a captive portal would

What was asked is in `requests`, oldest first: dicts of method, path and headers.
"""

import hashlib
import json
import re
import socketserver
import threading
from http.server import BaseHTTPRequestHandler
from pathlib import Path

UPSTREAM_KINDS = ("chunked", "chunkcut", "truncated", "longer", "stall", "norange", "partial", "empty", "hops", "digest", "echo", "html")
USER, PASSWORD = "device", "s3cret"
REALM, NONCE = "ota", "6d6f726520746f6b656e"


class Upstream:
    def __init__(self, socket_path, docroot):
        self.stopped = threading.Event()
        self.requests = []
        self.server = UnixServer(str(socket_path), make_handler(Path(docroot), self.stopped, self.requests))
        self.thread = threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
        self.thread.start()

    def stop(self):
        self.stopped.set()
        self.server.shutdown()
        self.server.server_close()
        self.thread.join()


class UnixServer(socketserver.ThreadingMixIn, socketserver.UnixStreamServer):
    daemon_threads = True
    block_on_close = False

    def get_request(self):
        connection, _ = super().get_request()
        return connection, ("unix", 0)

    def handle_error(self, request, client_address):
        pass  # a client that gives up is what many tests are about


def make_handler(docroot, stopped, requests):
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def log_message(self, *args):
            pass

        def do_GET(self):
            self.answer()

        do_HEAD = do_POST = do_PUT = do_GET

        def answer(self):
            requests.append({"method": self.command, "path": self.path, "headers": dict(self.headers)})
            _, kind, rest = (self.path.split("?")[0] + "//").split("/", 2)
            rest = rest.rstrip("/")
            handler = getattr(self, "answer_" + kind, None)
            if handler:
                handler(rest)
            else:
                self.send(404, b"not here\n")

        def body_of(self, name):
            return (docroot / name).read_bytes()

        def send(self, status, body, headers=(), announced=None):
            self.send_response(status)
            self.send_header("Content-Length", str(len(body) if announced is None else announced))
            for name, value in headers:
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(body)

        def send_chunks(self, body):
            self.send_response(200)
            self.send_header("Transfer-Encoding", "chunked")
            self.end_headers()
            for start in range(0, len(body), 3000):
                chunk = body[start:start + 3000]
                self.wfile.write(b"%x\r\n%s\r\n" % (len(chunk), chunk))

        def answer_chunked(self, name):
            self.send_chunks(self.body_of(name))
            self.wfile.write(b"0\r\n\r\n")

        def answer_chunkcut(self, rest):
            count, name = rest.split("/", 1)
            self.send_chunks(self.body_of(name)[:int(count)])
            self.close_connection = True

        def answer_truncated(self, rest):
            count, name = rest.split("/", 1)
            body = self.body_of(name)
            self.send(200, body[:int(count)], announced=len(body))
            self.close_connection = True

        def answer_longer(self, rest):
            count, name = rest.split("/", 1)
            self.send(200, self.body_of(name) + b"\xff" * int(count))

        def answer_stall(self, rest):
            count, name = rest.split("/", 1)
            body = self.body_of(name)
            self.send(200, body[:int(count)], announced=len(body))
            self.wfile.flush()
            stopped.wait()
            self.close_connection = True

        def answer_norange(self, name):
            self.send(200, self.body_of(name))

        def answer_partial(self, name):
            body = self.body_of(name)
            self.send(206, body, [("Content-Range", f"bytes 0-{len(body) - 1}/{len(body)}")])

        def answer_empty(self, _):
            self.send(200, b"")

        def answer_hops(self, rest):
            count, path = rest.split("/", 1)
            target = f"/hops/{int(count) - 1}/{path}" if int(count) > 1 else f"/{path}"
            self.send(302, b"this way\n", [("Location", target)])

        def answer_html(self, _):
            self.send(200, b"<!DOCTYPE html><html><body>Please log in.</body></html>\n" * 40, [("Content-Type", "text/html")])

        def answer_echo(self, _):
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            seen = {"method": self.command, "path": self.path, "headers": dict(self.headers), "body": body.decode("latin-1")}
            self.send(200, json.dumps(seen).encode(), [("Content-Type", "application/json")])

        def answer_digest(self, name):
            if self.has_digest_answer():
                self.send(200, self.body_of(name))
            else:
                challenge = f'Digest realm="{REALM}", nonce="{NONCE}", qop="auth", algorithm=MD5'
                self.send(401, b"who are you?\n", [("WWW-Authenticate", challenge)])

        def has_digest_answer(self):
            fields = {key: quoted or plain for key, quoted, plain in
                      re.findall(r'(\w+)=(?:"([^"]*)"|([^\s,]+))', self.headers.get("Authorization", ""))}
            if not {"username", "uri", "nonce", "nc", "cnonce", "response"} <= fields.keys():
                return False
            md5 = lambda text: hashlib.md5(text.encode()).hexdigest()
            secret, request = md5(f"{USER}:{REALM}:{PASSWORD}"), md5(f"{self.command}:{fields['uri']}")
            return (fields["username"], fields["response"]) == (
                USER, md5(f"{secret}:{NONCE}:{fields['nc']}:{fields['cnonce']}:auth:{request}"))

    return Handler
