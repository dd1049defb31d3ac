"""esp-ota project build: what it refuses before it builds. What it builds is in tests/device/test_projects.py."""

import pytest


@pytest.mark.parametrize("args, word", [
    ([], "argument"),
    (["a", "b"], "argument"),
    (["a", "--config", "NAME"], "NAME=VALUE"),
    (["a", "--config", "A=1;B=2"], "';'"),
    (["a", "--secure-version", "new"], "number"),
    (["a", "--idf-version", "latest"], "5.4"),
    (["a", "--version", "v" * 32], "31 characters"),
])
def test_wrong_usage_is_explained(program, args, word):
    run = program.run("project", "build", *args)
    assert run.returncode == 2 and word in run.stderr, run.shown


def test_a_folder_that_is_not_there_is_named(program):
    assert "nowhere" in program.failed("project", "build", "nowhere").stderr


def test_what_is_installed_is_looked_for_and_named(program, tmp_path):
    (tmp_path / "project").mkdir()
    run = program.run("project", "build", "project", env={"ESP_OTA_IDF_PATH": str(tmp_path / "idf")})
    assert run.returncode == 1 and "idf/tools/cmake/project.cmake is missing" in run.stderr and "cmake --install" in run.stderr


def test_a_folder_without_cmakelists_is_no_project(program, tmp_path):
    (tmp_path / "project").mkdir()
    cmake = tmp_path / "idf" / "tools" / "cmake"
    cmake.mkdir(parents=True)
    (cmake / "project.cmake").write_text("")
    run = program.run("project", "build", "project", env={"ESP_OTA_IDF_PATH": str(tmp_path / "idf")})
    assert run.returncode == 1 and "project is no ESP-IDF project" in run.stderr
    (tmp_path / "project" / "CMakeLists.txt").write_text("")
    (tmp_path / "empty").mkdir()
    run = program.run("project", "build", "project", env={"ESP_OTA_IDF_PATH": str(tmp_path / "idf"), "PATH": str(tmp_path / "empty")})
    assert run.returncode == 1 and "cmake is not on the PATH" in run.stderr
