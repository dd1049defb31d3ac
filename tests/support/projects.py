"""An installed copy of this tree, ESP-IDF-shaped projects built with it, and devices that run what comes out."""

import os
import re
import shutil
import signal
import subprocess
import threading
from pathlib import Path

from esp_ota import ROOT

PROJECTS = ROOT / "tests" / "projects"
LIMIT_SECONDS = 60  # no life of a device in these tests takes longer; a hang is a failure with a name


def find_build():
    """OTA_INSTALL_FROM, or the release build: images with sanitizers are larger than the slots of real projects."""
    if os.environ.get("OTA_INSTALL_FROM"):
        return Path(os.environ["OTA_INSTALL_FROM"])
    path = ROOT / "build" / "release"
    return path if (path / "libesp_https_ota.a").exists() else None


def install(build, prefix):
    """cmake --install; returns the prefix."""
    run = subprocess.run(["cmake", "--install", build, "--prefix", prefix], text=True, capture_output=True, timeout=LIMIT_SECONDS)
    assert run.returncode == 0, run.stdout + run.stderr
    return Path(prefix)


class Builder:
    """Builds copies of tests/projects with the installed esp-ota, which gets nothing from this tree but that."""

    def __init__(self, prefix, folder, ca):
        self.program = prefix / "bin" / "esp-ota"
        self.folder = folder
        self.ca = ca

    def copy(self, name):
        """A project as an author has it: with the CA certificate in its place, and not writable."""
        path = self.folder / "projects" / name
        if not path.exists():
            shutil.copytree(PROJECTS / name, path)
            if (path / "server_certs").exists():
                shutil.copy(self.ca, path / "server_certs" / "ca_cert.pem")
        return path

    def run(self, *args):
        return subprocess.run([self.program, *map(str, args)], cwd=self.folder, text=True, capture_output=True, timeout=LIMIT_SECONDS)

    def build(self, project, image, *options, build_dir=None, **config):
        """Builds a project (a name, or a folder) and returns the image."""
        path = self.copy(project) if isinstance(project, str) else project
        settings = [word for name, value in config.items() for word in ("--config", f"{name}={value}")]
        run = self.run("project", "build", path, "-o", self.folder / image, "--build-dir", build_dir or self.folder / f"build-{path.name}",
                       *options, *settings)
        assert run.returncode == 0, run.stdout + run.stderr
        run.image = self.folder / image
        return run


class Life:
    """A device that runs; its console and the supervisor's lines in one text."""

    def __init__(self, program, flash, *options, env=None, stdin=None):
        self.text = ""
        self.seen = 0
        self.process = subprocess.Popen([program, "device", "run", "--flash", flash, *options], text=True, errors="replace", bufsize=1,
                                        stdin=subprocess.PIPE if stdin is not None else subprocess.DEVNULL, stdout=subprocess.PIPE,
                                        stderr=subprocess.STDOUT, env={**os.environ, **(env or {})})
        self.timer = threading.Timer(LIMIT_SECONDS, self.process.kill)
        self.timer.start()
        if stdin is not None:
            self.process.stdin.write(stdin)
            self.process.stdin.close()  # the lives of the device read what is in the pipe, then its end

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.switch_off()

    def expect(self, pattern):
        """Reads lines until one has pattern; returns the match."""
        for line in self.process.stdout:
            self.text += line
            match = re.search(pattern, line)
            if match:
                return match
        raise AssertionError(f"no line with {pattern!r} came:\n{self.text}")

    def rest(self):
        """Everything until the run ends by itself."""
        self.text += self.process.stdout.read()
        return self.text

    def switch_off(self):
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            self.text += self.process.stdout.read()
        code = self.process.wait()
        self.timer.cancel()
        return code
