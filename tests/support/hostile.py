"""A server that misbehaves on purpose, exactly as it is told.

    with HostileServer(certificates, [steps(ok(IMAGE)[:500], CUT), honest(IMAGE)]) as server:
        ... server.url("/v2.bin") ...
        assert server.faults

The script is a list of answers; the n-th request gets the n-th of them, those after the last get the last. An answer
is a function of (connection, request), as a rule made with steps() from

    bytes               sent as they are
    FAULT               counts one fault; without it the end of the steps does
    CLOSE               an honest end: close_notify, then FIN
    CUT                 FIN without close_notify
    RESET               RST
    SILENCE             nothing more, until the client goes away
    records(data, n)    n bytes a TLS record
    drip(data, n, s)    n bytes, then a pause of s seconds, over and over
    endless(piece)      piece over and over until the client goes away; `limit` bytes of it are a failure
    a function          called with the connection

TLS runs in memory between the script and the socket, so faults can be placed on both sides of it: `wire_limit` ends
the connection after so many encrypted bytes, `on_accept` acts before the handshake, `on_connect` before the request,
and connection.wire() puts bytes of any kind between the records.

Every request stands in server.requests, every fault in server.faults. A lock keeps both honest; a connection has its
own thread.
"""

import re
import socket
import ssl
import struct
import threading
import time
import warnings
from dataclasses import dataclass, field

ENDLESS_LIMIT = 64 << 20  # what a client takes before an endless answer counts as swallowed
RECEIVE = 65536


class Gone(Exception):
    """The connection is over, by whichever side."""


@dataclass
class Request:
    method: str
    path: str
    version: str
    headers: list
    connection: int
    body_sent: int = 0  # bytes of the image, as far as honest() sent them
    first: int = 0  # and where they begin

    def header(self, name, default=None):
        return next((value for key, value in self.headers if key.lower() == name.lower()), default)

    @property
    def start(self):
        """First byte of the range asked for; None without a range."""
        match = re.fullmatch(r"bytes=(\d+)-(\d*)", self.header("Range", ""))
        return int(match[1]) if match else None

    @property
    def text(self):
        return "\n".join([f"{self.method} {self.path}", *(f"{key}: {value}" for key, value in self.headers)])


class Connection:
    def __init__(self, server, sock, number):
        self.server, self.sock, self.number = server, sock, number
        self.left = server.wire_limit
        self.incoming, self.outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        self.tls = None
        self.pending = b""
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        sock.settimeout(60)

    # -------------------------------------------------------------- below TLS

    def wire(self, data):
        """Bytes as they travel; over the limit, the connection ends in the middle of them."""
        if self.left is not None and len(data) >= self.left:
            data, over = data[:self.left], True
        else:
            over = False
        self.sock.sendall(data)
        if self.left is not None:
            self.left -= len(data)
        if over:
            self.server.fault()
            self.hang_up()

    def wire_in(self):
        data = self.sock.recv(RECEIVE)
        if not data:
            raise Gone
        return data

    def hang_up(self, reset=False):
        if reset:
            self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        else:
            self._swallow()  # unread bytes would turn the FIN into an RST
        self.sock.close()
        raise Gone

    def _swallow(self):
        self.sock.settimeout(0)
        try:
            while self.sock.recv(RECEIVE):
                pass
        except OSError:
            pass

    # -------------------------------------------------------------- TLS

    def _pump(self, step):
        """Repeats a step of the TLS object until it has the bytes it wants."""
        while True:
            try:
                result = step()
                self.flush()
                return result
            except ssl.SSLWantReadError:
                self.flush()
                self.incoming.write(self.wire_in())
            except ssl.SSLError:
                self.flush()  # the alert
                raise

    def flush(self):
        data = self.outgoing.read()
        if data:
            self.wire(data)

    def handshake(self):
        if self.server.context:
            self.tls = self.server.context.wrap_bio(self.incoming, self.outgoing, server_side=True)
            self._pump(self.tls.do_handshake)

    def send(self, data):
        if not self.tls:
            self.wire(data)
        elif data:
            self.tls.write(data)
            self.flush()

    def receive(self):
        data = self._pump(lambda: self.tls.read(RECEIVE)) if self.tls else self.wire_in()
        if not data:
            raise Gone
        return data

    def sealed(self, data):
        """The records of data, not sent yet."""
        self.tls.write(data)
        return self.outgoing.read()

    # -------------------------------------------------------------- HTTP

    def read_request(self):
        while b"\r\n\r\n" not in self.pending:
            self.pending += self.receive()
        text, self.pending = self.pending.split(b"\r\n\r\n", 1)
        first, *lines = text.decode("latin-1").split("\r\n")
        method, path, version = first.split(" ", 2)
        headers = [tuple(part.strip() for part in line.split(":", 1)) for line in lines]
        return self.server.log(Request(method, path, version, headers, self.number))

    def close(self):
        if self.tls:
            try:
                self.tls.unwrap()
            except ssl.SSLError:
                pass  # it wants the client's close_notify, which nobody needs
            self.flush()
        self.hang_up()

    def wait_until_gone(self):
        self.sock.settimeout(0.1)
        while not self.server.stopped.is_set():
            try:
                if not self.sock.recv(RECEIVE):
                    raise Gone
            except TimeoutError:
                pass
        raise Gone


