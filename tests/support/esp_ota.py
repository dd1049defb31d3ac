"""The program under test, and devices and firmware made with it."""

import json
import os
import subprocess
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
LIMIT_SECONDS = 120  # no command of a test takes longer; a hang is a failure with a name

# fact: layout of ESP-IDF's partitions_two_ota.csv
TWO_OTA_CSV = """\
# Name, Type, SubType, Offset, Size, Flags
nvs, data, nvs, 0x9000, 0x4000,
otadata, data, ota, 0xd000, 0x2000,
phy_init, data, phy, 0xf000, 0x1000,
factory, app, factory, 0x10000, 1M,
ota_0, app, ota_0, 0x110000, 1M,
ota_1, app, ota_1, 0x210000, 1M,
"""
TWO_OTA = {"nvs": (0x9000, 0x4000), "otadata": (0xD000, 0x2000), "phy_init": (0xF000, 0x1000),
           "factory": (0x10000, 0x100000), "ota_0": (0x110000, 0x100000), "ota_1": (0x210000, 0x100000)}


def find_program():
    """ESP_OTA, or the newest of the sanitized and the release build."""
    if os.environ.get("ESP_OTA"):
        return Path(os.environ["ESP_OTA"])
    for preset in ("dev", "release"):
        path = ROOT / "build" / preset / "apps" / "esp-ota" / "esp-ota"
        if path.exists():
            return path
    raise FileNotFoundError("esp-ota is not built: cmake --preset dev && cmake --build build/dev")


class Program:
    """Runs esp-ota and keeps the command line for the message of a failing test."""

    def __init__(self, path, folder):
        self.path = Path(path)
        self.folder = Path(folder)

    def run(self, *args, env=None):
        """The finished process, whatever its exit code; stdout and stderr as text."""
        command = [str(self.path), *map(str, args)]
        result = subprocess.run(command, cwd=self.folder, text=True, errors="replace", capture_output=True, stdin=subprocess.DEVNULL,
                                timeout=LIMIT_SECONDS, env={**os.environ, **(env or {})})
        result.shown = f"$ {' '.join(command)}\n{result.stdout}{result.stderr}exit code {result.returncode}"
        assert result.returncode in (0, 1, 2), f"neither done, failed nor wrong usage:\n{result.shown}"
        return result

    def done(self, *args, **more):
        result = self.run(*args, **more)
        assert result.returncode == 0, result.shown
        return result

    def failed(self, *args, **more):
        result = self.run(*args, **more)
        assert result.returncode == 1, result.shown
        assert result.stderr.strip(), f"it failed without a word:\n{result.shown}"
        return result

    def json(self, *args, exit_code=0):
        """The parsed answer of a command with --json."""
        result = self.run(*args, "--json")
        assert result.returncode == exit_code, result.shown
        return json.loads(result.stdout)

    def firmware(self, name, chip="esp32", project="hello", version="1.0.0", secure_version=None, size=None):
        """Builds a valid image and returns its path."""
        path = self.folder / name
        extra = [] if secure_version is None else ["--secure-version", secure_version]
        extra += [] if size is None else ["--size", size]
        self.done("image", "build", "--chip", chip, "--project", project, "--version", version, *extra, "-o", path)
        return path


class Device:
    """One flash file with the stock two-slot table."""

    def __init__(self, program, name, chip="esp32", size="4MB", table=TWO_OTA_CSV, **put):
        self.program = program
        self.flash = program.folder / f"{name}.bin"
        csv = program.folder / f"{name}.csv"
        csv.write_text(table)
        images = [arg for label, image in put.items() for arg in ("--put", f"{label}={image}")]
        program.done("flash", "create", self.flash, "--chip", chip, "--size", size, "--partitions", csv, *images)

    def boot(self, rollback=None):
        """One power-on: a dict with at least slot and reason."""
        extra = [] if rollback is None else ["--rollback", "on" if rollback else "off"]
        return self.program.json("boot", "--flash", self.flash, *extra)

    def update_args(self, url, *options):
        return ["update", "--flash", self.flash, *options, url]

    def read(self, label):
        """The bytes of a partition, straight from the file."""
        offset, size = TWO_OTA[label]
        with open(self.flash, "rb") as flash:
            flash.seek(offset)
            return flash.read(size)

    def boot_choice_and(self, *labels):
        """What a refused update must leave as it was: otadata and the named slots."""
        return [self.read(label) for label in ("otadata", *labels)]
