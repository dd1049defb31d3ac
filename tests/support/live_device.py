"""A device that lives: a flash file, the firmware on it, and the process that gives it power."""

import json
import os
import signal
import subprocess

from esp_ota import LIMIT_SECONDS, find_program, layout_of

# Two slots that hold a program built with sanitizers, and no factory image.
TABLE = """\
nvs, data, nvs, 0x9000, 0x4000,
otadata, data, ota, 0xd000, 0x2000,
ota_0, app, ota_0, 0x10000, 0x7e0000,
ota_1, app, ota_1, 0x7f0000, 0x7e0000,
"""


class Life:
    """One virtual device with 16 MB of flash, and its console."""

    def __init__(self, program, firmware, table=TABLE, chip="linux", first="1"):
        self.program = program
        self.elf = firmware
        self.flash = program.folder / "dev.bin"
        self.layout = layout_of(table)
        (program.folder / "table.csv").write_text(table)
        image = self.pack(first) if isinstance(first, str) else first
        program.done("flash", "create", self.flash, "--chip", chip, "--size", "16MB", "--partitions", "table.csv", "--put", f"ota_0={image}")

    def pack(self, version, *options, project="demo", name=None):
        """An image of the test firmware, which behaves as its version says; see firmware/test_firmware.c."""
        path = self.program.folder / (name or f"{version}.bin")
        self.program.done("image", "build", "--chip", "linux", "--elf", self.elf, "--project", project, "--version", version, *options, "-o", path)
        return path

    def install(self, image, slot="ota_1"):
        """Puts an image into a slot of a device that has booted before, and lets it boot next, on trial."""
        self.program.done("boot", "--flash", self.flash)
        self.program.done("flash", "write", self.flash, "--partition", slot, image)
        self.program.done("otadata", "switch", self.flash, slot, "--rollback", "on")

    def command(self, *options):
        return [str(self.program.path), "device", "run", "--flash", str(self.flash), *map(str, options)]

    def start(self, *options, env=None, stderr=subprocess.PIPE):
        """A run that goes on; the caller ends it with stop()."""
        return subprocess.Popen(self.command(*options), cwd=self.program.folder, text=True, errors="replace", stdin=subprocess.DEVNULL,
                                stdout=subprocess.PIPE, stderr=stderr, env={**os.environ, **(env or {})})

    def run(self, boots, *options, code=0, env=None):
        """(objects of the boots, the object at the end, console) of a run of so many boots."""
        result = subprocess.run(self.command("--max-boots", boots, "--json", *options), cwd=self.program.folder, text=True, errors="replace",
                                capture_output=True, stdin=subprocess.DEVNULL, timeout=LIMIT_SECONDS, env={**os.environ, **(env or {})})
        shown = f"{result.stdout}{result.stderr}exit code {result.returncode}"
        assert result.returncode == code, shown
        lines = [json.loads(line) for line in result.stdout.splitlines()]
        assert lines and "ended" in lines[-1], shown
        return lines[:-1], lines[-1], result.stderr

    def states(self):
        """State of each record of otadata, None for an empty one."""
        return [record.get("state") for record in self.program.json("otadata", "show", self.flash)["records"]]

    def overwrite(self, offset, data):
        with open(self.flash, "r+b") as flash:
            flash.seek(offset)
            flash.write(data)


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
