"""The examples as a user has them: with an installed copy and the plugin, and nothing else of this tree."""

import pytest

from projects import find_build, install


@pytest.fixture(scope="session")
def prefix(tmp_path_factory):
    build = find_build()
    if not build:
        pytest.skip("no build/release (cmake --preset release && cmake --build build/release)")
    return install(build, tmp_path_factory.mktemp("installed"))


@pytest.fixture(scope="session")
def esp_ota_program(prefix):
    return prefix / "bin" / "esp-ota"
