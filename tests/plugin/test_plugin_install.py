"""The plugin is found without a network and without anything but Debian's python3-pytest: installed, or by its path."""

import os
import subprocess
import sys

import pytest

from esp_ota import ROOT, find_program

PLUGIN = ROOT / "tools" / "pytest-esp-ota"
TESTS = """
def test_a_device(esp_device, esp_ota):
    esp_ota.done("image", "build", "--chip", "esp32", "--project", "p", "--version", "1", "-o", "v1.bin")
    device = esp_device("v1.bin", chip="esp32", size="16MB")
    assert device.boot()["version"] == "1"
"""


def run_tests(folder, python, *options, env=None):
    (folder / "test_users.py").write_text(TESTS)
    clean = {name: value for name, value in os.environ.items() if name not in ("PYTHONPATH", "ESP_OTA", "PYTEST_ADDOPTS")}
    return subprocess.run([python, "-m", "pytest", "-q", "-p", "no:cacheprovider", *map(str, options)], cwd=folder, text=True, capture_output=True,
                          timeout=120, env={**clean, **(env or {})})


@pytest.fixture(scope="module")
def venv(tmp_path_factory):
    folder = tmp_path_factory.mktemp("venv")
    subprocess.run([sys.executable, "-m", "venv", "--system-site-packages", folder], check=True, timeout=120)
    python = folder / "bin" / "python"
    run = subprocess.run([python, "-m", "pip", "install", "-q", "--no-index", "--no-deps", "--no-build-isolation", PLUGIN], text=True, capture_output=True,
                         timeout=120)
    assert run.returncode == 0, run.stdout + run.stderr
    return python


def test_an_installed_plugin_is_found_by_itself(venv, tmp_path):
    run = run_tests(tmp_path, venv, "--esp-ota", find_program())
    assert run.returncode == 0 and "1 passed" in run.stdout, run.stdout + run.stderr
    assert not list(PLUGIN.glob("*.egg-info")) and not (PLUGIN / "build").exists(), "the tree stays clean"


def test_whoever_names_it_all_the_same_is_right_too(venv, tmp_path):
    (tmp_path / "conftest.py").write_text('pytest_plugins = ["pytest_esp_ota"]\n')
    run = run_tests(tmp_path, venv, "-p", "pytest_esp_ota", env={"ESP_OTA": str(find_program())})
    assert run.returncode == 0 and "1 passed" in run.stdout, run.stdout + run.stderr


def test_a_path_and_an_option_are_enough(tmp_path):
    path = f"{find_program().parent}:{os.environ['PATH']}"
    run = run_tests(tmp_path, sys.executable, "-p", "pytest_esp_ota", env={"PYTHONPATH": str(PLUGIN), "PATH": path})
    assert run.returncode == 0 and "1 passed" in run.stdout, run.stdout + run.stderr


def test_a_missing_program_is_said(tmp_path):
    run = run_tests(tmp_path, sys.executable, "-p", "pytest_esp_ota", "--esp-ota", "nowhere", env={"PYTHONPATH": str(PLUGIN)})
    assert run.returncode == 1 and "nowhere is not there: install esp-https-ota" in run.stdout, run.stdout + run.stderr


def test_the_same_sources_make_the_same_wheel(tmp_path):
    wheels = []
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        subprocess.run([sys.executable, "-c", f"import build_backend; print(build_backend.build_wheel({str(tmp_path / name)!r}))"], cwd=PLUGIN, check=True,
                       timeout=60, stdout=subprocess.DEVNULL)
        wheels.append(next((tmp_path / name).iterdir()).read_bytes())
    assert wheels[0] == wheels[1]