class HostileServer:
    def __init__(self, certificates, script, *, certificate=None, context=None, plain=False, on_accept=None, on_connect=None, wire_limit=None):
        self.script = script
        self.on_accept, self.on_connect, self.wire_limit = on_accept, on_connect, wire_limit
        self.context = None if plain else context or server_context(certificate or (certificates.server, certificates.server_key))
        self.faults, self.requests, self.connections, self.trouble = 0, [], 0, []
        self.answered = 0
        self.lock, self.stopped = threading.Lock(), threading.Event()
        self.listener = socket.create_server(("127.0.0.1", 0), backlog=64)
        self.port = self.listener.getsockname()[1]
        self.thread = threading.Thread(target=self._accept, daemon=True)
        self.thread.start()

    def url(self, path="/v2.bin", host="localhost"):
        return f"{'https' if self.context else 'http'}://{host}:{self.port}{path}"

    def behave(self, *script):
        """From now on another script, and no tricks around it."""
        with self.lock:
            self.script, self.answered = list(script), 0
            self.on_accept = self.on_connect = self.wire_limit = None

    def fault(self):
        with self.lock:
            self.faults += 1

    def log(self, request):
        with self.lock:
            self.requests.append(request)
        return request

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stopped.set()
        self.listener.shutdown(socket.SHUT_RDWR)  # ends accept()
        self.listener.close()
        self.thread.join()

    def _accept(self):
        while True:
            try:
                sock, _ = self.listener.accept()
            except OSError:
                return
            self.connections += 1
            threading.Thread(target=self._serve, args=(Connection(self, sock, self.connections),), daemon=True).start()

    def _next_answer(self):
        with self.lock:
            self.answered += 1
            return self.script[min(self.answered, len(self.script)) - 1]

    def _serve(self, connection):
        try:
            if self.on_accept:
                self.on_accept(connection)
            connection.handshake()
            if self.on_connect:
                self.on_connect(connection)
            while True:
                request = connection.read_request()
                self._next_answer()(connection, request)
        except (Gone, OSError, ssl.SSLError):
            pass  # a client that gives up is what many scenarios are about
        except Exception as mistake:  # of the scenario: must not look like a client that gave up
            self.trouble.append(repr(mistake))
        finally:
            connection.sock.close()


def server_context(certificate, lowest=None, highest=None, ciphers=None):
    """A context that also serves what no client should take; certificate is (chain, key)."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.set_ciphers(ciphers or "ALL:@SECLEVEL=0")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # TLS 1.0 and 1.1 are what is wanted here
        context.minimum_version = lowest or context.minimum_version
        context.maximum_version = highest or context.maximum_version
    context.load_cert_chain(*certificate)
    return context


# ---------------------------------------------------------------------- answers

def head(status="200 OK", *lines, version="HTTP/1.1"):
    return "\r\n".join([f"{version} {status}", *lines, "", ""]).encode("latin-1")


def ok(data, *lines):
    return head("200 OK", f"Content-Length: {len(data)}", *lines) + data


def chunk(data):
    return b"%x\r\n%s\r\n" % (len(data), data)


def chunked(*pieces):
    """A head and the framing of pieces, as told: the last chunk is the caller's."""
    return head("200 OK", "Transfer-Encoding: chunked") + b"".join(pieces)


