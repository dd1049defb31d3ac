"""./check notices failures of every kind, says how to repeat them and ends with the lines that CI reads.

Compilers and checks are stand-ins here: this is about the script that runs them.
"""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent.parent
CTEST_CLOSING = "100% tests passed, 0 tests failed out of 3\n\nTotal Test time (real) =   0.01 sec\n"


@pytest.fixture
def tree(tmp_path):
    tools, programs = tmp_path / "tools", tmp_path / "bin"
    tools.mkdir()
    programs.mkdir()
    shutil.copy(ROOT / "check", tmp_path / "check")
    for path in (ROOT / "tools").iterdir():
        if path.is_file() and os.access(path, os.X_OK):
            stand_in(tools / path.name, "exit 0")
    stand_in(programs / "cmake", "exit 0")
    stand_in(programs / "ctest", f"printf '%s\\n' '1/3 passed' '{CTEST_CLOSING}'")
    (tmp_path / "test_it.py").write_text("def test_it():\n    pass\n")
    (tmp_path / "pytest.ini").write_text("[pytest]\n")
    return tmp_path


def stand_in(path, line):
    path.write_text(f"#!/bin/sh\n{line}\n")
    path.chmod(0o755)


def check(tree, *options, **settings):
    env = {name: value for name, value in os.environ.items() if not name.startswith(("CI", "REQUIRE_JUDGES", "PYTEST"))}
    env["PATH"] = f"{tree / 'bin'}:{env['PATH']}"
    return subprocess.run([tree / "check", *options], cwd=tree, env={**env, **settings}, text=True,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT)


def test_the_output_closes_with_ctest_pytest_and_one_verdict(tree):
    result = check(tree)
    lines = [line for line in result.stdout.splitlines() if line.strip()]
    assert result.returncode == 0, result.stdout
    assert lines[-4] == "100% tests passed, 0 tests failed out of 3"
    assert lines[-3].startswith("Total Test time")
    assert "1 passed in" in lines[-2]
    assert lines[-1].startswith("check: OK (")


def test_quick_leaves_the_long_steps_out(tree):
    result = check(tree, "--quick")
    assert result.returncode == 0, result.stdout
    assert "clang-tidy" not in result.stdout and "quick)" in result.stdout


@pytest.mark.parametrize("tool, title", [
    ("check_layers.py", "layers"), ("check_cpp_headers.py", "public headers as C++"), ("check_format.sh", "format"), ("check_links.py", "text and links"),
    ("check_text.sh", "text and links"), ("changes.py", "text and links"), ("run_tidy.sh", "clang-tidy"),
    ("install_judges.sh", "judges from PyPI"),
])
def test_a_failing_tool_ends_the_run_with_its_log(tree, tool, title):
    stand_in(tree / "tools" / tool, "echo what went wrong; exit 1")
    result = check(tree)
    assert result.returncode == 1
    assert "what went wrong" in result.stdout
    assert f", {title} (to rerun it alone: " in result.stdout.splitlines()[-1]
    assert "check: OK" not in result.stdout


def test_a_failing_build_ends_the_run(tree):
    stand_in(tree / "bin" / "cmake", "echo error: no such thing; exit 1")
    result = check(tree)
    assert result.returncode == 1
    assert "check: FAILED in step 1, build dev" in result.stdout.splitlines()[-1]


def test_a_failing_ctest_ends_the_run(tree):
    stand_in(tree / "bin" / "ctest", 'case "$*" in *"--preset dev"*) echo 1 tests failed; exit 8 ;; esac')
    result = check(tree)
    assert result.returncode == 1
    assert ", ctest (" in result.stdout.splitlines()[-1]


def test_a_failing_pytest_ends_the_run(tree):
    (tree / "test_it.py").write_text("def test_it():\n    assert False\n")
    result = check(tree)
    assert result.returncode == 1
    assert "1 failed" in result.stdout
    assert ", pytest (" in result.stdout.splitlines()[-1]


def test_no_tests_at_all_is_a_failure(tree):
    (tree / "test_it.py").unlink()
    assert check(tree).returncode == 1


def test_skipped_tests_are_named(tree):
    (tree / "test_it.py").write_text("import pytest\ndef test_it():\n    pytest.skip('the judge is away')\ndef test_more():\n    pass\n")
    (tree / "pytest.ini").write_text("[pytest]\naddopts = -ra\n")
    assert "the judge is away" in check(tree).stdout


def test_missing_packages_end_the_run_before_the_first_step(tree):
    stand_in(tree / "tools" / "install_packages.sh", "exit 1")
    result = check(tree)
    assert result.returncode == 1
    assert "packages are missing" in result.stdout


@pytest.mark.parametrize("ci, wanted", [("true", "1"), ("", "unset")])
def test_judges_are_required_in_ci_only(tree, ci, wanted):
    stand_in(tree / "tools" / "install_judges.sh", "echo required=${REQUIRE_JUDGES:-unset} >judges; exit 0")
    check(tree, CI=ci)
    assert (tree / "judges").read_text() == f"required={wanted}\n"


def test_an_unknown_option_is_wrong_usage(tree):
    assert check(tree, "--fast").returncode == 2
    assert "--quick" in check(tree, "--help").stdout


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give files away")
def test_a_clone_of_another_user_is_checked_all_the_same(tree, tmp_path):
    """As in a container that runs as root on a folder from outside; git lists nothing there unless it is told to."""
    subprocess.run(["git", "init", "-q"], cwd=tree, check=True)
    stand_in(tree / "tools" / "check_text.sh", "git ls-files -co")
    for path in [tree, *tree.rglob("*")]:
        os.chown(path, 12345, 12345)
    home = tmp_path / "home"
    home.mkdir()
    result = check(tree, HOME=str(home))
    assert result.returncode == 0, result.stdout
