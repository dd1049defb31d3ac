"""alive(...) makes a device with firmware in its first slot; see live_device.Life."""

import pytest

from live_device import Life, find_firmware


@pytest.fixture(scope="session")
def firmware_elf():
    return find_firmware()


@pytest.fixture
def alive(program, firmware_elf):
    return lambda **settings: Life(program, firmware_elf, **settings)
