"""A device that has power: the process `esp-ota device run`, its console, and what it tells of each boot."""

import json
import os
import re
import signal
import subprocess
import threading
import time

EXPECT_SECONDS = 30
END_SECONDS = 30  # how long the end of a killed program may take


class Power:
    """From power on to power off. As a context manager it switches off at the end."""

    def __init__(self, command, folder, env, stdin=None):
        self.lines = []  # of the console, without line ends
        self.boots = []  # what `device run --json` says of each boot that is over
        self.ended = None  # its last object: ended, boots, error
        self._seen = 0
        self._open = 2
        self._changed = threading.Condition()
        self.process = subprocess.Popen(command, cwd=folder, text=True, errors="replace", env={**os.environ, **env},
                                        stdin=subprocess.DEVNULL if stdin is None else subprocess.PIPE,
                                        stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        self._readers = [threading.Thread(target=self._read, args=pair, daemon=True)
                         for pair in ((self.process.stderr, self._console_line), (self.process.stdout, self._boot_line))]
        for reader in self._readers:
            reader.start()
        if stdin is not None:
            self.process.stdin.write(stdin)
            self.process.stdin.flush()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.switch_off()

    @property
    def console(self):
        """Everything so far, as one text."""
        return "\n".join(self.lines)

    @property
    def is_on(self):
        return self.process.poll() is None

    def expect(self, pattern, timeout=EXPECT_SECONDS):
        """Waits for a line of the console in which the regular expression is found, behind those that were expected before;
        returns the match. No such line within timeout seconds, or before the end, is a failure that shows the console."""
        deadline = time.monotonic() + timeout
        with self._changed:
            while True:
                for at in range(self._seen, len(self.lines)):
                    match = re.search(pattern, self.lines[at])
                    if match:
                        self._seen = at + 1
                        return match
                left = deadline - time.monotonic()
                if self._open == 0 or left <= 0:
                    why = "before the device was off" if self._open == 0 else f"within {timeout} s"
                    raise AssertionError(f"no line with {pattern!r} came {why}; the console since the last line expected:\n{self._shown(self._seen)}")
                self._changed.wait(left)

    def expect_boot(self, timeout=EXPECT_SECONDS, **wanted):
        """Waits for the end of the first boot whose members are as wanted, e.g. slot="ota_1", end="panic"; returns them all."""
        deadline = time.monotonic() + timeout
        with self._changed:
            while True:
                for boot in self.boots:
                    if all(boot.get(name) == value for name, value in wanted.items()):
                        return boot
                left = deadline - time.monotonic()
                if self._open == 0 or left <= 0:
                    raise AssertionError(f"no boot with {wanted} ended within {timeout} s:\n{self._shown(0)}")
                self._changed.wait(left)

    def cut(self):
        """The power fails: the program ends where it is, with what it started. Returns the exit code of `device run`."""
        if self.is_on:
            self.process.send_signal(signal.SIGTERM)  # is the power switch; see "A device that runs its firmware"
        return self.wait(END_SECONDS)

    switch_off = cut  # to firmware it is the same

    def wait(self, timeout=EXPECT_SECONDS):
        """Waits until the run ends by itself; returns its exit code."""
        try:
            code = self.process.wait(timeout)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
            raise AssertionError(f"the device was still on after {timeout} s:\n{self._shown(0)}") from None
        for reader in self._readers:
            reader.join(END_SECONDS)
        return code

    def _shown(self, first):
        boots = [f"boot {boot['boot']}: {boot['slot']} {boot['version']}, {boot['reason']}, ended with {boot.get('end')}" for boot in self.boots]
        return "\n".join(self.lines[first:] + boots + ([f"run ended: {self.ended}"] if self.ended else []))

    def _read(self, pipe, take):
        with pipe:
            for line in pipe:
                with self._changed:
                    take(line.rstrip("\n"))
                    self._changed.notify_all()
        with self._changed:
            self._open -= 1
            self._changed.notify_all()

    def _console_line(self, line):
        self.lines.append(line)

    def _boot_line(self, line):
        said = json.loads(line)
        if "boot" in said:
            self.boots.append(said)
        else:
            self.ended = said
