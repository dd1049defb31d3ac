"""The servers of tests/support are what the update tests take them for; curl is the judge."""

import json
import subprocess

import pytest

from certs import KEY_PASSWORD
from nginx import REDIRECTS, STATUSES
from upstream import PASSWORD, USER

BODY = bytes(range(256)) * 400


@pytest.fixture
def ready(server):
    (server.docroot / "v2.bin").write_bytes(BODY)
    return server


def curl(server, url, *options):
    """(exit code of curl, status, body)."""
    command = ["curl", "-s", "-w", "%{stderr}%{http_code}", "--max-time", "20", "--cacert", server.certificates.ca, *options, url]
    result = subprocess.run(command, capture_output=True)
    return result.returncode, int(result.stderr), result.stdout


@pytest.mark.parametrize("name", ["http", "https"])
def test_a_file_arrives_whole(ready, name):
    assert curl(ready, ready.url(name, "/v2.bin")) == (0, 200, BODY)


def test_the_certificate_holds_for_the_address_too(ready):
    assert curl(ready, ready.url("https", "/v2.bin", host="127.0.0.1"))[0] == 0


@pytest.mark.parametrize("name", ["expired", "wrong_name", "other_ca"])
def test_a_bad_certificate_is_refused_by_a_careful_client_only(ready, name):
    assert curl(ready, ready.url(name, "/v2.bin"))[0] == 60
    assert curl(ready, ready.url(name, "/v2.bin"), "--insecure") == (0, 200, BODY)


def test_expired_is_the_only_fault_of_the_expired_certificate(ready):
    command = ["openssl", "verify", "-no_check_time",
               "-CAfile", ready.certificates.ca, ready.certificates.expired]
    assert subprocess.run(command, capture_output=True).returncode == 0


def test_a_client_certificate_is_asked_for(ready):
    url, certs = ready.url("client_cert", "/v2.bin"), ready.certificates
    assert curl(ready, url)[1] == 400
    assert curl(ready, url, "--cert", certs.client, "--key", certs.client_key) == (0, 200, BODY)
    assert curl(ready, url, "--cert", certs.client, "--key", certs.client_encrypted_key, "--pass", KEY_PASSWORD) == (0, 200, BODY)
    assert curl(ready, url, "--cert", certs.client, "--key", certs.client_encrypted_key, "--pass", "wrong")[0] == 58


@pytest.mark.parametrize("path, option", [("/auth/v2.bin", "--basic"), ("/digest/v2.bin", "--digest")])
def test_authentication_is_asked_for(ready, path, option):
    url = ready.url("https", path)
    assert curl(ready, url)[1] == 401
    assert curl(ready, url, option, "--user", f"{USER}:wrong")[1] == 401
    assert curl(ready, url, option, "--user", f"{USER}:{PASSWORD}") == (0, 200, BODY)


@pytest.mark.parametrize("code", REDIRECTS)
@pytest.mark.parametrize("kind", ["redirect", "redirect-relative"])
def test_redirects_lead_to_the_file(ready, kind, code):
    url = ready.url("https", f"/{kind}/{code}/v2.bin")
    _, status, _ = curl(ready, url)
    head = subprocess.run(["curl", "-sI", "--cacert", ready.certificates.ca, url], capture_output=True, text=True).stdout
    wanted = "location: /v2.bin" if kind == "redirect-relative" else "location: https://localhost:"
    assert status == code and wanted in head.lower()
    assert curl(ready, url, "-L") == (0, 200, BODY)


def test_a_redirect_loop_never_ends(ready):
    assert curl(ready, ready.url("https", "/redirect/loop"), "-L", "--max-redirs", "7")[0] == 47


def test_the_downgrade_is_one(ready):
    assert curl(ready, ready.url("https", "/to-http/v2.bin"), "-L") == (0, 200, BODY)
    assert curl(ready, ready.url("https", "/to-http/v2.bin"), "-L", "--proto-redir", "=https")[0] == 1


@pytest.mark.parametrize("code", STATUSES)
def test_statuses_come_as_asked(ready, code):
    assert curl(ready, ready.url("https", f"/status/{code}"))[1] == code


def test_ranges_are_honoured_and_can_be_ignored(ready):
    assert curl(ready, ready.url("https", "/v2.bin"), "-r", "100-199") == (0, 206, BODY[100:200])
    assert curl(ready, ready.url("https", "/v2.bin"), "-r", f"{len(BODY)}-")[1] == 416
    assert curl(ready, ready.url("https", "/norange/v2.bin"), "-r", "100-199") == (0, 200, BODY)


def test_a_chunked_answer_has_no_length(ready):
    url = ready.url("https", "/chunked/v2.bin")
    head = subprocess.run(["curl", "-s", "-D-", "-o/dev/null", "--cacert", ready.certificates.ca, url], capture_output=True, text=True).stdout
    assert "transfer-encoding: chunked" in head.lower() and "content-length" not in head.lower()
    assert curl(ready, url) == (0, 200, BODY)


def test_a_truncated_answer_ends_early(ready):
    assert curl(ready, ready.url("https", "/truncated/5000/v2.bin")) == (18, 200, BODY[:5000])


def test_a_longer_answer_is_longer(ready):
    assert curl(ready, ready.url("https", "/longer/10/v2.bin"))[2] == BODY + b"\xff" * 10


def test_a_stalled_answer_stops_after_the_bytes_asked_for(ready):
    code, _, body = curl(ready, ready.url("https", "/stall/5000/v2.bin"), "--max-time", "1")
    assert code == 28 and body == BODY[:5000]


def test_the_echo_tells_headers_and_body(ready):
    _, _, body = curl(ready, ready.url("https", "/echo"), "-H", "X-Device: 7", "-d", "hello")
    seen = json.loads(body)
    assert (seen["method"], seen["headers"]["X-Device"], seen["body"]) == ("POST", "7", "hello")


def test_a_web_page_comes_with_status_200(ready):
    assert curl(ready, ready.url("https", "/html"))[1] == 200


def test_the_log_tells_what_was_asked(ready):
    curl(ready, ready.url("https", "/v2.bin"), "-r", "0-9")
    assert ready.requests() == [{"server": "https", "method": "GET", "path": "/v2.bin", "status": 206, "bytes": 10, "range": "bytes=0-9"}]
