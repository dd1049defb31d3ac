"""A real nginx on free ports of the loopback, with a certificate that Certificates made.

    with Nginx(folder, certificates) as server:
        (server.docroot / "v2.bin").write_bytes(...)
        server.url("v2.bin")

It serves the files of docroot with ranges, ETag and Last-Modified, over https and over http.
"""

import os
import shutil
import socket
import subprocess
import time
from pathlib import Path

START_SECONDS = 10


class Nginx:
    SERVERS = ("http", "https")  # names; a class with more says what they are in blocks()

    def __init__(self, folder, certificates):
        self.folder = Path(folder)
        self.docroot = self.folder / "docroot"
        self.docroot.mkdir(parents=True)
        self.certificates = certificates
        self.ca = certificates.ca
        self.process = None
        for _ in range(5):  # a port can be taken between our look and nginx's bind
            self.ports = free_ports(self.SERVERS)
            if self.start():
                return
        raise RuntimeError("nginx did not start:\n" + self.error_log())

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stop()

    def url(self, path, server="https", host="localhost"):
        scheme = "http" if server == "http" else "https"
        return f"{scheme}://{host}:{self.ports[server]}/{str(path).lstrip('/')}"

    def requests(self):
        """What was asked so far, oldest first: dicts of server, method, path, status, range, bytes."""
        names = {str(port): name for name, port in self.ports.items()}
        rows = []
        for line in (self.folder / "access.log").read_text().splitlines():
            port, method, path, status, sent, ranges = line.split("\t")
            rows.append({"server": names[port], "method": method, "path": path, "status": int(status),
                         "bytes": int(sent), "range": None if ranges == "-" else ranges})
        return rows

    def error_log(self):
        path = self.folder / "error.log"
        return path.read_text() if path.exists() else ""

    def stop(self):
        if self.process and self.process.poll() is None:
            self.process.terminate()
            try:
                self.process.wait(START_SECONDS)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()

    def start(self):
        """Begins to serve, on the same ports as before; False: a port was taken."""
        (self.folder / "nginx.conf").write_text(self._config())
        program = shutil.which("nginx") or "/usr/sbin/nginx"  # sbin is not on every PATH
        self.process = subprocess.Popen([program, "-p", self.folder, "-c", self.folder / "nginx.conf", "-e", self.folder / "error.log"],
                                        stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        deadline = time.monotonic() + START_SECONDS
        while time.monotonic() < deadline:
            if self.process.poll() is not None:
                return False
            if all(answers(port) for port in self.ports.values()):
                return True
            time.sleep(0.01)  # poll; nothing tells us when nginx listens
        self.stop()
        raise RuntimeError("nginx does not listen:\n" + self.error_log())

    def blocks(self):
        """{server: what stands in its block besides name, port and locations}"""
        return {"http": "", "https": tls(self.certificates.server, self.certificates.server_key)}

    def locations(self):
        """Lines of every server's block."""
        return [f"root {self.docroot};"]

    def _config(self):
        locations = "\n".join(self.locations())
        servers = "\n".join(
            f"server {{ listen 127.0.0.1:{self.ports[name]}{' ssl' if settings else ''}; server_name localhost; {settings}\n{locations} }}"
            for name, settings in self.blocks().items())
        user = "user root;" if os.geteuid() == 0 else ""  # the test's folder is closed to everyone else
        temps = "".join(f"{kind}_temp_path {self.folder}/{kind};\n" for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi"))
        return f"""
daemon off; {user} worker_processes 1; pid {self.folder}/pid;
events {{ worker_connections 256; }}
http {{
    log_format row '$server_port\t$request_method\t$request_uri\t$status\t$body_bytes_sent\t$http_range';
    access_log {self.folder}/access.log row;
    default_type application/octet-stream;
    {temps}
    {servers}
}}
"""


class Site:
    """An Nginx as one test sees it: the files it serves are taken away by clear()."""

    def __init__(self, server):
        self.server = server
        self.ca = server.ca
        self.served = set()
        self.before = len(server.requests())

    def serve(self, image, name=None):
        """Serves bytes, or a file under its own name if no other is given, and returns the URL. A name is served anew at once."""
        data = image if isinstance(image, bytes) else Path(image).read_bytes()
        name = name or Path(image).name
        path = self.server.docroot / name
        path.parent.mkdir(parents=True, exist_ok=True)
        part = path.with_name(path.name + ".part")
        part.write_bytes(data)
        part.rename(path)  # nobody gets half of it
        self.served.add(path)
        return self.url(name)

    def remove(self, name):
        """From now on the server answers 404."""
        (self.server.docroot / name).unlink()

    def url(self, name, server="https"):
        return self.server.url(name, server)

    def requests(self, name=None):
        """What was asked since the test began, oldest first: dicts of server, method, path, status, range, bytes."""
        rows = self.server.requests()[self.before:]
        return [row for row in rows if name is None or row["path"].lstrip("/") == name]

    def clear(self):
        for path in self.served:
            path.unlink(missing_ok=True)
        if self.server.process.poll() is not None:
            self.server.start()  # a test may have stopped it

    def stop(self):
        """The server is down: connections are refused."""
        self.server.stop()

    def start(self):
        """The server is back, under the same addresses."""
        assert self.server.start(), self.server.error_log()


def tls(certificate, key):
    return f"ssl_certificate {certificate}; ssl_certificate_key {key}; ssl_protocols TLSv1.2 TLSv1.3; "


def free_ports(names):
    """A different free port for each name; held together until all are known."""
    sockets = {name: socket.socket() for name in names}
    try:
        for held in sockets.values():
            held.bind(("127.0.0.1", 0))
        return {name: held.getsockname()[1] for name, held in sockets.items()}
    finally:
        for held in sockets.values():
            held.close()


def answers(port):
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0
