"""The plugin's nginx with every kind of server an update may meet.

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

import tempfile
from pathlib import Path

import pytest_esp_ota
from pytest_esp_ota.server import tls

from upstream import PASSWORD, UPSTREAM_KINDS, USER, Upstream

REDIRECTS = (301, 302, 303, 307, 308)
STATUSES = (204, 206, 304, 400, 401, 403, 404, 410, 416, 429, 500, 502, 503, 504)


class Nginx(pytest_esp_ota.Nginx):
    SERVERS = ("http", "https", "expired", "wrong_name", "other_ca", "client_cert")

    def __init__(self, folder, certificates):
        self.upstream = None
        super().__init__(folder, certificates)

    def start(self):
        if not self.upstream:
            self.socket_folder = tempfile.TemporaryDirectory(prefix="upstream-", dir="/tmp")  # a socket's path is 107 bytes at most
            self.upstream = Upstream(Path(self.socket_folder.name) / "socket", self.docroot)
            (self.folder / "users").write_text(f"{USER}:{{PLAIN}}{PASSWORD}\n")
        return super().start()

    def stop(self):
        self.upstream.stop()
        self.socket_folder.cleanup()
        super().stop()

    def url(self, server, path, host="localhost"):
        return super().url(path, server, host)

    def blocks(self):
        c = self.certificates
        return {
            **super().blocks(),
            "expired": tls(c.expired, c.expired_key),
            "wrong_name": tls(c.wrong_name, c.wrong_name_key),
            "other_ca": tls(c.other, c.other_key),
            "client_cert": tls(c.server, c.server_key) + f"ssl_client_certificate {c.ca}; ssl_verify_client on;",
        }

    def locations(self):
        lines = [
            f"root {self.docroot}; proxy_buffering off; proxy_http_version 1.1; proxy_read_timeout 1h;",
            f"location /auth/ {{ alias {self.docroot}/; auth_basic ota; auth_basic_user_file {self.folder}/users; }}",
            "location = /redirect/loop { return 302 $scheme://$host:$server_port/redirect/loop; }",
            f"location ~ ^/to-http/(.*)$ {{ return 302 http://$host:{self.ports['http']}/$1; }}",
            f"location ~ ^/to-https/(.*)$ {{ return 302 https://$host:{self.ports['https']}/$1; }}",
            f"location ~ ^/to-other/(.*)$ {{ return 302 https://127.0.0.1:{self.ports['https']}/$1; }}",
            f"location /no-keep-alive/ {{ alias {self.docroot}/; keepalive_timeout 0; }}",
            f"location ~ ^/({'|'.join(UPSTREAM_KINDS)})(/|$) {{ proxy_pass http://unix:{self.socket_folder.name}/socket; }}",
            f"location ~ ^/until-close/(.*)$ {{ chunked_transfer_encoding off; proxy_pass http://unix:{self.socket_folder.name}/socket:/chunked/$1; }}",
        ]
        for code in REDIRECTS:
            lines.append(f"location ~ ^/redirect/{code}/(.*)$ {{ return {code} $scheme://$host:$server_port/$1; }}")
            lines.append(f"location ~ ^/redirect-relative/{code}/(.*)$ {{ absolute_redirect off; return {code} /$1; }}")
        for code in STATUSES:
            lines.append(f'location = /status/{code} {{ default_type text/html; return {code} "<html><body>status {code}</body></html>"; }}')
        return lines
