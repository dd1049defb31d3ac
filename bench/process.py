"""Programs run and measured."""

import json
import os
import re
import subprocess
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
BUILD = ROOT / "build" / "release"


class Failed(Exception):
    """A program that should have worked did not."""


def run_quietly(*command):
    result = subprocess.run(list(map(str, command)), text=True, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    if result.returncode != 0:
        raise Failed(f"{' '.join(map(str, command))} failed: {result.stdout[-2000:].strip()}")


def output_of(*command):
    result = subprocess.run(list(map(str, command)), text=True, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    if result.returncode != 0:
        raise Failed(f"{' '.join(map(str, command))} failed: {result.stdout[-2000:]}{result.stderr[-2000:]}")
    return result.stdout


def measured(command, environment=None):
    """CPU and wall seconds and peak memory of a whole process."""
    result = subprocess.run(list(map(str, [BUILD / "bench" / "bench_measure", *command])), text=True, stdin=subprocess.DEVNULL,
                            capture_output=True, env=environment)
    answer = json.loads(result.stdout or "{}")
    if answer.get("exit_code") != 0:
        raise Failed(f"{' '.join(map(str, command))} failed: {result.stderr[-2000:].strip()}")
    return {"cpu": answer["user"] + answer["system"], "user": answer["user"], "system": answer["system"],
            "wall": answer["wall"], "peak_mib": answer["peak_kib"] / 1024}


def measured_output(command):
    """CPU seconds and what a command says."""
    process = subprocess.Popen(list(map(str, command)), text=True, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE)
    output = process.stdout.read()
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode != 0:
        raise Failed(f"{' '.join(map(str, command))} failed: {output[-2000:]}")
    return {"cpu": usage.ru_utime + usage.ru_stime, "output": output}


def count_calls(command):
    """System calls of a command and its children, as strace counts them."""
    with tempfile.NamedTemporaryFile("r") as table:
        run_quietly("strace", "-f", "-c", "-S", "name", "-o", table.name, *command)
        return int(re.search(r"^\s*100\.00\s+\S+\s+(?:\S+\s+)?(\d+)(?:\s+\d+)? total$", table.read(), re.MULTILINE)[1])


def first_line(*command):
    try:
        result = subprocess.run(list(map(str, command)), text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        return result.stdout.strip().splitlines()[0]
    except (OSError, IndexError):
        return "unknown"
