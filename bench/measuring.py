"""A server, virtual devices, the programs, and what each of them costs."""

import itertools
import json
import os
import shutil
import statistics
import subprocess

import peers
from certs import Certificates
from nginx import Nginx
from payload import NotUsable, Payload, filled
from process import BUILD, Failed, count_calls, measured, measured_output, output_of, run_quietly

CHIP = "esp32s3"  # maps images above 16 MiB
MIB = 1 << 20
FIRST_SLOT = 0x10000
BLOCK = 65536
AGAIN = "esp-ota update, image is there"
PROGRAMS = ("esp-ota update", AGAIN, "minimal loop", "curl -o", *(["wget -O"] if shutil.which("wget") else []))
BASELINE = "minimal loop"
TRACED_MAX = 16  # MiB: tracing system calls takes its time
OTHER_PARTS_MIB = 16  # the largest image that the parts beside (a) use


def slot_mib(largest):
    return max(largest, OTHER_PARTS_MIB) + 1


def tool(name):
    return BUILD / ("apps/esp-ota" if name == "esp-ota" else "bench") / name


def payload_of(paths):
    """The images of --payload, checked."""
    def about(path):
        result = subprocess.run([tool("esp-ota"), "image", "info", path, "--json"], text=True, stdin=subprocess.DEVNULL, capture_output=True)
        try:
            return json.loads(result.stdout)
        except ValueError:
            raise NotUsable(f"--payload {path}: {result.stderr.strip()}") from None
    return Payload(paths, about)


class Device:
    """A flash file with two slots of which the first runs a small image, so that every update goes to the second."""

    def __init__(self, folder, name, chip, slot_size):
        self.flash, self.slot_size, self.second_slot = folder / f"{name}.bin", slot_size, FIRST_SLOT + slot_size
        table, first = folder / f"{name}.csv", folder / f"{name}-first.bin"
        table.write_text(f"otadata, data, ota, 0xd000, 0x2000\n"
                         f"ota_0, app, ota_0, {FIRST_SLOT:#x}, {slot_size:#x}\n"
                         f"ota_1, app, ota_1, {self.second_slot:#x}, {slot_size:#x}\n")
        run_quietly(tool("esp-ota"), "image", "build", "--chip", chip, "--project", "bench", "--version", "first", "--size", 4096, "-o", first)
        run_quietly(tool("esp-ota"), "flash", "create", self.flash, "--chip", chip, "--size", MIB + 2 * slot_size,
                    "--partitions", table, "--put", f"ota_0={first}")

    def rewind(self):
        """The next update goes to the second slot again, over what the one before has left there."""
        run_quietly(tool("esp-ota"), "otadata", "switch", self.flash, "0")

    def spoil(self, length):
        """The second slot holds nothing of what was written."""
        with open(self.flash, "r+b") as flash:
            flash.seek(self.second_slot)
            flash.write(bytes(length))


