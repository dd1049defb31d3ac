#!/usr/bin/env python3
"""Plants bugs in the sources, one at a time, and tells which test finds each.

    tools/mutants.py                     all of tests/powercut/mutants/
    tools/mutants.py room_ otadata_      those whose names begin so
    tools/mutants.py --full NAME         the whole sweep instead of a quick one of the part's scenarios
    tools/mutants.py --units NAME        the unit tests too, although the sweep has found it

A bug that nothing finds is SURVIVED: a case the tests cannot see, or a change that changes nothing. What the list says
about one behind "equivalent:" or "units:" is taken for granted; any other survivor makes the exit code 1.

Builds in a copy of the tracked files, build/mutants/, so nothing here changes. A minute for the first build, then ten
seconds to two minutes a bug.
"""
import argparse
import pathlib
import queue
import re
import shutil
import subprocess
import sys
import threading
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent
LISTS = ROOT / "tests/powercut/mutants"
LOW = ("components/bootloader_support", "components/esp_partition", "components/spi_flash", "components/app_update")
UPON = ("components/app_update", "components/esp_https_ota")
TIMEOUT = 900  # seconds of a test: a planted bug may loop for ever


class Mutant:
    """One entry: "== NAME FOLDER", "# what is wrong", then lines that go (-) and lines that come (+)."""

    def __init__(self, name, folder, scenarios):
        self.name, self.folder, self.scenarios = name, folder, scenarios
        self.text, self.old, self.new = "", [], []

    def find(self, root):
        """The one file that holds the old text; which one may change when files are split."""
        old = "\n".join(self.old)
        found = [f for f in sorted((root / self.folder).rglob("*.[ch]")) if old in f.read_text()]
        if len(found) != 1 or found[0].read_text().count(old) != 1:
            raise LookupError(f"{self.name}: its old text stands in {len(found)} files of {self.folder}, or twice in one")
        return found[0]

    def apply(self, text):
        return text.replace("\n".join(self.old), "\n".join(self.new), 1)


def read_list(path):
    mutants, scenarios = [], "*"
    for number, line in enumerate(path.read_text().splitlines(), 1):
        if line.startswith("% "):
            scenarios = line[2:].strip()
        elif line.startswith("== "):
            _, name, folder = line.split()
            mutants.append(Mutant(name, folder, scenarios))
        elif line[:1] in ("-", "+"):
            (mutants[-1].old if line[0] == "-" else mutants[-1].new).append(line[1:])
        elif line.startswith("# "):
            mutants[-1].text = (mutants[-1].text + " " + line[2:]).strip()
        elif line:
            sys.exit(f"{path}:{number}: neither a bug's head, a comment nor a line of it")
    return mutants


def read_all():
    return [mutant for path in sorted(LISTS.glob("*.txt")) for mutant in read_list(path)]


def run(command, cwd, timeout=TIMEOUT):
    try:
        done = subprocess.run(command, cwd=cwd, timeout=timeout, text=True, errors="replace",
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False)
        return done.returncode, done.stdout
    except subprocess.TimeoutExpired as expired:
        out = expired.stdout or b""
        return -1, (out if isinstance(out, str) else out.decode(errors="replace")) + "\nFAILED: it takes for ever"


