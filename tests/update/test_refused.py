"""Bad servers, bad answers and bad images: a documented error, one sentence, and the device boots as before.

After each of them a good server completes the update on the same device.
"""

import re
import socket

import pytest

from images import damaged, filler, image, image_without_segments
from raw_server import RawServer, head
from upstream import PASSWORD, USER

GOOD = image(size=20_000, version="2.0.0")
SLOT = 0x100000


class Target:
    """A device that runs 1.0.0 from factory; leaving the test it must still do so and then take a good update."""

    def __init__(self, device, site, chip, v1, create):
        self.site, self.chip = site, chip
        self.dev = device(chip=chip, create=create, factory=v1)
        self.dev.boot()

    def refuses(self, result, url, *options, says=None, writes=False):
        sentence = self.dev.refused(result, url, "--cacert", self.site.ca, *options, writes_to="ota_0" if writes else None)
        if says:
            assert re.search(says, sentence, re.IGNORECASE), f'"{sentence}" does not say "{says}"'

    def still_updates(self):
        boot = self.dev.boot()
        assert (boot["slot"], boot["version"]) == ("factory", "1.0.0")
        data = image(self.chip, size=20_000, version="2.0.0")
        self.dev.update(self.site.url(self.site.serve(data, "good.bin")), "--cacert", self.site.ca)
        boot = self.dev.boot()
        assert (boot["slot"], boot["version"]) == ("ota_0", "2.0.0") and self.dev.read("ota_0", len(data)) == data


@pytest.fixture
def target_of(device, site, program):
    made = []

    def make(chip, **create):
        options = [word for name, value in create.items() for word in ("--" + name.replace("_", "-"), value)]
        made.append(Target(device, site, chip, program.firmware("v1.bin", chip=chip, version="1.0.0"), options))
        return made[-1]

    yield make
    for target in made:
        target.still_updates()


@pytest.fixture
def target(target_of):
    return target_of("esp32")


# ---------------------------------------------------------------------- connections

def test_nobody_listens(target):
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))  # bound but not listening: nobody else gets the port
        target.refuses("ESP_ERR_HTTP_CONNECT", f"https://localhost:{held.getsockname()[1]}/v2.bin", says="refused|connect")


def test_a_name_that_does_not_resolve(target):
    target.refuses("ESP_ERR_HTTP_CONNECT", "https://nowhere.invalid/v2.bin", says="nowhere.invalid")


@pytest.mark.parametrize("server, says", [("other_ca", "CA|authority|issuer|trust|certificate"), ("wrong_name", "name|localhost"), ("expired", "expired")])
def test_certificates_that_prove_nothing(target, site, server, says):
    target.refuses("ESP_ERR_HTTP_CONNECT", site.url(site.serve(GOOD), server), says=says)


def test_a_port_that_speaks_no_tls(target, site):
    url = site.url(site.serve(GOOD), "http").replace("http:", "https:")
    target.refuses("ESP_ERR_HTTP_CONNECT", url, says="TLS")


def test_no_way_to_verify_the_server(target, site):
    before = target.dev.all_but()
    result = target.dev.program.run(*target.dev.update_args(site.url(site.serve(GOOD))))
    assert result.returncode == 2 and "--cacert" in result.stderr, result.shown
    assert target.dev.all_but() == before


def test_no_encryption(target, site):
    before = target.dev.all_but()
    result = target.dev.program.run(*target.dev.update_args(site.url(site.serve(GOOD), "http"), "--cacert", site.ca))
    assert result.returncode == 2 and "--allow-http" in result.stderr, result.shown
    assert target.dev.all_but() == before


def test_the_wrong_ca_file(target, site, certs):
    target.dev.refused("ESP_ERR_HTTP_CONNECT", site.url(site.serve(GOOD)), "--cacert", certs.other_ca)


def test_the_authorities_of_the_system_do_not_know_ours(target, site):
    target.dev.refused("ESP_ERR_HTTP_CONNECT", site.url(site.serve(GOOD)), "--system-ca")