class Bench:
    """What the parts of bench/run share. payload: None, or a Payload."""

    def __init__(self, folder, largest, payload=None):
        self.folder, self.build, self.payload = folder, BUILD, payload
        self.download = folder / "download"
        self.largest = largest
        self.pairs, self.peers = {}, []
        self.certs = Certificates(made(folder / "certs"))
        self.server = Nginx(folder / "server", self.certs)
        try:
            self.device = Device(folder, "dev", CHIP, slot_mib(largest) * MIB)
            if payload:  # the images as they are run on their own chip, with slots that fit them
                self.payload_device = Device(folder, "payload", payload.chip, (payload.largest + 2 * BLOCK) // BLOCK * BLOCK)
        except BaseException:
            self.server.stop()
            raise

    def __enter__(self):
        return self

    def __exit__(self, *_):
        for peer in self.peers:
            peer.stop()
        self.server.stop()

    tool = staticmethod(tool)
    output = staticmethod(output_of)
    measured = staticmethod(measured)
    measured_output = staticmethod(measured_output)

    # ------------------------------------------------------------------ images

    def image(self, version, size, folder=None):
        """A valid image of size bytes whose content follows from version."""
        path = (folder or self.folder) / f"{version}.bin"
        run_quietly(tool("esp-ota"), "image", "build", "--chip", CHIP, "--project", "bench", "--version", version, "--size", size, "-o", path)
        return path

    def mostly_like(self, image, start, step):
        """A copy in which one byte in each step from start on differs."""
        data = bytearray(image.read_bytes())
        for at in range(start, len(data), step):
            data[at] ^= 0x55
        path = self.folder / f"mostly-{start}-{step}.bin"
        path.write_bytes(data)
        return path

    def pair(self, size):
        """Images of size MiB in turn for ever, so that an update never finds its image on flash already."""
        if size not in self.pairs:
            paths = self._as_they_are() if self.is_as_it_is(size) else self._made(size)
            self.pairs[size] = (paths, itertools.cycle(paths))
        return self.pairs[size][1]

    def is_as_it_is(self, size):
        """Real images stand for 1 MiB as they are; larger ones are filled with what they hold."""
        return self.payload is not None and size == 1

    def title(self, size):
        return "image as it is" if self.is_as_it_is(size) else f"{size} MiB"

    def _as_they_are(self):
        paths = []
        for number, data in enumerate(self.payload.images):
            paths.append(self.server.docroot / f"payload-{number}.bin")
            paths[-1].write_bytes(data)
        return paths

    def _made(self, size):
        paths = [self.image(f"{size}{letter}", size * MIB, self.server.docroot) for letter in "ab"]
        for number, path in enumerate(paths if self.payload else []):
            path.write_bytes(filled(path.read_bytes(), self.payload.pieces, number * len(self.payload.pieces) // 2))
            run_quietly(tool("esp-ota"), "image", "info", path)
        return paths

    def two_images(self):
        """An old and a new image of about 1 MiB, for rehearsals."""
        if self.payload:
            return self.payload.paths[:2]
        return self.image("old", MIB), self.image("new", MIB)

    def drop(self, size):
        """Makes room on the disk."""
        for image in self.pairs.pop(size)[0]:
            image.unlink()
            for peer in self.peers:
                peer.drop(image)

    # ------------------------------------------------------------------ measuring

    def measure(self, size, runs, say, reasons):
        """{program: [one dict a run]}, one run of each in turn, after one of each that does not count. A peer that fails is left out."""
        results = {program: [] for program in PROGRAMS}
        images = self.pair(size)
        for number in range(runs + 1):
            say(f"(a) {size} MiB: " + (f"run {number} of {runs}" if number else "a first run that does not count"))
            image = next(images)
            for program in PROGRAMS:
                result = self._run(program, image)
                if number:
                    results[program].append(result)
            for peer in [peer for peer in self.peers if (peer.name, size) not in reasons]:
                try:
                    result = self._run_peer(peer, image)
                    if number:
                        results.setdefault(peer.name, []).append(result)
                except peers.Unavailable as reason:
                    reasons[(peer.name, size)] = str(reason)
                    results.pop(peer.name, None)
        return results

    def trace(self, size):
        """{program: number of system calls}; None: not known."""
        if not shutil.which("strace") or size > TRACED_MAX:
            return None
        image = next(self.pair(size))
        return {program: self._run(program, image, count_calls) for program in PROGRAMS}

    def update(self, image, *options, path="", rewind=True):
        """One measured update that must work."""
        if rewind:
            self.device_of(image).rewind()
        result = measured([tool("esp-ota"), *self._update_args(image, path), "--quiet", *options])
        self._check("esp-ota update", image)
        return result

    def update_json(self, image, *options, exit_code=0, rewind=True, spoil=False, env=None):
        """One update with its answer; spoil: the slot held something else before."""
        if spoil:
            self.device_of(image).spoil(image.stat().st_size)
        if rewind:
            self.device_of(image).rewind()
        command = list(map(str, [tool("esp-ota"), *self._update_args(image), "--json", *options]))
        result = subprocess.run(command, text=True, stdin=subprocess.DEVNULL, capture_output=True, env={**os.environ, **(env or {})})
        if result.returncode != exit_code:
            raise Failed(f"{' '.join(command)} ended with {result.returncode}: {result.stdout}{result.stderr}")
        return json.loads(result.stdout)

    @staticmethod
    def compared(results, baseline):
        """Rows for a table: medians, and times the baseline, pair by pair."""
        return {name: {"CPU s": median_of(runs, "cpu"), "times": statistics.median(ratios(runs, results[baseline], "cpu")),
                       "wall s": median_of(runs, "wall"), "times ": statistics.median(ratios(runs, results[baseline], "wall"))}
                for name, runs in results.items()}

    @staticmethod
    def firmware():
        return BUILD / "tests" / "device" / "firmware" / "test_firmware"

    def virtual_device(self):
        """A device whose firmware restarts at once."""
        flash, table, image = self.folder / "life.bin", self.folder / "life.csv", self.folder / "life-image.bin"
        table.write_text("otadata, data, ota, 0xd000, 0x2000\nota_0, app, ota_0, 0x10000, 0x7e0000\nota_1, app, ota_1, 0x7f0000, 0x7e0000\n")
        run_quietly(tool("esp-ota"), "image", "build", "--chip", "linux", "--elf", self.firmware(), "--project", "bench", "--version",
                    "1-restart", "-o", image)
        run_quietly(tool("esp-ota"), "flash", "create", flash, "--chip", "linux", "--size", "16MB", "--partitions", table,
                    "--put", f"ota_0={image}")
        return flash

    def device_of(self, image):
        return self.payload_device if image.name.startswith("payload-") else self.device

    def _update_args(self, image, path=""):
        return ["update", "--flash", self.device_of(image).flash, "--cacert", self.certs.ca, self.server.url("https", path + image.name)]

    def _command(self, program, image):
        ca, url = self.certs.ca, self.server.url("https", image.name)
        return {"minimal loop": [tool("bench_minimal"), "localhost", self.server.ports["https"], f"/{image.name}", ca, self.download],
                "curl -o": ["curl", "-s", "-f", "--cacert", ca, "-o", self.download, url],
                "wget -O": ["wget", "-q", f"--ca-certificate={ca}", "-O", self.download, url],
                }.get(program, [tool("esp-ota"), *self._update_args(image), "--quiet"])

    def _run(self, program, image, how=measured):
        if program.startswith("esp-ota"):
            self.device_of(image).rewind()
        else:
            self.download.unlink(missing_ok=True)  # every download makes a new file
        result = how(self._command(program, image))
        self._check(program, image)
        return result

    def _run_peer(self, peer, image):
        result = peers.run(peer, image)
        if not holds(peer.target, 0, image):
            raise peers.Unavailable("it reports success and did not deliver the image")
        return result

    def _check(self, program, image):
        """A program that is fast because it did something else does not count."""
        is_update = program.startswith("esp-ota")
        path, offset = (self.device_of(image).flash, self.device_of(image).second_slot) if is_update else (self.download, 0)
        if not holds(path, offset, image):
            raise Failed(f"{program} did not deliver the image")
        self.download.unlink(missing_ok=True)


def made(folder):
    folder.mkdir()
    return folder


def holds(path, offset, image):
    with open(path, "rb") as there, open(image, "rb") as wanted:
        there.seek(offset)
        while True:
            block = wanted.read(MIB)
            if not block:
                return True
            if there.read(len(block)) != block:
                return False


def median_of(runs, measure):
    return statistics.median(run[measure] for run in runs)


def ratios(runs, baseline, measure):
    """Pair by pair: what disturbs the machine for a while disturbs both of a pair."""
    return [run[measure] / base[measure] for run, base in zip(runs, baseline)]
