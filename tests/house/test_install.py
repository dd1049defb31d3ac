"""What ./check and ./quickstart install, and how they behave where they cannot."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent.parent


@pytest.fixture
def tree(tmp_path):
    """tools/ with a short package list and stand-ins for dpkg-query, apt-get, sudo and id; calls are written to `calls`."""
    shutil.copytree(ROOT / "tools", tmp_path / "tools")
    (tmp_path / "tools/packages.txt").write_text("# comment\nhave build\nlack build  why\nnginx try\nlint check\n")
    (tmp_path / "bin").mkdir()
    for tool in ("env", "bash", "dirname", "grep", "mktemp", "rm", "tail", "cat", "sh", "sha256sum", "cut", "mkdir", "timeout", "tr", "touch"):
        (tmp_path / "bin" / tool).symlink_to(shutil.which(tool))
    stand_in(tmp_path, "dpkg-query", 'case "$*" in *have*) echo "ii " ;; *) exit 1 ;; esac')
    stand_in(tmp_path, "apt-get", f'echo "apt-get $*" >>{tmp_path}/calls')
    stand_in(tmp_path, "id", "echo 0")
    return tmp_path


def stand_in(tree, name, line):
    path = tree / "bin" / name
    path.unlink(missing_ok=True)
    path.write_text(f"#!/bin/sh\n{line}\n")
    path.chmod(0o755)


def install(tree, *groups):
    return subprocess.run([tree / "tools/install_packages.sh", *groups], env={"PATH": str(tree / "bin")}, text=True,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT)


def calls(tree):
    path = tree / "calls"
    return path.read_text() if path.exists() else ""


def test_nothing_missing_means_nothing_done_and_nothing_said(tree):
    stand_in(tree, "dpkg-query", 'echo "ii "')
    result = install(tree, "build", "try", "check")
    assert (result.returncode, result.stdout, calls(tree)) == (0, "", "")


def test_missing_packages_of_the_asked_groups_are_named_and_installed(tree):
    result = install(tree, "build", "try")
    assert result.returncode == 0
    assert "Installing with apt-get: lack nginx\n" in result.stdout
    assert "install -q -y --no-install-recommends lack nginx" in calls(tree)


def test_another_user_goes_through_sudo(tree):
    stand_in(tree, "id", "echo 1000")
    stand_in(tree, "sudo", f'echo "sudo $*" >>{tree}/calls; exec "$@"')
    assert install(tree, "build").returncode == 0
    assert "sudo apt-get update" in calls(tree)


def test_another_user_without_sudo_is_told_what_to_do(tree):
    stand_in(tree, "id", "echo 1000")
    result = install(tree, "build")
    assert result.returncode == 1
    assert "As root: apt-get install lack" in result.stdout
    assert calls(tree) == ""


def test_a_failing_apt_get_shows_its_words(tree):
    stand_in(tree, "apt-get", "echo no network; exit 100")
    result = install(tree, "build")
    assert result.returncode == 1
    assert "no network" in result.stdout


def test_without_apt_get_the_packages_are_named(tree):
    (tree / "bin/apt-get").unlink()
    result = install(tree, "build")
    assert result.returncode == 1
    assert "no Debian" in result.stdout and "lack" in result.stdout


@pytest.mark.parametrize("required, code, fact", [("0", 0, "will skip"), ("1", 1, "REQUIRE_JUDGES=1")])
def test_without_pypi_judges_are_skipped_or_missed(tree, required, code, fact):
    venv = tree / "build/venv/bin"
    venv.mkdir(parents=True)
    (venv / "pip").write_text("#!/bin/sh\nexit 1\n")
    (venv / "pip").chmod(0o755)
    result = subprocess.run([tree / "tools/install_judges.sh"], env={**os.environ, "REQUIRE_JUDGES": required}, text=True,
                            stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    assert result.returncode == code
    assert fact in result.stdout
