"""A real nginx on free ports of the loopback, with every kind of server an update may meet.

    with Nginx(folder, certificates) as server:
        (server.docroot / "v2.bin").write_bytes(...)
        server.url("https", "/v2.bin")

Servers: http, https (good certificate), expired, wrong_name, other_ca, client_cert (asks for one).
Paths, on every server:

    /FILE                        the file, with ranges, ETag and Last-Modified
    /auth/FILE                   asks for Basic authentication (USER, PASSWORD)
    /status/CODE                 that status and a page, for CODE of STATUSES
    /redirect/CODE/PATH          absolute Location to /PATH on the same server, for CODE of REDIRECTS
    /redirect-relative/CODE/PATH the same with a relative Location
    /redirect/loop               to itself
    /to-http/PATH                302 to the http server (from https: a downgrade)
    /to-https/PATH               302 to the https server
    /to-other/PATH               302 to the https server under its address, which is another host than its name
    /no-keep-alive/FILE          the file, and the connection ends with it
    /until-close/FILE            the file without any length: its end is the end of the connection
    UPSTREAM_KINDS               see upstream.py
"""

import os
import shutil
import socket
import subprocess
import time
from pathlib import Path

from upstream import PASSWORD, UPSTREAM_KINDS, USER, Upstream

REDIRECTS = (301, 302, 303, 307, 308)
STATUSES = (204, 206, 304, 400, 401, 403, 404, 410, 416, 429, 500, 502, 503, 504)
SERVERS = ("http", "https", "expired", "wrong_name", "other_ca", "client_cert")
START_SECONDS = 10


class Nginx:
    def __init__(self, folder, certificates):
        self.folder = Path(folder)
        self.docroot = self.folder / "docroot"
        self.docroot.mkdir(parents=True)
        self.certificates = certificates
        self.upstream = Upstream(self.folder / "upstream", self.docroot)
        self.process = None
        (self.folder / "users").write_text(f"{USER}:{{PLAIN}}{PASSWORD}\n")
        for _ in range(5):  # a port can be taken between our look and nginx's bind
            self.ports = free_ports(SERVERS)
            if self._start():
                return
        self.stop()
        raise RuntimeError("nginx did not start:\n" + self.error_log())

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stop()

    def url(self, server, path, host="localhost"):
        scheme = "http" if server == "http" else "https"
        return f"{scheme}://{host}:{self.ports[server]}/{path.lstrip('/')}"

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
        self.upstream.stop()
        if self.process and self.process.poll() is None:
            self.process.terminate()
            try:
                self.process.wait(START_SECONDS)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()

    def _start(self):
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
        raise RuntimeError("nginx does not listen:\n" + self.error_log())

    def _config(self):
        c = self.certificates
        blocks = {
            "http": "",
            "https": tls(c.server, c.server_key),
            "expired": tls(c.expired, c.expired_key),
            "wrong_name": tls(c.wrong_name, c.wrong_name_key),
            "other_ca": tls(c.other, c.other_key),
            "client_cert": tls(c.server, c.server_key) + f"ssl_client_certificate {c.ca}; ssl_verify_client on;",
        }
        servers = "\n".join(
            f"server {{ listen 127.0.0.1:{self.ports[name]}{' ssl' if settings else ''}; server_name localhost; {settings}\n{self._locations()} }}"
            for name, settings in blocks.items())
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

    def _locations(self):
        lines = [
            f"root {self.docroot}; proxy_buffering off; proxy_http_version 1.1; proxy_read_timeout 1h;",
            f"location /auth/ {{ alias {self.docroot}/; auth_basic ota; auth_basic_user_file {self.folder}/users; }}",
            "location = /redirect/loop { return 302 $scheme://$host:$server_port/redirect/loop; }",
            f"location ~ ^/to-http/(.*)$ {{ return 302 http://$host:{self.ports['http']}/$1; }}",
            f"location ~ ^/to-https/(.*)$ {{ return 302 https://$host:{self.ports['https']}/$1; }}",
            f"location ~ ^/to-other/(.*)$ {{ return 302 https://127.0.0.1:{self.ports['https']}/$1; }}",
            f"location /no-keep-alive/ {{ alias {self.docroot}/; keepalive_timeout 0; }}",
            f"location ~ ^/({'|'.join(UPSTREAM_KINDS)})(/|$) {{ proxy_pass http://unix:{self.folder}/upstream; }}",
            f"location ~ ^/until-close/(.*)$ {{ chunked_transfer_encoding off; proxy_pass http://unix:{self.folder}/upstream:/chunked/$1; }}",
        ]
        for code in REDIRECTS:
            lines.append(f"location ~ ^/redirect/{code}/(.*)$ {{ return {code} $scheme://$host:$server_port/$1; }}")
            lines.append(f"location ~ ^/redirect-relative/{code}/(.*)$ {{ absolute_redirect off; return {code} /$1; }}")
        for code in STATUSES:
            lines.append(f'location = /status/{code} {{ default_type text/html; return {code} "<html><body>status {code}</body></html>"; }}')
        return "\n".join(lines)


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
