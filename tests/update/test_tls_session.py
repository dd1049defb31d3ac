"""A connection that is made again within one update resumes the TLS session instead of a full handshake."""

import re
import ssl

from images import image
from raw_server import RawServer, head


class BreakingServer(RawServer):
    """Ends every connection after so many bytes of the body; notes which handshakes were resumed."""

    def __init__(self, certificates, data, portion):
        self.data, self.portion, self.resumed = data, portion, []
        super().__init__(certificates, [])

    def _answer(self, stream):
        request = b""
        while b"\r\n\r\n" not in request:
            request += stream.recv(4096)
        self.resumed.append(stream.session_reused)
        start = int((re.search(rb"Range: bytes=(\d+)-", request) or [0, b"0"])[1])
        total = len(self.data)
        status = ("206 Partial Content", f"Content-Range: bytes {start}-{total - 1}/{total}") if start else ("200 OK",)
        stream.sendall(head(*status, f"Content-Length: {total - start}", 'ETag: "1"') + self.data[start:start + self.portion])
        stream.unwrap()


def test_the_connections_after_the_first_resume_the_session(program, device, certs):
    dev = device(factory=program.firmware("v1.bin"))
    data = image(version="2.0.0", size=64 * 1024)
    for version in (ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3):
        with BreakingServer(certs, data, 24 * 1024) as server:
            server.context.maximum_version = version
            answer = dev.update(server.url("/v2.bin"), "--cacert", certs.ca, "--no-resume")
            assert answer["retries"] == 2
            assert server.resumed == [False, True, True], version
