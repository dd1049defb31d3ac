"""What a hostile scenario is, and how it is proven.

The table of a test file holds Scenario(name, script, result, ...). For each the Lab
    1. copies a device that runs 1.0.0 from ota_0 and holds 0.9.0 in ota_1,
    2. lets it update from a server with this script, with secrets on the command line,
    3. demands that the fault fired, the result, nothing written outside ota_1, no secret in any output, an end in time,
    4. lets the same server be honest and demands that the same device then completes the update and boots it.
Scenarios are independent, so the Lab starts all of a run's at once on a few threads; a test waits for its own.
"""

import base64
import itertools
import json
import os
import re
import shutil
import subprocess
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from esp_ota import Device, slots_csv
from hostile import HostileServer, honest
from hostile_certs import HostileCertificates
from images import image

SLOT = 0x40000
GOOD = image(size=20_000, version="2.0.0")
BIG = image(size=200_000, version="2.0.0")  # several checkpoints of 64 KiB
OTHER = image(size=200_000, version="3.0.0")  # the file that takes BIG's place, of the same length
LONGER = image(size=230_000, version="3.0.0")
SHORTER = image(size=90_000, version="3.0.0")

USER, PASSWORD, TOKEN, COOKIE = "device", "pw-8f14e45fceea167a", "tok-c9f0f895fb98ab91", "sid-45c48cce2e2d7fbd"
SECRETS = [PASSWORD, TOKEN, COOKIE, base64.b64encode(f"{USER}:{PASSWORD}".encode()).decode()]
SECRET_OPTIONS = ["--user", f"{USER}:{PASSWORD}", "--header", f"X-Api-Key: {TOKEN}", "--header", f"Cookie: sid={COOKIE}"]

WORKERS = 6  # chosen: two cores, and half of the time is waiting
PATIENT_WORKERS = 48  # scenarios that only wait for a timeout
TIMEOUT_SECONDS = "2"  # chosen: a busy machine takes more than one for a TLS handshake of a sanitized build
BOUND_SECONDS = 60  # generous: the longest honest wait is 12 timeouts
MEMORY_LIMIT = 400 << 20  # chosen: several times what a sanitized build needs, half of what a bomb would take
# A sanitized build keeps 256 MB of freed memory back unless told otherwise, which would look like a leak.
ENVIRONMENT = {**os.environ, "ASAN_OPTIONS": ":".join(filter(None, [os.environ.get("ASAN_OPTIONS"), "quarantine_size_mb=16"]))}
WATCHDOG_SECONDS = 240


@dataclass
class Scenario:
    """name      a fact, in words
    script       answers of the server; with `other`, a function(other server) -> answers
    prelude      answers to a run before, which must fail and leave something to resume
    is_proxied   the second server is the proxy, and has to count the fault
    other        script of a second server, whose requests are in outcome.other.requests
    result       of the client that retries and resumes; a tuple where several are right
    today        of a client without them, if another
    retries      passed where the client knows --retries
    options      further options, or a function(other server) -> options; those the client does not know yet are left out with their value
    needs        options without which the scenario means nothing and is skipped
    writes       whether image bytes may reach the passive slot; False: it must keep its old firmware
    says         what the one sentence of error must match
    server       settings of HostileServer, context as a function(certificates); other_server those of the second
    certificate  name in HostileCertificates
    crl          name of a revocation list in HostileCertificates, passed with --crlfile
    patient      it only waits, so it gets a thread of its own
    requests     how many requests it takes at most (None: any number)
    later        the image that the server has in the end
    check        function(outcome): what else must hold
    xfail        why it cannot pass yet
    """

    name: str
    script: object
    result: object = "ESP_FAIL"
    today: object = None
    retries: int = 0
    options: tuple = ()
    needs: tuple = ()
    writes: bool = False
    says: str = ""
    server: dict = field(default_factory=dict)
    prelude: list = None
    is_proxied: bool = False
    other: list = None
    other_server: dict = field(default_factory=dict)
    certificate: str = ""
    crl: str = ""
    patient: bool = False
    requests: int = None
    later: bytes = GOOD
    check: object = None
    xfail: str = ""
    path: str = "/v2.bin"
    host: str = "localhost"
    bound: float = BOUND_SECONDS


def table(scenarios):
    """Parameters for pytest, one named scenario each."""
    names = [scenario.name for scenario in scenarios]
    assert len(set(names)) == len(names), f"a name twice: {sorted(name for name in set(names) if names.count(name) > 1)}"
    return [pytest.param(scenario, id=scenario.name.replace(" ", "_")) for scenario in scenarios]


class NotPlayed(AssertionError):
    """The fault of a scenario did not fire."""


