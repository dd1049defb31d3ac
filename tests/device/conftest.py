"""alive(...) makes a device with firmware in its first slot; see live_device.Life. The plugin's esp_device for this tree."""

import pytest

from live_device import Life, find_firmware


@pytest.fixture(scope="session")
def firmware_elf():
    return find_firmware()


@pytest.fixture
def alive(program, firmware_elf):
    made = []

    def make(**settings):
        made.append(Life(program, firmware_elf, **settings))
        return made[-1]

    yield make
    for device in made:
        device.switch_off()
