"""bench/run measures what it says and leaves nothing behind. How long anything takes is nobody's business here."""

import json
import os
import shutil
import subprocess

import pytest

from esp_ota import LIMIT_SECONDS, ROOT
from mounts import Mounted

PROGRAMS = {"esp-ota update", "esp-ota update, image is there", "minimal loop", "curl -o"} | ({"wget -O"} if shutil.which("wget") else set())


@pytest.fixture
def bench(tmp_path):
    if not (ROOT / "build" / "release" / "apps" / "esp-ota" / "esp-ota").exists():
        pytest.skip("build/release is not built; bench/run would build it")
    temp = tmp_path / "temp"
    temp.mkdir()

    def run(*options, folder=temp):
        result = subprocess.run([ROOT / "bench" / "run", *options], env={**os.environ, "TMPDIR": str(folder)}, text=True,
                                capture_output=True, timeout=LIMIT_SECONDS)
        assert list(temp.iterdir()) == [], "left behind"
        return result
    return run


def test_every_run_of_every_program_is_reported(bench):
    result = bench("--runs", "2", "--sizes", "1,2", "--only", "a", "--json")
    assert result.returncode == 0, result.stderr
    report = json.loads(result.stdout)
    assert report["environment"]["build"].startswith("RelWithDebInfo")
    assert report["sizes"].keys() == {"1", "2"}
    for results in report["sizes"].values():
        assert results.keys() == PROGRAMS
        for runs in results.values():
            assert len(runs) == 2
            for run in runs:
                assert run["cpu"] == run["user"] + run["system"] and run["wall"] > 0 and run["peak_mib"] > 0


def test_the_table_has_a_row_for_each(bench):
    result = bench("--runs", "1", "--sizes", "1", "--only", "a")
    assert result.returncode == 0, result.stderr
    for program in PROGRAMS:
        assert sum(line.startswith(f"| 1 MiB | {program} |") for line in result.stdout.splitlines()) == 1, result.stdout


def test_goals_stand_beside_what_was_measured(bench):
    result = bench("--runs", "1", "--sizes", "1", "--only", "aef")
    rows = [[cell.strip() for cell in line.split("|")[1:5]] for line in result.stdout.splitlines() if line.startswith("| (")]
    assert rows and all(row[3] == ("yes" if float(row[2]) <= float(row[1]) else "**no**") for row in rows), result.stdout
    figures = [row[0] for row in rows]
    assert any("slot only" in figure for figure in figures) and "(e) the same, whole update" in figures
    assert not any("256 MiB" in figure or "(b)" in figure for figure in figures)  # not measured
    assert ["(f) allocations of ours between begin and finish", "0", "0.00", "yes"] in rows


def test_every_other_part_has_rows(bench):
    result = bench("--runs", "1", "--sizes", "1", "--only", "bcdefh", "--json")
    assert result.returncode == 0, result.stderr
    report = json.loads(result.stdout)
    assert report["sizes"] == {} and report["sections"].keys() == set("bcdefh")
    assert all(rows for rows in report["sections"].values())
    assert report["sections"]["c"]["fetched twice"]["bytes"] <= 65536 + 4096
    assert all(row.get("all other steps", 0) == 0 for row in report["sections"]["f"].values())


def test_too_little_space_is_said_before_anything_is_made(bench, tmp_path):
    with Mounted(tmp_path / "mnt", "-t", "tmpfs", "-o", "size=100M", "tmpfs") as small:
        result = bench("--sizes", "256", folder=small)
        assert result.returncode == 1 and "TMPDIR" in result.stderr and "MiB are free" in result.stderr, result.stderr
        assert list(small.iterdir()) == []


@pytest.mark.parametrize("wrong", [["--runs", "0"], ["--sizes", "0"], ["--sizes", "1;2"], ["--sizes", "901"], ["more"], ["--only", "az"], ["--only", ""]], ids=" ".join)
def test_wrong_usage_is_exit_code_2(bench, wrong):
    assert bench(*wrong).returncode == 2