class Client:
    """esp-ota with the options it knows."""

    def __init__(self, program):
        self.program = program
        self.help = program.done("update", "--help").stdout
        self.has_engine = self.knows("--retries")

    def knows(self, option):
        return re.search(re.escape(option) + r"\b", self.help) is not None

    def known(self, options):
        """options without those --help does not list, and their values."""
        kept = []
        pairs = list(options)
        while pairs:
            option = pairs.pop(0)
            values = []
            while pairs and not str(pairs[0]).startswith("--"):
                values.append(pairs.pop(0))
            kept += [option, *values] if self.knows(option) else []
        return kept

    def command(self, flash, ca, url, *options, retries=0):
        return [str(self.program.path), "update", "--flash", str(flash), "--cacert", str(ca), "--timeout", TIMEOUT_SECONDS,
                *map(str, self.known(["--retries", retries, *options])), "--json", url]


def peak_memory(pid):
    """Bytes a running process has had in memory at most, 0 if it is gone."""
    try:
        status = Path(f"/proc/{pid}/status").read_text()
    except OSError:
        return 0
    match = re.search(r"VmHWM:\s+(\d+) kB", status)
    return int(match[1]) << 10 if match else 0


class Outcome:
    """How one update ended."""

    def __init__(self, process, stdout, stderr, seconds, server):
        self.code, self.stdout, self.stderr, self.seconds, self.server = process.returncode, stdout, stderr, seconds, server
        asked = "\n".join(f"  {request.text}".replace("\n", " | ")[:200] for request in server.requests[-4:])
        self.shown = f"$ {' '.join(process.args)}\n{stdout}{stderr}exit code {self.code}, {seconds:.1f} s, {server.faults} faults, {len(server.requests)} requests\n{asked}"
        self.answer = json.loads(stdout) if stdout.startswith("{") else {}
        self.result = self.answer.get("result")


