"""The lab in which hostile scenarios are played; see README.md."""

import pytest

from esp_ota import Program, find_program
from hostile_kit import Lab


@pytest.fixture(scope="session")
def lab(request, certs, tmp_path_factory):
    folder = tmp_path_factory.mktemp("hostile")
    running = Lab(Program(find_program(), folder), certs, folder)
    running.start([item.callspec.params["scenario"] for item in request.session.items
                   if "scenario" in getattr(getattr(item, "callspec", None), "params", {})])
    yield running
    running.stop()