@pytest.mark.parametrize("option", ["--cacert", "--cert", "--key"])
def test_a_pem_file_that_is_none_is_named(target, site, certs, option):
    letter = target.dev.program.folder / "letter.pem"
    letter.write_text("not really\n")
    files = {"--cacert": certs.ca, "--cert": certs.client, "--key": certs.client_key, option: letter}
    url = site.url(site.serve(GOOD), "client_cert")
    result = target.dev.program.failed(*target.dev.update_args(url), *(word for pair in files.items() for word in pair))
    assert f"{option} {letter}" in result.stderr and "trying again" not in result.stderr, result.shown
    folder = target.dev.program.failed(*target.dev.update_args(site.url("folder/", "client_cert")), *(word for pair in files.items() for word in pair),
                                       "--retry-delay", "100")  # no test waits so long
    assert f"{option} {letter}" in folder.stderr, folder.shown


def test_a_cacert_that_is_none(target, site):
    letter = target.dev.program.folder / "letter.pem"
    letter.write_text("-----BEGIN CERTIFICATE-----\nnot really\n-----END CERTIFICATE-----\n")
    target.dev.refused("ESP_ERR_HTTP_CONNECT", site.url(site.serve(GOOD)), "--cacert", letter)


@pytest.mark.parametrize("answer, says", [(b"SSH-2.0-OpenSSH_9.2\r\n" * 3, "answer"), (b"\x16\x03\x01" + filler("noise", 500), "answer"),
                                          (b"", "closed"), (head()[:-2], "answer|closed")],
                         ids=["another protocol", "noise", "nothing", "half a head"])
def test_answers_that_are_no_http(target, site, answer, says):
    with RawServer(site.certificates, [answer] if answer else []) as server:
        target.refuses("ESP_FAIL", server.url("/v2.bin"), says=says)


def test_an_endless_head(target, site):
    with RawServer(site.certificates, [head()[:-2]] + [b"X-More: %d\r\n" % i * 500 for i in range(2000)]) as server:
        target.refuses("ESP_FAIL", server.url("/v2.bin"), says="head.*(longer|fields)")


# ---------------------------------------------------------------------- status codes

@pytest.mark.parametrize("code", [204, 206, 400, 403, 404, 410, 429, 500, 502, 503, 504])
def test_a_status_that_brings_no_image(target, site, code):
    target.refuses("ESP_FAIL", site.url(f"status/{code}"), says=str(code))


def test_a_part_that_nobody_asked_for(target, site):
    target.refuses("ESP_FAIL", site.url("partial/" + site.serve(GOOD)), says="206")


def test_range_not_satisfiable(target, site):
    target.refuses("ESP_ERR_HTTP_RANGE_NOT_SATISFIABLE", site.url("status/416"), says="416")


def test_not_modified(target, site):
    target.refuses("ESP_ERR_HTTP_NOT_MODIFIED", site.url("status/304"), says="304|not changed|not modified")


@pytest.mark.parametrize("path, says", [("nowhere.bin", "localhost:.*404.*URL"), ("status/403", "403.*access"), ("status/429", "429.*later"),
                                        ("status/503", "503.*later"), ("auth/v2.bin", "401.*asks for a user name")])
def test_a_status_is_told_with_what_it_means(target, site, path, says):
    target.refuses("ESP_FAIL", site.url(path), says=says)


def test_a_server_without_a_way_to_log_in(target, site):
    target.refuses("ESP_ERR_NOT_SUPPORTED", site.url("status/401"), says="401.*Basic or Digest")


def test_a_retry_tells_its_reason(target, site):
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        port = held.getsockname()[1]
        result = target.dev.program.failed(*target.dev.update_args(f"https://localhost:{port}/v2.bin", "--cacert", site.ca),
                                           "--retries", "1", "--retry-delay", "0.1")
    assert re.search(rf"warning: localhost:{port}: .*connection", result.stderr), result.shown  # without IPv6 it is not called refused
    assert "-1" not in result.stderr and "(1 of 1)" in result.stderr, result.shown


@pytest.mark.parametrize("kind", ["auth", "digest"])
@pytest.mark.parametrize("options", [(), ("--user", f"{USER}:wrong"), ("--user", f"stranger:{PASSWORD}")],
                         ids=["nobody", "wrong password", "wrong user"])