class Lab:
    def __init__(self, program, certificates, folder):
        self.program, self.certificates, self.folder = program, certificates, folder
        self.client = Client(program)
        self.odd = HostileCertificates(certificates)
        v1 = program.firmware("v1.bin", version="1.0.0")
        v0 = program.firmware("v0.bin", version="0.9.0", size=SLOT - 4096)
        self.template = Device(program, "template", size="1MB", table=slots_csv(2, SLOT), ota_0=v1, ota_1=v0)
        booted = self.template.boot(rollback=True)
        assert booted["slot"] == "ota_0", booted
        self.quick, self.patient = ThreadPoolExecutor(WORKERS), ThreadPoolExecutor(PATIENT_WORKERS)
        self.running, self.numbers = {}, itertools.count()

    # -------------------------------------------------------------- many at once

    def start(self, scenarios):
        for scenario in scenarios:
            if not self.why_not(scenario):
                pool = self.patient if scenario.patient else self.quick
                self.running[scenario.name] = pool.submit(self.play, scenario)

    def why_not(self, scenario):
        missing = [option for option in scenario.needs if not self.client.knows(option)]
        return f"esp-ota update has no {', '.join(missing)} yet" if missing else ""

    def proves(self, scenario):
        """Waits for a scenario and says how it went."""
        if self.why_not(scenario):
            pytest.skip(self.why_not(scenario))
        if scenario.name not in self.running:
            self.start([scenario])
        try:
            self.running[scenario.name].result(timeout=WATCHDOG_SECONDS)
        except AssertionError as failure:
            if scenario.xfail:
                pytest.xfail(f"{scenario.xfail}: {failure}"[:300])
            raise

    def stop(self):
        self.quick.shutdown(cancel_futures=True)
        self.patient.shutdown(cancel_futures=True)

    # -------------------------------------------------------------- one

    def device(self, name):
        """A copy of the template."""
        copy = object.__new__(Device)
        copy.program, copy.layout = self.program, self.template.layout
        copy.flash = self.folder / f"{next(self.numbers)}_{re.sub(r'[^a-z0-9]+', '_', name.lower())[:60]}.bin"
        for end in ("", ".efuse"):
            shutil.copyfile(f"{self.template.flash}{end}", f"{copy.flash}{end}")
        return copy

    def server(self, scenario):
        settings = dict(scenario.server)
        if scenario.certificate:
            settings["certificate"] = self.odd.get(scenario.certificate)
        if "context" in settings:
            settings["context"] = settings["context"](self.certificates)
        return HostileServer(self.certificates, [] if callable(scenario.script) else scenario.script, **settings)

    def other(self, scenario):
        settings = dict(scenario.other_server)
        if settings.get("certificate") == "other":
            settings["certificate"] = (self.certificates.other, self.certificates.other_key)
        return HostileServer(self.certificates, scenario.other or [], **settings)

    def update(self, device, server, url, *options, retries=0, bound=BOUND_SECONDS):
        """One run of the client under a watchdog."""
        command = self.client.command(device.flash, self.certificates.ca, url, *options, retries=retries)
        started = time.monotonic()
        with subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, errors="replace",
                              env=ENVIRONMENT) as process:
            memory = 0
            while True:
                try:
                    out, err = process.communicate(timeout=0.1)
                    break
                except subprocess.TimeoutExpired:
                    memory = max(memory, peak_memory(process.pid))
                if time.monotonic() - started > bound or memory > MEMORY_LIMIT:
                    process.kill()
                    out, err = process.communicate()
                    raise AssertionError(f"no end within {bound} s, or too much memory ({memory >> 20} MB)\n$ {' '.join(command)}\n{out}{err}")
        return Outcome(process, out, err, time.monotonic() - started, server)

    def play(self, scenario):
        try:
            self.play_once(scenario)
        except NotPlayed:  # a machine that stands still for longer than the timeout can end it before its fault; once
            self.play_once(scenario)

    def play_once(self, scenario):
        device = self.device(scenario.name)
        with self.server(scenario) as server, self.other(scenario) as other:
            if callable(scenario.script):
                server.script = scenario.script(other)
            before, slot = device.all_but("ota_1"), device.read("ota_1")
            options = scenario.options(other) if callable(scenario.options) else scenario.options
            options = [*options, *(["--crlfile", self.odd.crls[scenario.crl]] if scenario.crl else [])]
            url = server.url(scenario.path, scenario.host)
            plain = ["--allow-http"] if url.startswith("http:") else []
            if scenario.prelude:
                self.play_prelude(scenario, device, server, url)
            outcome = self.update(device, server, url, *SECRET_OPTIONS, *plain, *options, retries=scenario.retries, bound=scenario.bound)
            outcome.other = other
            self.judge(scenario, outcome, device, before, slot)
            if outcome.result != "ESP_OK":
                self.still_updates(scenario, device, server)
        booted = device.boot(rollback=True)
        assert booted["slot"] == "ota_1", booted
        device.flash.unlink()

    def play_prelude(self, scenario, device, server, url):
        script, server.script = server.script, scenario.prelude
        outcome = self.update(device, server, url, *SECRET_OPTIONS)
        assert outcome.code == 1, f"the run before did not fail\n{outcome.shown}"
        server.behave(*script)
        server.faults = 0
        server.requests.clear()

    def expected(self, scenario):
        result = scenario.result if self.client.has_engine or scenario.today is None else scenario.today
        return result if isinstance(result, tuple) else (result,)

    def judge(self, scenario, outcome, device, before, slot):
        shown, server = outcome.shown, outcome.server
        trouble = server.trouble + outcome.other.trouble
        assert not trouble, f"the scenario itself is broken: {trouble}\n{shown}"
        if not (outcome.other if scenario.is_proxied else server).faults:
            raise NotPlayed(f"the fault did not fire\n{shown}")
        assert outcome.result in self.expected(scenario), f"{outcome.result}, not {self.expected(scenario)}\n{shown}"
        assert outcome.code == (0 if outcome.result == "ESP_OK" else 1), shown
        assert "Sanitizer" not in outcome.stderr and "runtime error" not in outcome.stderr, shown
        leaks = [secret for secret in SECRETS if secret in outcome.stdout + outcome.stderr]
        assert not leaks, f"a secret shows: {leaks}\n{shown}"
        if outcome.result == "ESP_OK":
            assert device.read("ota_1", len(scenario.later)) == scenario.later, f"not the image of the server\n{shown}"
        else:
            assert device.all_but("ota_1") == before, f"more than the passive slot changed\n{shown}"
            assert scenario.writes or device.read("ota_1") == slot, f"the passive slot changed\n{shown}"
            errors = [line for line in outcome.stderr.splitlines() if line.startswith("error: ")]
            assert len(errors) == 1, f"not one sentence that says what is wrong\n{shown}"
            assert re.search(scenario.says, errors[0], re.IGNORECASE), f'it does not say "{scenario.says}"\n{shown}'
        if scenario.requests is not None:
            assert len(server.requests) <= scenario.requests, f"{len(server.requests)} requests\n{shown}"
        if scenario.check:
            scenario.check(outcome)

    def still_updates(self, scenario, device, server):
        """The server turns honest; only where its TLS is the fault, another one takes its place."""
        server.behave(honest(scenario.later, etag='"later"'))
        if not server.context or scenario.certificate or "context" in scenario.server:
            with HostileServer(self.certificates, [honest(scenario.later)]) as good:
                outcome = self.update(device, good, good.url(scenario.path))
        else:
            outcome = self.update(device, server, server.url(scenario.path))
        assert outcome.result == "ESP_OK", f"an honest server does not complete the update afterwards\n{outcome.shown}"
        assert device.read("ota_1", len(scenario.later)) == scenario.later, f"the wrong bytes were activated\n{outcome.shown}"
