"""Passwords, keys and tokens never show in any output, whether the update works or fails."""

import pytest

from certs import KEY_PASSWORD
from images import image
from upstream import PASSWORD, USER

GOOD = image(size=20_000, version="2.0.0")
TOKEN = "tok-5d41402abc4b2a76b9719d"


@pytest.fixture
def dev(device, program):
    return device(factory=program.firmware("v1.bin"))


def key_lines(path):
    return [line for line in path.read_text().splitlines() if not line.startswith("-----")]


def shows_no(secrets, dev, *args, works):
    for extra in ((), ("--json",), ("--quiet",)):
        result = dev.program.run(*args, "--retry-delay", "0.01", *extra)
        assert result.returncode == (0 if works else 1), result.shown
        shown = result.stdout + result.stderr
        assert not [secret for secret in secrets if secret in shown], f"a secret shows:\n{shown}"


@pytest.mark.parametrize("kind, works", [("auth", True), ("digest", True), ("status/403?", False)])
def test_a_password(dev, site, kind, works):
    url = site.url(f"{kind}/" + site.serve(GOOD))
    shows_no([PASSWORD], dev, *dev.update_args(url, "--cacert", site.ca, "--user", f"{USER}:{PASSWORD}"), works=works)


def test_a_wrong_password(dev, site):
    url = site.url("auth/" + site.serve(GOOD))
    shows_no(["hunter2"], dev, *dev.update_args(url, "--cacert", site.ca, "--user", f"{USER}:hunter2"), works=False)


@pytest.mark.parametrize("path, works", [("auth/{}", True), ("status/404?{}", False)])
def test_a_password_in_the_url(dev, site, path, works):
    url = site.url(path.format(site.serve(GOOD)), host=f"{USER}:{PASSWORD}@localhost")
    shows_no([PASSWORD], dev, *dev.update_args(url, "--cacert", site.ca), works=works)


def test_a_password_in_a_url_that_leads_nowhere(dev, site):
    shows_no([PASSWORD], dev, *dev.update_args(f"https://{USER}:{PASSWORD}@nowhere.invalid/v2.bin", "--cacert", site.ca), works=False)


@pytest.mark.parametrize("path, works", [("norange/{}", True), ("status/500?{}", False)])
def test_a_token_in_a_header(dev, site, path, works):
    url = site.url(path.format(site.serve(GOOD)))
    shows_no([TOKEN], dev, *dev.update_args(url, "--cacert", site.ca, "--header", f"Authorization: Bearer {TOKEN}",
                                            "--header", f"X-Api-Key: {TOKEN}"), works=works)


@pytest.mark.parametrize("server, works", [("client_cert", True), ("other_ca", False)])
def test_a_private_key_and_its_password(dev, site, program, server, works):
    certs = site.certificates
    password = program.folder / "password"
    password.write_text(KEY_PASSWORD)
    url = site.url(site.serve(GOOD), server)
    shows_no([KEY_PASSWORD, *key_lines(certs.client_encrypted_key)], dev,
             *dev.update_args(url, "--cacert", site.ca, "--cert", certs.client, "--key", certs.client_encrypted_key,
                              "--key-password-file", password), works=works)


def test_the_wrong_password_of_a_key(dev, site, program):
    certs = site.certificates
    password = program.folder / "password"
    password.write_text("hunter2")
    url = site.url(site.serve(GOOD), "client_cert")
    shows_no(["hunter2", *key_lines(certs.client_encrypted_key)], dev,
             *dev.update_args(url, "--cacert", site.ca, "--cert", certs.client, "--key", certs.client_encrypted_key,
                              "--key-password-file", password), works=False)


def test_nothing_of_it_stays_in_the_flash_file(dev, site):
    url = site.url("auth/" + site.serve(GOOD))
    dev.update(url, "--cacert", site.ca, "--user", f"{USER}:{PASSWORD}")
    assert PASSWORD.encode() not in dev.flash.read_bytes()