def test_not_the_right_password(target, site, kind, options):
    target.refuses("ESP_FAIL", site.url(f"{kind}/" + site.serve(GOOD)), *options, says="401|password|credential")


def test_a_client_certificate_is_missing(target, site):
    target.refuses("ESP_FAIL", site.url(site.serve(GOOD), "client_cert"), says="400")


# ---------------------------------------------------------------------- redirects

@pytest.mark.parametrize("path", ["redirect/loop", "hops/11/v2.bin"])
def test_too_many_redirects(target, site, path):
    target.refuses("ESP_ERR_HTTP_MAX_REDIRECT", site.url(path), says="redirect")


def test_a_redirect_from_https_to_http(target, site):
    target.refuses("ESP_ERR_HTTP_REDIRECT_DOWNGRADE", site.url("to-http/" + site.serve(GOOD)), says="https.*http")


@pytest.mark.parametrize("location", ["file:///etc/hostname", "ftp://localhost/v2.bin", "gopher://localhost/x"])
def test_a_redirect_to_something_that_is_not_the_web(target, site, location):
    result = "ESP_ERR_INVALID_ARG" if location.startswith("file:") else "ESP_ERR_HTTP_REDIRECT_DOWNGRADE"  # without a host it is no URL here
    with RawServer(site.certificates, [head("302 Found", f"Location: {location}", "Content-Length: 0")]) as server:
        target.refuses(result, server.url("/v2.bin"), says="redirects")


@pytest.mark.parametrize("lines", [[], ["Location: https://"], ["Location: https://localhost:99999/"]], ids=["none", "no host", "no port"])
def test_a_redirect_to_nowhere(target, site, lines):
    with RawServer(site.certificates, [head("302 Found", *lines, "Content-Length: 0")]) as server:
        target.refuses("ESP_ERR_INVALID_ARG", server.url("/v2.bin"), says="Location|redirect")


# ---------------------------------------------------------------------- bodies

def test_a_web_page(target, site):
    target.refuses("ESP_ERR_OTA_VALIDATE_FAILED", site.url("html"), says="web page|HTML")


def test_an_empty_body(target, site):
    target.refuses("ESP_FAIL", site.url("empty"), says="short|empty|0 bytes")


@pytest.mark.parametrize("size", [1, 23])
def test_less_than_a_header(target, site, size):
    target.refuses("ESP_ERR_OTA_VALIDATE_FAILED", site.url(site.serve(GOOD[:size])), says="short|not an image")


@pytest.mark.parametrize("kind", ["truncated", "chunkcut"])
@pytest.mark.parametrize("count", [0, 500, 1024, 5000, len(GOOD) - 1])
def test_a_body_that_ends_early(target, site, kind, count):
    target.refuses("ESP_FAIL", site.url(f"{kind}/{count}/" + site.serve(GOOD)), says="end|early|closed", writes=count > 1024)


@pytest.mark.parametrize("kind", ["truncated", "chunkcut"])
def test_a_body_that_ends_early_behind_a_whole_image(target, site, kind):
    """Every check of the image passes; that the server announced more is reason enough."""
    data = GOOD + b"appended " * 1000
    target.refuses("ESP_FAIL", site.url(f"{kind}/{len(GOOD) + 100}/" + site.serve(data)), says="end|early|closed", writes=True)


def test_a_body_without_a_length_that_ends_early(target, site):
    """The connection's end is all there is to see, so it is the image that is found incomplete."""
    target.refuses("ESP_ERR_OTA_VALIDATE_FAILED", site.url("until-close/" + site.serve(GOOD[:-100])), says="ends|truncated|incomplete", writes=True)


@pytest.mark.parametrize("kind", ["", "no-keep-alive/"])
def test_a_body_announced_longer_than_the_slot(target, site, kind):
    data = GOOD + bytes(SLOT)
    target.refuses("ESP_ERR_INVALID_SIZE", site.url(kind + site.serve(data)), says=str(len(data)))


@pytest.mark.parametrize("kind", ["chunked", "until-close"])
def test_a_body_that_turns_out_longer_than_the_slot(target, site, kind):
    url = site.url(f"{kind}/" + site.serve(GOOD + bytes(SLOT)))
    target.refuses("ESP_ERR_INVALID_SIZE", url, says="fit|room", writes=True)
    result = target.dev.program.failed(*target.dev.update_args(url, "--cacert", site.ca))
    assert "goes on" not in result.stderr, result.shown  # it would end in the same way


