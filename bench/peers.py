"""Other updaters as Debian ships them, SWUpdate and RAUC: each makes a signed update of a raw image, over HTTPS from the same server.

A peer has a name, a target (the file it writes to), package(image), update(image) and stop(). Where one cannot do it, Unavailable
says why, and the table says so too.
"""

import hashlib
import os
import shutil
import subprocess
import time
from pathlib import Path

from process import Failed, measured, run_quietly

PACKAGES = {"swupdate": "swupdate", "rauc": "rauc", "mksquashfs": "squashfs-tools", "dbus-daemon": "dbus-daemon"}
SYSTEM_CA = "/etc/ssl/certs/ca-certificates.crt"
TICKS = os.sysconf("SC_CLK_TCK")


class Unavailable(Exception):
    """Why a peer cannot be measured here."""


def install(which=shutil.which, call=subprocess.run, is_root=None):
    """Installs what is missing. Returns None, or why something still is."""
    missing = sorted(package for program, package in PACKAGES.items() if not which(program))
    if not missing:
        return None
    names = " ".join(missing)
    if not (os.geteuid() == 0 if is_root is None else is_root):
        return f"not installed, and only root can: apt-get install {names}"
    get = ["apt-get", "install", "-y", "-q", "--no-install-recommends", *missing]
    for command in (get, ["apt-get", "update", "-q"], get):
        try:
            result = call(command, env={**os.environ, "DEBIAN_FRONTEND": "noninteractive"}, stdin=subprocess.DEVNULL,
                          stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
        except FileNotFoundError:
            return f"not installed, and there is no apt-get to do it: {names}"
        if command is get and result.returncode == 0:
            return None
    return f"apt-get install {names} failed: {last_line(result.stderr)}"


def last_line(text):
    lines = [line.strip() for line in text.strip().splitlines() if line.strip()]
    return lines[-1] if lines else "no message"


def started(folder, server, certificates, size, image, say):
    """The peers that work here, tried with a small image, and {name: why} of what does not."""
    folder.mkdir()
    signer = make_signer(folder, certificates)
    peers, reasons = [], {}
    for kinds in ((Swupdate,), (Rauc, RaucExtract)):
        for kind in kinds:
            say(f"(a) trying {kind.name}")
            peer = None
            try:
                peer = kind(folder, server, certificates, size, signer)
                peer.update(peer.package(image))
                check_target(peer, image)
                peers.append(peer)
                break
            except (Unavailable, Failed, OSError) as error:
                reasons[kind.name] = str(error)
                if peer:
                    peer.stop()
    return peers, reasons


def check_target(peer, image):
    with open(peer.target, "rb") as target:
        if target.read(image.stat().st_size) != image.read_bytes():
            raise Unavailable("it reports success and did not deliver the image")


def make_signer(folder, certificates):
    """A certificate that both take for signing, and its key."""
    certificate, key = folder / "signer.pem", folder / "signer.key"
    certificates.openssl("req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "90", "-subj", "/CN=bench signer", "-addext",
                         "keyUsage=digitalSignature", "-addext", "extendedKeyUsage=emailProtection", "-keyout", key, "-out", certificate)
    return certificate, key


def need(*programs):
    missing = [program for program in programs if not shutil.which(program)]
    if missing:
        raise Unavailable(f"{', '.join(missing)}: not installed")


class Peer:
    """What the peers share: a folder, a target as large as a slot, and packages that lie beside the images on the server."""

    def __init__(self, folder, server, certificates, size, signer):
        self.folder, self.server, self.certificates, self.signer = folder / type(self).__name__.lower(), server, certificates, signer
        self.folder.mkdir()
        self.target = self.folder / "target"
        with open(self.target, "wb") as target:
            target.truncate(size)
        self.environment = {**os.environ, "TMPDIR": str(self.folder)}

    def package(self, image):
        """The name on the server of what installs the image; made when asked for first."""
        path = self.server.docroot / (image.name + self.suffix)
        if not path.exists():
            self.make(image, path)
        return path.name

    def drop(self, image):
        (self.server.docroot / (image.name + self.suffix)).unlink(missing_ok=True)

    def url(self, package):
        return self.server.url("https", package)

    def stop(self):
        pass


# ---------------------------------------------------------------------- SWUpdate

def cpio_member(name, data_len, total):
    """A header of the "crc" kind of cpio, which SWUpdate reads; total: all bytes added up."""
    name = name.encode() + b"\0"
    fields = (0, 0o100644, 0, 0, 1, 0, data_len, 0, 0, 0, 0, len(name), total & 0xFFFFFFFF)
    header = b"070702" + b"".join(b"%08X" % field for field in fields) + name
    return header + bytes(-len(header) % 4)


def write_swu(path, members):
    with open(path, "wb") as out:
        for name, data in members:
            out.write(cpio_member(name, len(data), sum(data)))
            out.write(data)
            out.write(bytes(-len(data) % 4))
        out.write(cpio_member("TRAILER!!!", 0, 0))


def sw_description(target, data):
    """The image goes to the target while it comes in; its SHA-256 is part of what is signed."""
    return (f'software = {{ version = "1.0"; hardware-compatibility: [ "1.0" ]; images: ( {{ filename = "image.bin"; type = "raw"; '
            f'device = "{target}"; installed-directly = true; sha256 = "{hashlib.sha256(data).hexdigest()}"; }} ); }}\n').encode()


class Swupdate(Peer):
    """One-shot: downloads a signed .swu and writes its raw image while it comes in."""

    name = "swupdate -d"
    suffix = ".swu"

    def __init__(self, *args):
        need("swupdate")
        super().__init__(*args)
        (self.folder / "swupdate.cfg").write_text("globals : { verbose = false; };\n")

    def make(self, image, path):
        data = image.read_bytes()
        description, signature = self.folder / "sw-description", self.folder / "sw-description.sig"
        description.write_bytes(sw_description(self.target, data))
        certificate, key = self.signer
        self.certificates.openssl("cms", "-sign", "-in", description, "-out", signature, "-signer", certificate, "-inkey", key,
                                  "-outform", "DER", "-nosmimecap", "-binary")
        write_swu(path, [("sw-description", description.read_bytes()), ("sw-description.sig", signature.read_bytes()), ("image.bin", data)])

    def update(self, package):
        return measured(["swupdate", "-f", self.folder / "swupdate.cfg", "-H", "bench:1.0", "-l", "1", "-k", self.signer[0], "-M", "-m",
                         "-d", f"-u {self.url(package)} -r 1"], self.environment)


# ---------------------------------------------------------------------- RAUC

class RaucBundles(Peer):
    """What both ways of using RAUC share: bundles whose image is stored as it is, as all others transfer it that way."""

    suffix = ".raucb"

    def __init__(self, *args):
        need("rauc", "mksquashfs")
        super().__init__(*args)

    def make(self, image, path):
        content = self.folder / "content"
        content.mkdir()
        shutil.copyfile(image, content / "image.img")
        (content / "manifest.raucm").write_text("[update]\ncompatible=bench\nversion=1\n[bundle]\nformat=plain\n[image.rootfs]\nfilename=image.img\n")
        certificate, key = self.signer
        run_quietly("rauc", f"--cert={certificate}", f"--key={key}", f"--keyring={certificate}", "bundle",
                    "--mksquashfs-args=-noI -noD -noF -noX", content, path)
        shutil.rmtree(content)


class Rauc(RaucBundles):
    """A service that runs already, as on a device, and a client that asks it to install from a URL and waits."""

    name = "rauc install"

    def __init__(self, *args):
        super().__init__(*args)
        need("dbus-daemon")
        if os.geteuid() != 0:
            raise Unavailable("only root may mount a bundle")
        self.processes = []
        (self.folder / "other").touch()
        (self.folder / "mount").mkdir()
        self.configuration = self.folder / "system.conf"
        self.configuration.write_text(
            f"[system]\ncompatible=bench\nbootloader=noop\nmountprefix={self.folder}/mount\nmax-bundle-download-size=2147483647\n"
            f"bundle-formats=plain verity\n[keyring]\npath={self.signer[0]}\n"
            f"[slot.rootfs.0]\ndevice={self.folder}/other\ntype=raw\nbootname=A\n[slot.rootfs.1]\ndevice={self.target}\ntype=raw\nbootname=B\n")
        try:
            self._start()
        except BaseException:
            self.stop()
            raise

    def _start(self):
        bus = subprocess.Popen(["dbus-daemon", "--session", "--nofork", "--print-address"], text=True, stdin=subprocess.DEVNULL,
                               stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
        self.processes.append(bus)
        address = bus.stdout.readline().strip()
        self.environment.update(DBUS_SESSION_BUS_ADDRESS=address, DBUS_STARTER_BUS_TYPE="session")
        # RAUC trusts the system's authorities only: the service sees ours in their place.
        script = f'mount --bind "$1" {SYSTEM_CA} && exec rauc -c "$2" --override-boot-slot=A service'
        log = open(self.folder / "service.log", "w")
        self.service = subprocess.Popen(["unshare", "-m", "sh", "-c", script, "sh", self.certificates.ca, self.configuration],
                                        env=self.environment, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        log.close()
        self.processes.append(self.service)
        self._wait_until_ready()

    def _wait_until_ready(self):
        until = time.monotonic() + 10
        while subprocess.run(["rauc", "-c", self.configuration, "status"], env=self.environment, stdin=subprocess.DEVNULL,
                             stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL).returncode != 0:
            if self.service.poll() is not None or time.monotonic() > until:
                raise Unavailable(f"its service does not start: {last_line((self.folder / 'service.log').read_text())}")
            time.sleep(0.02)

    def update(self, package):
        pid = self.service.pid
        forget_peak(pid)
        before = cpu_seconds(pid)
        try:
            result = measured(["rauc", "-c", self.configuration, "install", self.url(package)], self.environment)
        except Failed as failure:
            raise Failed(f"{failure}; its service says: {last_line((self.folder / 'service.log').read_text())}") from None
        return {"cpu": result["cpu"] + cpu_seconds(pid) - before, "wall": result["wall"],
                "peak_mib": max(result["peak_mib"], peak_mib(pid))}

    def stop(self):
        for process in reversed(self.processes):
            process.terminate()
            process.wait()


class RaucExtract(RaucBundles):
    """Where nothing can be mounted: curl fetches the bundle, RAUC checks its signature and unpacks it."""

    name = "curl, rauc extract"

    def __init__(self, *args):
        super().__init__(*args)
        need("curl", "unsquashfs")

    def update(self, package):
        script = 'curl -s -f --cacert "$1" -o "$3/bundle" "$2" && rauc --keyring="$4" extract "$3/bundle" "$3/extracted"'
        shutil.rmtree(self.folder / "extracted", ignore_errors=True)
        result = measured(["sh", "-c", script, "sh", self.certificates.ca, self.url(package), self.folder, self.signer[0]], self.environment)
        self.target.unlink(missing_ok=True)
        (self.folder / "extracted" / "image.img").rename(self.target)
        return result


# ---------------------------------------------------------------------- a process that runs on

def cpu_seconds(pid):
    """What a process and the children it waited for have used so far. The clock is exact, children are counted in ticks."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    clock = (~pid << 3) | 2  # fact: linux, include/linux/posix-timers_types.h: the CPU clock of another process
    return time.clock_gettime(clock) + (int(fields[13]) + int(fields[14])) / TICKS


def forget_peak(pid):
    try:
        Path(f"/proc/{pid}/clear_refs").write_text("5")
    except OSError:
        pass  # then the peak is that of all runs so far


def peak_mib(pid):
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) / 1024
    return 0.0
