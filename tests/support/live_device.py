"""The plugin's device with the test firmware on it; see firmware/test_firmware.c."""

import os
import signal
import subprocess

import pytest_esp_ota

from esp_ota import LIMIT_SECONDS, find_program, layout_of


class Life(pytest_esp_ota.Device):
    """One virtual device with 16 MB of flash, and its console."""

    def __init__(self, program, firmware, first="1", **settings):
        self.program = program
        self.elf = firmware
        super().__init__(program, self.pack(first) if isinstance(first, str) else first, name="dev", **settings)
        self.layout = layout_of(self.table)

    def pack(self, version, *options, project="demo", name=None):
        """An image of the test firmware, which behaves as its version says."""
        path = self.program.folder / (name or f"{version}.bin")
        self.program.done("image", "build", "--chip", "linux", "--elf", self.elf, "--project", project, "--version", version, *options, "-o", path)
        return path

    def install(self, image, slot="ota_1"):
        """Puts an image into a slot of a device that has booted before, and lets it boot next, on trial."""
        self.program.done("boot", "--flash", self.flash)
        super().install(self.program.folder / image, slot)

    def start(self, *options, env=None, stderr=subprocess.PIPE):
        """A run that goes on, without the plugin in between; the caller ends it with stop()."""
        return subprocess.Popen(self.command(*options), cwd=self.program.folder, text=True, errors="replace", stdin=subprocess.DEVNULL,
                                stdout=subprocess.PIPE, stderr=stderr, env={**os.environ, **(env or {})})

    def run_wrong(self, *options):
        """A run that is refused as wrong usage before anything boots."""
        assert self.program.run(*self.command(*options)[1:]).returncode == 2


def stop(process, number=signal.SIGTERM):
    """Ends a run that start() began: (exit code, standard output, standard error)."""
    process.send_signal(number)
    out, err = process.communicate(timeout=LIMIT_SECONDS)
    return process.returncode, out, err


def find_firmware():
    """The test firmware that was built together with the program under test."""
    path = find_program().parent.parent.parent / "tests" / "device" / "firmware" / "test_firmware"
    assert path.exists(), f"{path} is not built"
    return path
