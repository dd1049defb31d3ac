"""Servers whose certificate proves nothing, whose TLS is too old, or whose records are strange."""

import queue
import re
import ssl
import subprocess
import threading

import pytest

from hostile import CLOSE, CUT, FAULT, chunk, head, honest, ok, pause, raw, records, segments, server_context, steps
from hostile_kit import BIG, GOOD, Scenario, table
from images import image

N = f"Content-Length: {len(GOOD)}"
NO_TLS = "ESP_ERR_HTTP_CONNECT"
V10, V11, V12, V13 = ssl.TLSVersion.TLSv1, ssl.TLSVersion.TLSv1_1, ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3
CRL = ("--crlfile",)
SHOWN = dict(on_accept=FAULT)  # the fault is the certificate, shown to everybody who connects


def certificate(name, kind, result=NO_TLS, says="", **more):
    return Scenario(name, [honest(GOOD)], result, certificate=kind, server=SHOWN, says=says, **more)


def speaks(name, result=NO_TLS, **settings):
    """A good certificate, an odd choice of versions or ciphers."""
    def context(certificates):
        return server_context((certificates.server, certificates.server_key), **settings)
    return Scenario(name, [honest(GOOD)], result, server=dict(context=context, on_accept=FAULT))


def usual(name, kind, says):
    """A certificate of the usual Certificates that is not to be trusted."""
    def context(certificates):
        return server_context((getattr(certificates, kind), getattr(certificates, f"{kind}_key")))
    return Scenario(name, [honest(GOOD)], NO_TLS, server=dict(context=context, on_accept=FAULT), says=says)


def damaged_record(connection):
    sealed = bytearray(connection.sealed(GOOD[5000:9000]))
    sealed[100] ^= 1
    connection.wire(bytes(sealed))


def repeated_record(connection):
    connection.wire(connection.sealed(GOOD[5000:6000]) * 2)


def swapped_records(connection):
    first, second = connection.sealed(GOOD[5000:6000]), connection.sealed(GOOD[6000:7000])
    connection.wire(second + first)


def lost_record(connection):
    connection.sealed(GOOD[5000:6000])
    connection.send(GOOD[6000:])


def in_the_middle(*items):
    return [steps(head("200 OK", N) + GOOD[:5000], *items, CLOSE)]


