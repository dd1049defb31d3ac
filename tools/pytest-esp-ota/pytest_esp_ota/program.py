"""Runs esp-ota, and finds it."""

import json
import os
import shutil
import subprocess
from pathlib import Path

LIMIT_SECONDS = 120  # no single command takes longer; a hang is a failure with a name


def find_program(given=None):
    """given, else ESP_OTA, else esp-ota on the PATH."""
    path = given or os.environ.get("ESP_OTA") or shutil.which("esp-ota")
    if not path or not Path(path).exists():
        raise FileNotFoundError(f"{path or 'esp-ota'} is not there: install esp-https-ota and put its bin folder on the PATH, "
                                "or say --esp-ota PROGRAM or ESP_OTA=PROGRAM")
    return Path(path).resolve()


class Program:
    """Runs esp-ota in a folder and keeps the command line for the message of a failing test."""

    def __init__(self, path, folder):
        self.path = Path(path)
        self.folder = Path(folder)

    def run(self, *args, env=None):
        """The finished process, whatever its exit code; stdout and stderr as text, `shown` for messages."""
        command = [str(self.path), *map(str, args)]
        result = subprocess.run(command, cwd=self.folder, text=True, errors="replace", capture_output=True, stdin=subprocess.DEVNULL,
                                timeout=LIMIT_SECONDS, env={**os.environ, **(env or {})})
        result.shown = f"$ {' '.join(command)}\n{result.stdout}{result.stderr}exit code {result.returncode}"
        assert result.returncode in (0, 1, 2), f"neither done, failed nor wrong usage:\n{result.shown}"
        return result

    def done(self, *args, **more):
        """A command that must work."""
        result = self.run(*args, **more)
        assert result.returncode == 0, result.shown
        return result

    def failed(self, *args, **more):
        """A command that must fail, and say why."""
        result = self.run(*args, **more)
        assert result.returncode == 1, result.shown
        assert result.stderr.strip(), f"it failed without a word:\n{result.shown}"
        return result

    def json(self, *args, exit_code=0):
        """The parsed answer of a command with --json."""
        result = self.run(*args, "--json")
        assert result.returncode == exit_code, result.shown
        return json.loads(result.stdout)