def steps(*items, counts=True):
    """counts=False: what leads up to the fault and is none itself."""
    def answer(connection, _request=None):
        counted = not counts or FAULT in items
        for number, item in enumerate(items):
            # Before the last step: behind it the client may be gone, and counted, before this thread runs again.
            if not counted and (item in ENDS or number == len(items) - 1):
                connection.server.fault()
                counted = True
            if isinstance(item, bytes):
                connection.send(item)
            else:
                item(connection)
        if not counted:
            connection.server.fault()
    return answer


def FAULT(connection):
    connection.server.fault()


def CLOSE(connection):
    connection.close()


def CUT(connection):
    connection.hang_up()


def RESET(connection):
    connection.hang_up(reset=True)


def SILENCE(connection):
    connection.wait_until_gone()


ENDS = (CLOSE, CUT, RESET, SILENCE)


def records(data, size):
    def send(connection):
        for start in range(0, len(data), size):
            connection.send(data[start:start + size])
    return send


def segments(data, size):
    """One record, so many bytes a TCP segment."""
    def send(connection):
        sealed = connection.sealed(data)
        for start in range(0, len(sealed), size):
            connection.wire(sealed[start:start + size])
    return send


def drip(data, size, seconds):
    def send(connection):
        for start in range(0, len(data), size):
            connection.send(data[start:start + size])
            if connection.server.stopped.wait(seconds):
                raise Gone
    return send


def endless(piece, limit=ENDLESS_LIMIT, seconds=0):
    def send(connection):
        sent = 0
        connection.server.fault()
        while sent < limit and not connection.server.stopped.wait(seconds):
            connection.send(piece)
            sent += len(piece)
        if sent >= limit:
            connection.server.trouble.append(f"the client swallowed {sent} bytes of an endless answer")
    return send


def raw(data):
    """Bytes between the records, or instead of them."""
    return lambda connection: connection.wire(data)


def pause(seconds):
    return lambda connection: connection.server.stopped.wait(seconds)


@dataclass
class honest:
    """A file as a good server has it: ranges, If-Range, ETag. Not a fault."""

    data: bytes
    etag: str = '"one"'
    piece: int = 0  # 0: all at once
    seconds: float = 0  # pause after each piece
    lines: list = field(default_factory=list)

    def __call__(self, connection, request):
        data, tags = self.data, [f"ETag: {self.etag}"] if self.etag else []
        start, end, status = self._range(request)
        if start is None:
            connection.send(head("416 Range Not Satisfiable", f"Content-Range: bytes */{len(data)}", "Content-Length: 0"))
            return
        body = data[start:end + 1]
        where = [f"Content-Range: bytes {start}-{end}/{len(data)}"] if status[0] == "206 Partial Content" else []
        request.first = start
        connection.send(head(status[0], f"Content-Length: {len(body)}", "Accept-Ranges: bytes", *where, *tags, *self.lines))
        self._send_body(connection, request, b"" if request.method == "HEAD" else body)

    def _range(self, request):
        match = re.fullmatch(r"bytes=(\d+)-(\d*)", request.header("Range", ""))
        if not match or request.header("If-Range", self.etag) != self.etag:
            return 0, len(self.data) - 1, ["200 OK"]
        start, end = int(match[1]), min(int(match[2] or len(self.data)), len(self.data) - 1)
        return (start, end, ["206 Partial Content"]) if start < len(self.data) else (None, None, None)

    def _send_body(self, connection, request, body):
        piece = self.piece or len(body) or 1
        for start in range(0, len(body), piece):
            connection.send(body[start:start + piece])
            request.body_sent += len(body[start:start + piece])
            if self.seconds:
                time.sleep(self.seconds)
