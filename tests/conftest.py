"""Fixtures for every test that crosses the command line or the network.

program   esp-ota in a folder of its own: run(), done(), failed(), json(), firmware()
device    makes devices: device("dev", factory=image) -> Device
server    a real nginx for this test alone; see support/nginx.py for what it serves
site      a folder of this test alone on an nginx that the whole run shares, which saves its start: serve(), url()
certs     throwaway certificates, made once per run and only read
esp_*     the fixtures that users have, too: tools/pytest-esp-ota
esptool, espsecure   Espressif's own tools as judges; skips when it could not be installed, fails under REQUIRE_JUDGES=1
"""

import os
import subprocess

import pytest

pytest.register_assert_rewrite("pytest_esp_ota")  # before it is imported by what follows
pytest_plugins = ["pytest_esp_ota"]

from certs import Certificates
from esp_ota import ROOT, Device, Program, find_program
from nginx import Nginx


@pytest.fixture(scope="session")
def esp_ota_program():
    return find_program()


@pytest.fixture(scope="session")
def esp_certificates(certs):
    return certs


@pytest.fixture
def program(tmp_path):
    return Program(find_program(), tmp_path)


@pytest.fixture
def device(program):
    return lambda name="dev", **settings: Device(program, name, **settings)


@pytest.fixture(scope="session")
def certs(tmp_path_factory):
    return Certificates(tmp_path_factory.mktemp("certs"))


@pytest.fixture
def server(tmp_path, certs):
    with Nginx(tmp_path / "server", certs) as running:
        yield running


class Site:
    def __init__(self, server, folder):
        self.server = server
        self.certificates = server.certificates
        self.ca = server.certificates.ca
        self.folder = folder
        (server.docroot / folder).mkdir()

    def serve(self, data, name="v2.bin"):
        """Puts bytes on the site and returns their path below the root."""
        (self.server.docroot / self.folder / name).write_bytes(data)
        return f"{self.folder}/{name}"

    def url(self, path, server="https", **more):
        return self.server.url(server, path, **more)

    def requests(self, path):
        """What the upstream was asked for path, oldest first."""
        return [request for request in self.server.upstream.requests if request["path"].lstrip("/") == path.lstrip("/")]


@pytest.fixture(scope="session")
def shared_server(tmp_path_factory, certs):
    with Nginx(tmp_path_factory.mktemp("shared") / "server", certs) as running:
        yield running


@pytest.fixture
def site(shared_server, tmp_path):
    return Site(shared_server, tmp_path.name)


def judge(name):
    path = ROOT / "build" / "venv" / "bin" / name
    if not path.exists():
        message = f"no {name} in build/venv (tools/install_judges.sh puts it there)"
        pytest.fail(message) if os.environ.get("REQUIRE_JUDGES") == "1" else pytest.skip(message)
    return lambda *args: subprocess.run([path, *map(str, args)], text=True, capture_output=True, timeout=120)


@pytest.fixture(scope="session")
def esptool():
    return judge("esptool")


@pytest.fixture(scope="session")
def espsecure():
    return judge("espsecure")


@pytest.fixture(scope="session")
def judge_python(espsecure):  # without PyPI there is a python, but nothing in it
    """Python with the judges' libraries."""
    return judge("python")
