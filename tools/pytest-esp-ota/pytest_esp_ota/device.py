"""A virtual device: a flash file, what is on it, and its power."""

from collections import namedtuple
from pathlib import Path

from .power import EXPECT_SECONDS, Power

# Room for two programs of a host, which are larger than firmware of a chip.
TABLE = """\
nvs, data, nvs, 0x9000, 0x4000,
otadata, data, ota, 0xd000, 0x2000,
ota_0, app, ota_0, 0x10000, 0x7e0000,
ota_1, app, ota_1, 0x7f0000, 0x7e0000,
"""

Run = namedtuple("Run", "boots ended console")  # objects of the boots, the object at the end, the console's text


class Device:
    """One device. Its flash file is <folder>/<name>.bin; commands about it are for the time when it is off.

    image       what stands in the first slot; None: nothing
    project     a Firmware: its table and flash size, unless others are given
    partitions  the table: CSV text, or a CSV file
    slot        where image goes; "factory" if the table has it, else "ota_0"
    put         {label: file} for other partitions
    encrypt_key file with a key: flash encryption is on
    env         variables of its programs' environment
    """

    def __init__(self, esp_ota, image=None, *, name="device", project=None, partitions=None, size=None, chip="linux", slot=None, put=None,
                 encrypt_key=None, options=(), env=None):
        self.esp_ota = esp_ota
        self.flash = esp_ota.folder / f"{name}.bin"
        self.chip = chip
        self.env = env or {}
        self.power = None
        table = partitions if partitions is not None else project.partitions if project else TABLE
        self.table = table if isinstance(table, str) and "\n" in table else Path(table).read_text()
        csv = esp_ota.folder / f"{name}.csv"
        csv.write_text(self.table)
        files = dict(put or {})
        if image is not None:
            files[slot or self._first_slot()] = image
        words = [word for label, file in files.items() for word in ("--put", f"{label}={file}")]
        words += ["--encrypt-key", encrypt_key] if encrypt_key else []
        size = size or (project.flash_size if project else "16MB")
        esp_ota.done("flash", "create", self.flash, "--chip", chip, "--size", size, "--partitions", csv, *words, *options)

    # ---- power ----

    def power_on(self, *options, boots=None, watchdog=None, env=None, stdin=None):
        """Lets the device run in the background -> Power. boots: switch off behind so many; watchdog: seconds of silence that
        an image on trial may have; stdin: text on its console; options: more of `esp-ota device run`."""
        assert not (self.power and self.power.is_on), "the device is on already"
        words = [*(["--max-boots", boots] if boots else []), *(["--watchdog", watchdog] if watchdog is not None else []), *options]
        self.power = Power(self.command(*words, "--json"), self.esp_ota.folder, {**self.env, **(env or {})}, stdin)
        return self.power

    def run(self, boots, *options, exit_code=0, timeout=2 * EXPECT_SECONDS, **more):
        """Lets the device run until it is off, at most so many boots -> Run."""
        power = self.power_on(*options, boots=boots, **more)
        code = power.wait(timeout)
        assert code == exit_code, f"{power._shown(0)}\nexit code {code}"
        return Run(power.boots, power.ended, power.console)

    def power_cut(self):
        """Cuts the power of a running device, in whatever it does."""
        return self.power.cut()

    def switch_off(self):
        """Off, whether it runs or not."""
        if self.power:
            self.power.switch_off()

    def command(self, *options):
        """Words of `esp-ota device run` for this device."""
        return [str(self.esp_ota.path), "device", "run", "--flash", str(self.flash), *map(str, options)]

    # ---- what is on it ----

    def info(self):
        """Everything `esp-ota flash info --json` says: chip, partitions, otadata, images, next_boot, ..."""
        return self.esp_ota.json("flash", "info", self.flash)

    def slots(self):
        """{label: what stands there} of the application partitions: valid, verdict, project, version, empty, ..."""
        return {image["label"]: image for image in self.info()["images"]}

    def otadata(self):
        """The two records: empty, and if not: seq, boots, state, crc_ok, active."""
        return self.esp_ota.json("otadata", "show", self.flash)["records"]

    def states(self):
        """State of each record of otadata, None for an empty one, e.g. ["VALID", "PENDING_VERIFY"]."""
        return [record.get("state") for record in self.otadata()]

    def read(self, label):
        """The bytes of a partition, decrypted if the flash is encrypted."""
        part = self.esp_ota.folder / f"{self.flash.stem}.{label}.part"
        self.esp_ota.done("flash", "read", self.flash, "--partition", label, part)
        data = part.read_bytes()
        part.unlink()
        return data

    def write(self, label, data):
        """Writes bytes, or a file, to a partition."""
        part = self.esp_ota.folder / f"{self.flash.stem}.{label}.part"
        part.write_bytes(data if isinstance(data, bytes) else Path(data).read_bytes())
        self.esp_ota.done("flash", "write", self.flash, "--partition", label, part)
        part.unlink()

    def nvs(self, *options):
        """{namespace: {key: value}} of the NVS partition. options: more of `esp-ota nvs dump`."""
        values = {}
        for row in self.esp_ota.json("nvs", "dump", "--flash", self.flash, *options)["values"]:
            values.setdefault(row["namespace"], {})[row["key"]] = row["value"]
        return values

    def nvs_set(self, namespace, key, value, type="u32"):
        """Stores a value as firmware would, e.g. an address before the first boot; type as `esp-ota nvs set` has it."""
        self.esp_ota.done("nvs", "set", "--flash", self.flash, namespace, key, type, value)

    def overwrite(self, offset, data):
        """Changes the flash file behind everybody's back, as a fault of the chip would."""
        with open(self.flash, "r+b") as flash:
            flash.seek(offset)
            flash.write(data)

    # ---- what happens to it ----

    def boot(self, rollback=True):
        """One boot decision, written as the bootloader writes it, without running anything: slot, reason, version, ..."""
        return self.esp_ota.json("boot", "--flash", self.flash, "--rollback", "on" if rollback else "off")

    def install(self, image, slot="ota_1"):
        """Puts an image into a slot and lets it boot next, on trial, as an update does."""
        self.write(slot, image)
        self.esp_ota.done("otadata", "switch", self.flash, slot, "--rollback", "on")

    def update(self, url, *options):
        """An update from outside, with `esp-ota update`: what firmware with esp_https_ota does. Returns what it says: result,
        slot, bytes, version, ... It is put on trial at the next boot."""
        words = ["--cacert", self.env["SSL_CERT_FILE"]] if "SSL_CERT_FILE" in self.env else []
        return self.esp_ota.json("update", "--flash", self.flash, *words, *options, url)

    def _first_slot(self):
        types = [line.split(",")[2].strip() for line in self.table.splitlines() if line.count(",") > 2 and not line.lstrip().startswith("#")]
        return "factory" if "factory" in types else "ota_0"