# ---------------------------------------------------------------------- images

def test_an_image_for_another_chip(target, site):
    target.refuses("ESP_ERR_INVALID_VERSION", site.url(site.serve(image("esp32c3", size=20_000))), says="esp32c3.*esp32")


def test_an_image_for_a_newer_revision_of_the_chip(target, site):
    target.refuses("ESP_ERR_INVALID_VERSION", site.url(site.serve(image(size=20_000, min_rev=9900))), says="revision")


def test_an_image_for_older_revisions_only(target_of, site):
    target = target_of("esp32", chip_rev="v3.1")
    target.refuses("ESP_ERR_INVALID_VERSION", site.url(site.serve(image(size=20_000, max_rev=300))), says="revision")


def test_an_image_for_a_newer_revision_of_the_efuses(target_of, site):
    target = target_of("esp32c3", blk_rev="v1.0")
    target.refuses("ESP_ERR_INVALID_VERSION", site.url(site.serve(image("esp32c3", size=20_000, min_block_rev=101))), says="revision")


@pytest.mark.parametrize("at", [40, 2000, 10_000, len(GOOD) - 50, len(GOOD) - 33, len(GOOD) - 1],
                         ids=["descriptor", "early", "middle", "end of data", "checksum", "digest"])
@pytest.mark.parametrize("kind", ["", "chunked/"])
def test_an_image_damaged_on_the_way(target, site, kind, at):
    target.refuses("ESP_ERR_OTA_VALIDATE_FAILED", site.url(kind + site.serve(damaged(GOOD, at))), writes=True, says="checksum|SHA-256|hash|damaged")


@pytest.mark.parametrize("at, value", [(0, 0x00), (1, 17), (24 + 4, 3)], ids=["magic", "17 segments", "odd segment"])
def test_a_header_that_no_image_has(target, site, at, value):
    target.refuses("ESP_ERR_OTA_VALIDATE_FAILED", site.url(site.serve(GOOD[:at] + bytes([value]) + GOOD[at + 1:])))


def test_noise_of_the_right_length(target, site):
    target.refuses("ESP_ERR_OTA_VALIDATE_FAILED", site.url(site.serve(b"\x00" + filler("noise", 20_000))))


def test_a_whole_flash_image_instead_of_an_application(target, site, device, program):
    """The classic mistake: what is meant for offset 0, with 4 KiB of erased flash at its start."""
    target.refuses("ESP_ERR_OTA_VALIDATE_FAILED", site.url(site.serve(b"\xff" * 4096 + GOOD)))


def test_no_descriptor_on_a_chip_that_needs_one(target_of, site):
    target = target_of("esp32c6")
    target.refuses("ESP_ERR_OTA_VALIDATE_FAILED", site.url(site.serve(image("esp32c6", size=20_000, first=filler("code", 256)))),
                   says="descriptor")


def test_segments_that_lead_out_of_the_slot(target, site):
    data = bytearray(GOOD)
    data[24 + 4:24 + 8] = (SLOT * 2).to_bytes(4, "little")
    target.refuses("ESP_ERR_OTA_VALIDATE_FAILED", site.url(site.serve(bytes(data))), writes=True)


# ---------------------------------------------------------------------- not refused, and why

def test_the_smallest_image_of_all_is_taken(device, program, site):
    """32 bytes without a segment are a valid image to Espressif's loader; so they are here."""
    dev = device(factory=program.firmware("v1.bin"))
    data = image_without_segments()
    assert len(data) == 32
    dev.update(site.url(site.serve(data)), "--cacert", site.ca)
    assert dev.boot()["slot"] == "ota_0" and dev.read("ota_0", 32) == data


def test_no_descriptor_is_fine_on_a_chip_that_needs_none(device, program, site):
    dev = device(factory=program.firmware("v1.bin"))
    dev.update(site.url(site.serve(image(size=20_000, first=filler("code", 256)))), "--cacert", site.ca)
    assert dev.boot()["slot"] == "ota_0"
