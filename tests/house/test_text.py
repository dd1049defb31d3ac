"""The small checks notice what is planted: links, text, formatting, clang-tidy."""

import re
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent.parent


@pytest.fixture
def repo(tmp_path):
    """A fresh git repository that holds our tools and settings and nothing else."""
    shutil.copytree(ROOT / "tools", tmp_path / "tools")
    for name in (".clang-format", ".clang-tidy"):
        shutil.copy(ROOT / name, tmp_path / name)
    subprocess.run(["git", "init", "-q", tmp_path], check=True)
    return tmp_path


def run(repo, tool, *args):
    return subprocess.run([repo / "tools" / tool, *args], cwd=repo, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)


# ---- links ----


@pytest.mark.parametrize("text, fact", [
    ("see [it](gone.md)", "a.md:2: link to gone.md: no such file"),
    ("see [it](b.md#gone)", "a.md:2: link to b.md#gone: no heading #gone in b.md"),
    ("see [it](#gone)", "a.md:2: link to #gone"),
    ("[it]: gone.md", "a.md:2: link to gone.md"),
    ('<img src="gone.png">', "a.md:2: link to gone.png"),
])
def test_a_broken_link_is_reported(repo, text, fact):
    (repo / "b.md").write_text("# Here\n")
    (repo / "a.md").write_text(f"# A\n{text}\n")
    result = run(repo, "check_links.py")
    assert result.returncode == 1
    assert fact in result.stdout


def test_good_links_pass(repo):
    (repo / "docs").mkdir()
    (repo / "docs/b.md").write_text("# What `x()` does: a *test*\n## Twice\n## Twice\n")
    (repo / "a.md").write_text("# A b\n[1](docs/b.md) [2](docs/b.md#what-x-does-a-test) [3](docs/b.md#twice-1) [4](#a-b)\n"
                               "[5](https://example.com/gone) [6](/docs)\n```\n[not a link](gone.md)\n```\n`[nor](this.md)`\n")
    result = run(repo, "check_links.py")
    assert result.returncode == 0, result.stdout
    assert "6 links, 0 broken" in result.stdout


# ---- text ----


@pytest.mark.parametrize("name, text, fact", [
    ("a.c", "// see /home/someone/a.txt\n", "path of one machine"),
    ("a.c", "// TODO: later\n", "TODO without an issue"),
    ("a.py", "x = 1  # FIXME\n", "TODO without an issue"),
    ("a.c", "\tint x;\n", "tabs show differently"),
    ("a.c", "int x; \n", "spaces at line ends"),
])
def test_forbidden_text_is_reported(repo, name, text, fact):
    (repo / name).write_text("\n" + text)
    result = run(repo, "check_text.sh")
    assert result.returncode == 1
    assert f"{name}:2:" in result.stdout
    assert fact in result.stdout


def test_a_tree_without_files_is_not_passed(repo):
    """As when git does not trust the clone and lists nothing."""
    shutil.rmtree(repo / ".git")
    result = run(repo, "check_text.sh")
    assert result.returncode != 0, result.stdout


@pytest.mark.parametrize("folder", ["home", "root", "work", "Users"])
def test_a_path_of_one_machine_is_reported_in_any_file(repo, folder):
    (repo / "notes").write_text(f"`/{folder}/someone/x`\n")
    result = run(repo, "check_text.sh")
    assert result.returncode == 1 and "notes:1:" in result.stdout


def test_allowed_text_passes(repo):
    (repo / "a.c").write_text("// TODO(#12): later; $HOME/x, build/home/x and https://host/home/x are fine\n")
    result = run(repo, "check_text.sh")
    assert result.returncode == 0, result.stdout


# ---- formatting ----


def test_a_badly_formatted_file_is_reported_and_can_be_fixed(repo):
    (repo / "a.c").write_text("int  main( void ){return 0;}\n")
    assert run(repo, "check_format.sh").returncode == 1
    assert run(repo, "check_format.sh", "--fix").returncode == 0
    assert run(repo, "check_format.sh").returncode == 0


# ---- clang-tidy ----