SCENARIOS = [
    # certificates
    usual("signed by a stranger", "other", "CA|authority|trust"),
    usual("expired", "expired", "expired"),
    usual("for another name", "wrong_name", "name"),
    certificate("not valid yet", "not_yet_valid", says="not valid yet"),
    certificate("signed by itself", "self_signed", says="self-signed|CA"),
    certificate("without its intermediate", "missing_intermediate", says="CA|issuer"),
    certificate("signed by one that is no authority", "leaf_as_issuer"),
    certificate("a name its authority may not sign", "forbidden_by_name"),
    certificate("an expired intermediate", "expired_intermediate", says="expired"),
    certificate("an RSA key of 1024 bits", "rsa_1024"),
    certificate("an RSA key of 512 bits", "rsa_512"),
    certificate("signed with SHA-1", "sha1"),
    certificate("made for clients only", "client_only"),
    certificate("with an unknown critical extension", "unknown_critical"),
    certificate("for another address", "other_address", says="name"),
    certificate("the right common name, another alternative name", "common_name_elsewhere", says="name"),
    certificate("a wildcard for everything", "partial_wildcard", says="name"),
    certificate("a name that begins like this one", "name_with_nul", says="name"),
    certificate("an intermediate of the right name and another key", "another_key", says="CA|issuer|signature"),
    # revocation: not looked for, as ESP-IDF does not; with --crlfile it is
    certificate("a distribution point nobody answers at", "distribution_point", "ESP_OK"),
    certificate("an OCSP responder nobody answers at", "responder", "ESP_OK"),
    certificate("a staple promised and not sent", "must_staple", "ESP_OK"),
    certificate("revoked, and nobody says so", "revoked", "ESP_OK"),
    certificate("revoked", "revoked", says="revoked", crl="leaf", needs=CRL, retries=3, requests=0),
    certificate("not revoked", "must_staple", "ESP_OK", crl="leaf", needs=CRL),
    certificate("an empty revocation list", "must_staple", "ESP_OK", crl="nothing", needs=CRL),
    certificate("a revocation list that has expired", "revoked", says="expired", crl="leaf_over", needs=CRL),
    certificate("a revocation list of a stranger", "revoked", says="revocation list", crl="stranger", needs=CRL),
    certificate("a revoked intermediate", "revoked_intermediate", says="revoked", crl="intermediate", needs=CRL),
    certificate("an intermediate without a revocation list", "with_intermediate", says="revocation list", crl="nothing", needs=CRL),
    certificate("with its intermediate", "with_intermediate", "ESP_OK"),
    # versions and ciphers
    speaks("TLS 1.0 only", lowest=V10, highest=V10),
    speaks("TLS 1.1 only", lowest=V10, highest=V11),
    speaks("TLS 1.2 only", "ESP_OK", highest=V12),
    speaks("TLS 1.3 only", "ESP_OK", lowest=V13),
    speaks("ciphers without encryption", highest=V12, ciphers="eNULL:@SECLEVEL=0"),
    speaks("ciphers without a certificate", highest=V12, ciphers="aNULL:@SECLEVEL=0"),
    # the wire
    Scenario("one byte a record", [steps(records(ok(GOOD), 1))], "ESP_OK"),
    Scenario("one byte a segment", [steps(segments(ok(image(size=2000, version="2.0.0")), 1))], "ESP_OK", later=image(size=2000, version="2.0.0")),
    Scenario("the head one byte a record", [steps(records(head("200 OK", N), 1), GOOD)], "ESP_OK"),
    Scenario("chunks cut across records", [steps(records(head("200 OK", "Transfer-Encoding: chunked") + chunk(GOOD[:9999]) + chunk(GOOD[9999:]) + b"0\r\n\r\n", 7))], "ESP_OK"),
    Scenario("records of every size", [steps(*(ok(GOOD)[i * (i - 1) // 2:i * (i + 1) // 2] for i in range(1, 210)))], "ESP_OK"),
    Scenario("no close_notify in the middle", in_the_middle(CUT), writes=True),
    Scenario("a close_notify in the middle", in_the_middle(CLOSE), writes=True),
    Scenario("no close_notify at the exact end", [steps(ok(GOOD), CUT)], "ESP_OK"),
    Scenario("no close_notify at the exact end of the chunks", [steps(head("200 OK", "Transfer-Encoding: chunked") + chunk(GOOD) + b"0\r\n\r\n", CUT)], "ESP_OK"),
    Scenario("a close_notify and the connection stays", [steps(head("200 OK", "Connection: close") + GOOD, lambda c: _notify_only(c), pause(30))], "ESP_OK", patient=True),
    Scenario("a damaged record", in_the_middle(damaged_record), writes=True),
    Scenario("a repeated record", in_the_middle(repeated_record), writes=True),
    Scenario("two records swapped", in_the_middle(swapped_records), writes=True),
    Scenario("a lost record", in_the_middle(lost_record), writes=True),
    Scenario("plain HTTP between the records", in_the_middle(raw(GOOD[5000:])), writes=True),
    Scenario("a record of an unknown type", in_the_middle(raw(b"\x63\x03\x03\x00\x05hello")), writes=True),
    Scenario("an alert in the clear", in_the_middle(raw(b"\x15\x03\x03\x00\x02\x02\x28")), writes=True),
    Scenario("an empty record in the clear", in_the_middle(raw(b"\x17\x03\x03\x00\x00")), writes=True),
    Scenario("a change of ciphers in the middle", in_the_middle(raw(b"\x14\x03\x03\x00\x01\x01"), GOOD[5000:]), ("ESP_OK", "ESP_FAIL"), writes=True),
    Scenario("an alert instead of a hello", [steps()], NO_TLS, server=dict(on_accept=steps(raw(b"\x15\x03\x03\x00\x02\x02\x28"), CUT))),
    Scenario("a large image one record at a time", [steps(records(ok(BIG), 1000))], "ESP_OK", later=BIG),
]


def _notify_only(connection):
    """close_notify goes out, the socket stays open."""
    try:
        connection.tls.unwrap()
    except ssl.SSLError:
        pass  # it waits for the answer
    connection.flush()
    connection.server.fault()


@pytest.mark.parametrize("scenario", table(SCENARIOS))
def test_tls(scenario, lab):
    lab.proves(scenario)


# ---------------------------------------------------------------------- renegotiation, which Python cannot start

class Renegotiating:
    """openssl s_server with TLS 1.2; "r" on its input starts a handshake in the middle of the answer."""

    def __init__(self, certs, letter):
        self.letter = letter
        self.process = subprocess.Popen(["openssl", "s_server", "-tls1_2", "-accept", "127.0.0.1:0", "-cert", certs.server, "-key", certs.server_key],
                                        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        self.lines, self.seen, self.requests, self.faults = queue.Queue(), b"", [], 0
        threading.Thread(target=self._read, daemon=True).start()
        self.port = int(re.search(rb"ACCEPT .*:(\d+)", self.wait_for(b"ACCEPT"))[1])

    def _read(self):
        for line in self.process.stdout:
            self.lines.put(line)
        self.lines.put(None)

    def wait_for(self, text, seconds=20):
        while True:
            line = self.lines.get(timeout=seconds)
            assert line is not None, f"s_server ended:\n{self.seen.decode(errors='replace')}"
            self.seen += line
            if text in line:
                return line

    def write(self, data):
        self.process.stdin.write(data)
        self.process.stdin.flush()

    def answer(self, data):
        try:
            self.wait_for(b"User-Agent")
            self.write(head("200 OK", f"Content-Length: {len(data)}") + data[:4000])
            threading.Event().wait(0.3)  # it looks for commands at the start of what it reads, so they must come alone
            self.write(self.letter)
            self.wait_for(b"SSL_do_handshake")
            self.faults += 1
            threading.Event().wait(0.3)
            self.write(data[4000:])
        except (AssertionError, queue.Empty, OSError):
            pass  # the client may have left; whether the handshake began is asked below

    def stop(self):
        self.process.kill()
        self.process.wait()


@pytest.mark.parametrize("letter", [b"r\n", b"R\n"], ids=["plain", "with_a_wish_for_a_certificate"])
def test_a_renegotiation_in_the_middle(lab, certs, letter):
    device = lab.device("renegotiation")
    before = device.all_but("ota_1")
    data = image(size=12_000, version="2.0.0")
    server = Renegotiating(certs, letter)
    try:
        threading.Thread(target=server.answer, args=(data,), daemon=True).start()
        outcome = lab.update(device, server, f"https://localhost:{server.port}/v2.bin")
    finally:
        server.stop()
    assert server.faults == 1, f"no handshake in the middle\n{server.seen.decode(errors='replace')}\n{outcome.shown}"
    assert outcome.result in ("ESP_OK", "ESP_FAIL", "ESP_ERR_HTTP_READ_TIMEOUT"), outcome.shown
    if outcome.result == "ESP_OK":
        assert device.read("ota_1", len(data)) == data
    else:
        assert device.all_but("ota_1") == before