class Copy:
    """A copy of the tracked files, built once, in which one bug at a time is planted."""

    def __init__(self, index):
        self.root = ROOT / f"build/mutants/{index}"
        self.build = self.root / "build/mutants"

    def prepare(self):
        names = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, check=True, capture_output=True).stdout
        for name in names.decode().split("\0"):
            source, copy = ROOT / name, self.root / name
            if name and source.is_file() and not (copy.is_file() and copy.read_bytes() == source.read_bytes()):
                copy.parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(source, copy)  # with a time of its own, or ninja would take it for built
                copy.chmod(source.stat().st_mode)
        code, out = run(["cmake", "-G", "Ninja", "-S", ".", "-B", str(self.build), "-DCMAKE_BUILD_TYPE=RelWithDebInfo",
                         "-DOTA_WERROR=OFF"], self.root)
        if code == 0:
            code, out = run(["cmake", "--build", str(self.build), "-j", "2"], self.root)
        if code != 0:
            sys.exit(f"{self.root}: no build\n{out[-3000:]}")

    def build_target(self, *targets):
        command = ["cmake", "--build", str(self.build), "-j", "1"]
        return run(command + [word for target in targets for word in ("--target", target)], self.root)

    def sweep(self, mutant, is_full):
        """What the sweep finds; None: nothing."""
        code, out = self.build_target("powercut_sweep")
        if code != 0:
            return "does not compile: " + " ".join(re.findall(r"error: .*", out)[:1])
        options = [] if is_full else ["--quick", "--scenario", mutant.scenarios]
        code, out = run([str(self.build / "tests/powercut/powercut_sweep"), "--jobs", "1", *options], self.root)
        if code in (0, 2):  # 2: no such scenario
            return None
        again = re.search(r"again: \S+ (.*)", out)
        why = re.search(r"FAILED: (.*)", out)
        return f"{again.group(1) if again else ''}: {why.group(1) if why else out[-200:]}"

    def units(self, mutant):
        """Which unit tests find it, those of its folder and those of what is built upon it; None: none."""
        folder = mutant.folder.rsplit("/", 1)[0]
        folders = [folder] + [f for f in UPON if f != folder and folder.startswith(LOW)]
        tests = [f + "/test" for f in folders if (self.root / f / "test").is_dir()]
        code, out = self.build_target(*[t + "/all" for t in tests])
        if code != 0:
            return "does not compile: " + " ".join(re.findall(r"error: .*", out)[:1])
        for test in tests:
            code, out = run(["ctest", "--stop-on-failure", "--timeout", "60"], self.build / test)
            if code != 0:
                failed = re.findall(r"- (\S+) \(", out)
                return ", ".join(failed) or out[-300:]
        code, out = run([str(self.build / "tests/powercut/powercut_sweep"), "--failures"], self.root)
        return "powercut_sweep --failures" + "".join(re.findall(r"FAILED(: .*)", out)[:1]) if code else None

    def try_one(self, mutant, options):
        """What finds it; the verdict's first word is found, units or SURVIVED."""
        path = mutant.find(self.root)
        sound = path.read_text()
        path.write_text(mutant.apply(sound))
        try:
            found = self.sweep(mutant, options.full)
            units = None if options.sweep else self.units(mutant) if found is None or options.units else "not asked"
        finally:
            path.write_text(sound)
        if found:
            return f"found     {found}" + (f" [units: {units}]" if options.units else "")
        return f"units     {units}" if units else "SURVIVED  " + mutant.text


def work(copy, todo, results, options):
    while True:
        try:
            mutant = todo.get_nowait()
        except queue.Empty:
            return
        start = time.monotonic()
        try:
            verdict = copy.try_one(mutant, options)
        except LookupError as error:
            verdict = f"STALE     {error}"
        results[mutant.name] = verdict
        print(f"{mutant.name:34} {verdict}  ({time.monotonic() - start:.0f} s)", flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", metavar="NAME", help="beginnings of names; none: all")
    parser.add_argument("--full", action="store_true", help="run the whole sweep")
    parser.add_argument("--units", action="store_true", help="run the unit tests although the sweep has found it")
    parser.add_argument("--sweep", action="store_true", help="run no unit tests")
    parser.add_argument("--jobs", type=int, default=2, metavar="N", help="so many bugs at the same time (2)")
    options = parser.parse_args()
    mutants = [m for m in read_all() if not options.names or m.name.startswith(tuple(options.names))]
    todo, results = queue.Queue(), {}
    for mutant in mutants:
        todo.put(mutant)
    copies = [Copy(i) for i in range(options.jobs)]
    for copy in copies:
        copy.prepare()
    threads = [threading.Thread(target=work, args=(copy, todo, results, options)) for copy in copies]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    counts = {word: sum(v.startswith(word) for v in results.values()) for word in ("found", "units", "SURVIVED", "STALE")}
    known = sum(v.startswith("SURVIVED  equivalent") for v in results.values())
    print(f"mutants: {len(results)} bugs, {counts['found']} found by a sweep, {counts['units']} by other tests, "
          f"{known} change nothing, {counts['SURVIVED'] - known} survived, {counts['STALE']} to be brought up to date")
    return counts["SURVIVED"] > known or counts["STALE"] > 0 or len(results) < len(mutants)


if __name__ == "__main__":
    sys.exit(main())