def configured(repo, source):
    (repo / "a.c").write_text(source)
    (repo / "CMakeLists.txt").write_text("cmake_minimum_required(VERSION 3.25)\nproject(p C)\nadd_library(a a.c)\n")
    subprocess.run(["cmake", "-G", "Ninja", "-S", repo, "-B", repo / "build/dev", "-DCMAKE_EXPORT_COMPILE_COMMANDS=ON"],
                   check=True, stdout=subprocess.DEVNULL)
    return repo


@pytest.mark.parametrize("source, check", [
    ("int f(const int *p);\nint f(const int *p)\n{\n    if (!p) {\n        return *p;\n    }\n    return 0;\n}\n", "NullDereference"),
    ("int f(int x);\nint f(int x)\n{\n    if (x)\n        return 1;\n    return 0;\n}\n", "readability-braces-around-statements"),
    ("#define TWICE(x) x; x\nint f(int x);\nint f(int x)\n{\n    if (x)\n        TWICE(x++);\n    return x;\n}\n", "bugprone-"),
    ("int badName(void);\nint badName(void)\n{\n    return 0;\n}\n", "readability-identifier-naming"),
], ids=["null pointer", "missing braces", "macro of two statements", "name"])
def test_clang_tidy_reports_what_is_planted(repo, source, check):
    result = run(configured(repo, source), "run_tidy.sh")
    assert result.returncode == 1, result.stdout
    assert check in result.stdout


def test_clang_tidy_looks_once_at_what_passed_and_again_at_what_changed(repo):
    configured(repo, "int f(int x);\nint f(int x)\n{\n    return x;\n}\n")
    assert "a.c: ok" in run(repo, "run_tidy.sh").stdout
    again = run(repo, "run_tidy.sh")
    assert again.returncode == 0 and "a.c: ok" not in again.stdout
    (repo / "a.c").write_text((repo / "a.c").read_text().replace("return x", "return -x"))
    assert "a.c: ok" in run(repo, "run_tidy.sh").stdout


def test_every_disabled_check_has_its_reason():
    text = (ROOT / ".clang-tidy").read_text()
    reasons = dict(re.findall(r"^# -(\S+)  +(\S.*)$", text, re.M))
    disabled = re.findall(r"^  -([\w.*-]+),?$", text, re.M)
    disabled.remove("*")
    assert sorted(disabled) == sorted(reasons)


# ---- changelog ----


@pytest.fixture
def changes(repo):
    (repo / "docs/changes.d").mkdir(parents=True)
    shutil.copy(ROOT / "docs/changes.d/README.md", repo / "docs/changes.d")
    (repo / "CHANGELOG.md").write_text("# Changelog\n\n## Unreleased\n\nFragments.\n\n## 0.1.0 - 2000-01-01\n\n### Added\n\n- All.\n")
    return repo


def test_fragments_become_a_release(changes):
    (changes / "docs/changes.d/a.fixed.md").write_text("A is\nright.\n")
    (changes / "docs/changes.d/b.added.md").write_text("B.\n")
    assert run(changes, "changes.py").stdout == "### Added\n\n- B.\n\n### Fixed\n\n- A is right.\n"
    assert run(changes, "changes.py", "--release", "0.2.0").returncode == 0
    text = (changes / "CHANGELOG.md").read_text()
    assert re.search(r"## Unreleased\n\nFragments\.\n\n## 0\.2\.0 - [\d-]+\n\n### Added\n\n- B\.\n\n### Fixed\n\n- A is right\.\n\n"
                     r"## 0\.1\.0 - 2000-01-01\n\n### Added\n\n- All\.\n$", text), text
    assert [path.name for path in (changes / "docs/changes.d").iterdir()] == ["README.md"]


@pytest.mark.parametrize("name, text", [("a.md", "x"), ("a.better.md", "x"), ("a.fixed.md", " \n"), ("a.fixed.txt", "x")])
def test_a_fragment_without_kind_or_words_is_reported(changes, name, text):
    (changes / "docs/changes.d" / name).write_text(text)
    result = run(changes, "changes.py")
    assert result.returncode == 1 and name in result.stdout
