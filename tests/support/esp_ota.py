"""The program under test, and devices and firmware made with it."""

import json
import os
from pathlib import Path

import pytest_esp_ota
from pytest_esp_ota.program import LIMIT_SECONDS  # noqa: F401, for those who run programs themselves

ROOT = Path(__file__).resolve().parent.parent.parent

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
TABLE_OFFSET = 0x8000  # fact: where ESP-IDF's partition table stands unless configured otherwise


def slots_csv(count, slot_size, factory_size=None):
    """A table with otadata, count OTA slots and perhaps a factory app, all sizes in bytes."""
    rows = ["nvs, data, nvs, 0x9000, 0x4000,", "otadata, data, ota, 0xd000, 0x2000,"]
    at = 0x10000
    slots = [("factory", "factory", factory_size)] if factory_size else []
    slots += [(f"ota_{i}", f"ota_{i}", slot_size) for i in range(count)]
    for label, subtype, size in slots:
        rows.append(f"{label}, app, {subtype}, {at:#x}, {size:#x},")
        at += (size + 0xFFFF) & ~0xFFFF
    return "\n".join(rows) + "\n"


def layout_of(csv):
    """{label: (offset, size)} of a table that spells every offset out."""
    size_of = lambda text: int(text[:-1]) << 20 if text.endswith("M") else int(text, 0)
    rows = [[field.strip() for field in line.split(",")] for line in csv.splitlines() if line and not line.startswith("#")]
    return {row[0]: (int(row[3], 0), size_of(row[4])) for row in rows}


TWO_OTA = layout_of(TWO_OTA_CSV)


def find_program():
    """ESP_OTA, or the newest of the sanitized and the release build."""
    if os.environ.get("ESP_OTA"):
        return Path(os.environ["ESP_OTA"])
    for preset in ("dev", "release"):
        path = ROOT / "build" / preset / "apps" / "esp-ota" / "esp-ota"
        if path.exists():
            return path
    raise FileNotFoundError("esp-ota is not built: cmake --preset dev && cmake --build build/dev")


class Program(pytest_esp_ota.Program):
    """The plugin's, and images that carry no program."""

    def firmware(self, name, chip="esp32", project="hello", version="1.0.0", secure_version=None, size=None):
        """Builds a valid image and returns its path."""
        path = self.folder / name
        extra = [] if secure_version is None else ["--secure-version", secure_version]
        extra += [] if size is None else ["--size", size]
        self.done("image", "build", "--chip", chip, "--project", project, "--version", version, *extra, "-o", path)
        return path


class Device:
    """One flash file, as a rule with the stock two-slot table."""

    def __init__(self, program, name, chip="esp32", size="4MB", table=TWO_OTA_CSV, create=(), **put):
        """put: images by label; create: more options of flash create."""
        self.program = program
        self.layout = layout_of(table)
        self.flash = program.folder / f"{name}.bin"
        csv = program.folder / f"{name}.csv"
        csv.write_text(table)
        images = [arg for label, image in put.items() for arg in ("--put", f"{label}={image}")]
        program.done("flash", "create", self.flash, "--chip", chip, "--size", size, "--partitions", csv, *images, *create)

    def boot(self, rollback=None):
        """One power-on: a dict with at least slot and reason."""
        extra = [] if rollback is None else ["--rollback", "on" if rollback else "off"]
        return self.program.json("boot", "--flash", self.flash, *extra)

    def update_args(self, url, *options):
        return ["update", "--flash", self.flash, *options, url]

    def update(self, url, *options):
        """An update that must work: a dict with at least result, slot and bytes."""
        answer = self.program.json(*self.update_args(url, *options))
        assert answer["result"] == "ESP_OK", answer
        return answer

    def refused(self, result, url, *options, writes_to=None):
        """An update that must be refused at the first attempt with this result and one sentence, and change nothing but
        the slot it writes to (None: not even that). Returns the sentence."""
        before = self.all_but(writes_to)
        run = self.program.failed(*self.update_args(url, "--retries", "0", *options), "--json")
        assert json.loads(run.stdout)["result"] == result, run.shown
        errors = [line for line in run.stderr.splitlines() if line.startswith("error: ")]
        assert len(errors) == 1, f"not one sentence that says what is wrong:\n{run.shown}"
        assert self.all_but(writes_to) == before, f"more than {writes_to or 'nothing'} changed:\n{run.shown}"
        return errors[0].removeprefix("error: ")

    def read(self, label, size=None):
        """The bytes of a partition, straight from the file."""
        offset, room = self.layout[label]
        with open(self.flash, "rb") as flash:
            flash.seek(offset)
            return flash.read(room if size is None else size)

    def overwrite(self, offset, data):
        """Changes the file behind the program's back."""
        with open(self.flash, "r+b") as flash:
            flash.seek(offset)
            flash.write(data)

    def all_but(self, label=None):
        """The whole flash with one partition blanked: what an update of that slot must leave as it was."""
        data = bytearray(self.flash.read_bytes())
        if label:
            offset, size = self.layout[label]
            data[offset:offset + size] = bytes(size)
        return bytes(data)


class EncryptedDevice(Device):
    """A device with flash encryption. What read() gives is decrypted; all_but() and overwrite() are about the raw file."""

    def __init__(self, program, name, chip="esp32", key_len=32, create=(), **more):
        self.chip = chip
        self.key = program.folder / f"{name}-flash.key"
        self.key.write_bytes(bytes((at * 89 + 7) % 256 for at in range(key_len)))
        super().__init__(program, name, chip=chip, create=("--encrypt-key", self.key, *create), **more)

    def raw(self, label, size=None):
        return super().read(label, size)

    def read(self, label, size=None):
        room = self.layout[label][1] if size is None else size
        raw, plain = self.program.folder / "raw.part", self.program.folder / "plain.part"
        raw.write_bytes(self.raw(label, (room + 15) // 16 * 16))
        self.program.done("flash", "decrypt", "--chip", self.chip, "--key", self.key, "--address", self.layout[label][0], raw, plain)
        return plain.read_bytes()[:room]
