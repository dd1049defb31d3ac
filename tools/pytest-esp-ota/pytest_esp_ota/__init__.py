"""pytest fixtures for firmware that updates itself. docs/testing.md tells how to use them; each has its own words below.

esp_ota           the program esp-ota: run(), done(), failed(), json()
esp_project       builds ESP-IDF projects as host firmware, each once a run -> Firmware
esp_device        makes virtual devices -> Device; what still runs at the end of the test is switched off
esp_server        a folder of this test on an nginx with HTTPS: serve(), url(), requests(), ca
esp_nginx         the same server for the whole run: its addresses are known before the first test
esp_certificates  the throwaway certificates of this run
"""

import pytest

from .certificates import Certificates
from .device import Device
from .program import Program, find_program
from .project import Builder, Firmware
from .server import Nginx, Site

__all__ = ["Builder", "Certificates", "Device", "Firmware", "Nginx", "Program", "Site", "find_program"]


def pytest_addoption(parser):
    group = parser.getgroup("esp-ota")
    group.addoption("--esp-ota", metavar="PROGRAM", help="the esp-ota to test with; else the variable ESP_OTA, else the one on the PATH")


@pytest.fixture(scope="session")
def esp_ota_program(request):
    """Path of the program; a conftest.py may say another."""
    return find_program(request.config.getoption("--esp-ota"))


@pytest.fixture
def esp_ota(esp_ota_program, tmp_path):
    """The program esp-ota, run in the test's tmp_path."""
    return Program(esp_ota_program, tmp_path)


@pytest.fixture(scope="session")
def esp_certificates(tmp_path_factory):
    """Throwaway certificates of this run; `ca` is what a device has to trust."""
    return Certificates(tmp_path_factory.mktemp("certificates"))


@pytest.fixture(scope="session")
def esp_nginx(tmp_path_factory, esp_certificates):
    """An nginx on free ports of the loopback, for all tests. Its url() is good for configuring firmware in fixtures of a session."""
    with Nginx(tmp_path_factory.mktemp("nginx"), esp_certificates) as server:
        yield server


@pytest.fixture
def esp_server(esp_nginx):
    """The server as this test sees it: what it serves goes away with it, and requests() begin with it."""
    site = Site(esp_nginx)
    yield site
    site.clear()


@pytest.fixture(scope="session")
def esp_project(esp_ota_program, tmp_path_factory):
    """esp_project(folder, version=None, config={}, files={}, defaults=[]) -> Firmware; see Builder.build()."""
    return Builder(esp_ota_program, tmp_path_factory.mktemp("projects")).build


@pytest.fixture
def esp_device(esp_ota, esp_certificates):
    """esp_device(image, ...) -> Device, as Device's constructor. Firmware that trusts the system's store trusts esp_server."""
    made = []

    def make(image=None, **settings):
        name = settings.pop("name", f"device{len(made) + 1}" if made else "device")
        env = {"SSL_CERT_FILE": str(esp_certificates.ca), **settings.pop("env", {})}
        device = Device(esp_ota, image, name=name, env=env, **settings)
        made.append(device)
        return device

    yield make
    for device in made:
        device.switch_off()
