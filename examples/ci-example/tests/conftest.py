"""The firmware, built once a run for the address of the test server."""

from pathlib import Path

import pytest

PROJECT = Path(__file__).resolve().parent.parent / "firmware"


@pytest.fixture(scope="session")
def lamp(esp_project, esp_nginx):
    return esp_project(PROJECT, config={"LAMP_UPDATE_URL": esp_nginx.url("lamp.bin")})


@pytest.fixture(scope="session")
def broken_lamp(esp_project, esp_nginx):
    return esp_project(PROJECT, config={"LAMP_UPDATE_URL": esp_nginx.url("lamp.bin"), "LAMP_BREAKS": True})
