"""Ways an image may come: authentication, redirects, framing, certificates. Each ends with the served bytes in the slot."""

import subprocess

import pytest

from certs import KEY_PASSWORD
from esp_ota import slots_csv
from images import SMALLEST, image
from nginx import REDIRECTS
from raw_server import RawServer, head
from upstream import PASSWORD, USER

USER_OPTION = ("--user", f"{USER}:{PASSWORD}")


@pytest.fixture
def dev(device, program):
    return device(factory=program.firmware("v1.bin"))


@pytest.fixture
def data():
    return image(size=40_000, version="2.0.0")


def arrives(dev, site, data, path, *options, server="https", **more):
    """The update from path ends well and the slot holds data; True, for asserting."""
    answer = dev.update(site.url(path, server, **more), "--cacert", site.ca, *options)
    assert answer["bytes"] == len(data) and dev.read(answer["slot"], len(data)) == data
    assert dev.boot()["slot"] == answer["slot"]
    return True


@pytest.mark.parametrize("kind", ["", "chunked/", "until-close/", "no-keep-alive/", "norange/"])
def test_framings(dev, site, data, kind):
    assert arrives(dev, site, data, kind + site.serve(data))


def test_plain_http_for_who_asks_for_it(dev, site, data):
    assert arrives(dev, site, data, site.serve(data), "--allow-http", server="http")


def test_the_address_instead_of_the_name(dev, site, data):
    assert arrives(dev, site, data, site.serve(data), host="127.0.0.1")


@pytest.mark.parametrize("size", [SMALLEST, 992, 1008, 1024, 1040, 2048, 4080, 4096])
@pytest.mark.parametrize("kind", ["", "chunked/"])
def test_small_images(dev, site, size, kind):
    data = image(size=size)
    assert arrives(dev, site, data, kind + site.serve(data))


@pytest.mark.parametrize("size", [SMALLEST, 1024, 4096, 8192])
@pytest.mark.parametrize("cut", ["one packet", "head and body", "single bytes of the head", "first byte of the body with the head"])
def test_what_arrives_together_does_not_matter(dev, site, size, cut):
    data = image(size=size)
    answer = head("200 OK", f"Content-Length: {len(data)}", "Connection: close")
    pieces = {"one packet": [answer + data],
              "head and body": [answer, data],
              "single bytes of the head": [bytes([byte]) for byte in answer] + [data],
              "first byte of the body with the head": [answer + data[:1], data[1:]]}[cut]
    with RawServer(site.certificates, pieces) as server:
        answer = dev.update(server.url("/v2.bin"), "--cacert", site.ca)
    assert answer["bytes"] == size and dev.read("ota_0", size) == data


@pytest.mark.parametrize("size", [1 << 20, (1 << 20) - 16, 3 << 20])
@pytest.mark.parametrize("kind", ["", "chunked/"])
def test_large_images_up_to_the_last_byte_of_the_slot(device, program, site, size, kind):
    slot_size = (size + 0xFFFF) & ~0xFFFF
    dev = device(table=slots_csv(2, slot_size), size="8MB", ota_0=program.firmware("v1.bin"))
    data = image(size=size)
    path = kind + site.serve(data)
    answer = dev.update(site.url(path), "--cacert", site.ca)
    assert answer["slot"] == "ota_1" and dev.read("ota_1", size) == data
    judge = subprocess.run(["curl", "-s", "--cacert", site.ca, site.url(path)], capture_output=True, check=True).stdout
    assert judge == dev.read("ota_1", size)


def test_bytes_behind_the_image_are_kept_and_harmless(dev, site, data):
    assert arrives(dev, site, data + b"appended " * 100, site.serve(data + b"appended " * 100))


def test_a_request_header_reaches_the_server(dev, site, data):
    path = "norange/" + site.serve(data)
    arrives(dev, site, data, path, "--header", "X-Device: 7", "--header", "X-Empty-Not: a: b")
    headers = site.requests(path)[-1]["headers"]
    assert headers["X-Device"] == "7" and headers["X-Empty-Not"] == "a: b"


# ---------------------------------------------------------------------- who is asking

def test_basic_authentication(dev, site, data):
    assert arrives(dev, site, data, "auth/" + site.serve(data), *USER_OPTION)


def test_a_password_from_a_file(dev, site, data, program):
    (program.folder / "user").write_text(f"{USER}:{PASSWORD}\n")
    assert arrives(dev, site, data, "auth/" + site.serve(data), "--user", f"@{program.folder / 'user'}")


def test_digest_authentication(dev, site, data):
    assert arrives(dev, site, data, "digest/" + site.serve(data), *USER_OPTION)


def test_basic_authentication_in_the_url(dev, site, data):
    assert arrives(dev, site, data, "auth/" + site.serve(data), host=f"{USER}:{PASSWORD}@localhost")


def test_a_client_certificate(dev, site, data):
    certs = site.certificates
    assert arrives(dev, site, data, site.serve(data), "--cert", certs.client, "--key", certs.client_key, server="client_cert")


def test_a_client_certificate_with_an_encrypted_key(dev, site, data, program):
    certs = site.certificates
    password = program.folder / "password"
    password.write_text(KEY_PASSWORD + "\n")
    assert arrives(dev, site, data, site.serve(data), "--cert", certs.client, "--key", certs.client_encrypted_key,
                   "--key-password-file", password, server="client_cert")


def test_an_authority_in_der(dev, site, data, program):
    der = program.folder / "ca.der"
    subprocess.run(["openssl", "x509", "-in", site.ca, "-outform", "DER", "-out", der], check=True)
    dev.update(site.url(site.serve(data)), "--cacert", der)
    assert dev.read("ota_0", len(data)) == data


def test_an_authority_among_others(dev, site, data, program):
    bundle = program.folder / "bundle.pem"
    bundle.write_text(site.certificates.other_ca.read_text() + site.ca.read_text())
    dev.update(site.url(site.serve(data)), "--cacert", bundle)
    assert dev.read("ota_0", len(data)) == data


# ---------------------------------------------------------------------- the server is somewhere else

@pytest.mark.parametrize("code", REDIRECTS)
@pytest.mark.parametrize("kind", ["redirect", "redirect-relative"])
def test_redirects(dev, site, data, kind, code):
    assert arrives(dev, site, data, f"{kind}/{code}/" + site.serve(data))


def test_a_redirect_to_another_host(dev, site, data):
    assert arrives(dev, site, data, "to-other/" + site.serve(data))


def test_a_redirect_to_a_page_that_asks_for_a_password(dev, site, data):
    assert arrives(dev, site, data, "redirect/302/auth/" + site.serve(data), *USER_OPTION)


def test_a_redirect_from_http_to_https(dev, site, data):
    assert arrives(dev, site, data, "to-https/" + site.serve(data), "--allow-http", server="http")


def test_ten_redirects_are_followed(dev, site, data):
    assert arrives(dev, site, data, "hops/10/" + site.serve(data))


def test_secrets_stay_with_the_server_they_were_meant_for(dev, site, data):
    path = "norange/" + site.serve(data)
    arrives(dev, site, data, "to-other/" + path, "--header", "Authorization: Bearer 0123", "--header", "Cookie: a=b", "--header", "X-Device: 7")
    headers = site.requests(path)[-1]["headers"]
    assert headers["X-Device"] == "7" and not {"Authorization", "Cookie"} & headers.keys()
