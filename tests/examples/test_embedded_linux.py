"""The embedded-Linux example, built by CMake and by make with an installed copy."""

import os
import shutil
import subprocess

import pytest

from esp_ota import ROOT

SOURCE = ROOT / "examples" / "embedded_linux"


def run(*words, cwd=None, env=None, code=0):
    result = subprocess.run([str(word) for word in words], text=True, capture_output=True, cwd=cwd, env={**os.environ, **(env or {})}, timeout=120)
    said = f"$ {' '.join(map(str, words))}\n{result.stdout}{result.stderr}exit code {result.returncode}"
    assert result.returncode == code, said
    return said


def build_with_cmake(prefix, folder):
    run("cmake", "-S", SOURCE, "-B", folder, f"-DCMAKE_PREFIX_PATH={prefix}", "-DCMAKE_C_FLAGS=-Wall -Wextra -Werror")
    run("cmake", "--build", folder)


def build_with_make(prefix, folder):
    shutil.copytree(SOURCE, folder)
    run("make", cwd=folder, env={"PKG_CONFIG_PATH": str(prefix / "lib" / "pkgconfig"), "CFLAGS": "-Werror"})


class Board:
    """State and two slots as three files, and the launcher."""

    def __init__(self, folder, programs, esp_ota, ca):
        self.folder, self.programs, self.esp_ota, self.ca = folder, programs, esp_ota, ca
        for name, size in (("state", 65536), ("a", 4 << 20), ("b", 4 << 20)):
            with open(folder / name, "wb") as file:
                file.truncate(size)

    def image(self, version):
        self.esp_ota.done("image", "build", "--chip", "linux", "--elf", self.programs / "app", "--project", "app", "--version", version, "-o", f"{version}.bin")
        return self.folder / f"{version}.bin"

    def install(self, image):
        return run(self.programs / "ab_launcher", "install", "state", "a", "b", image, cwd=self.folder)

    def run(self, url="", **env):
        return run(self.programs / "ab_launcher", "run", "state", "a", "b", cwd=self.folder,
                   env={"UPDATE_URL": url, "UPDATE_CA": str(self.ca), **env})


@pytest.fixture(scope="module", params=[build_with_cmake, build_with_make], ids=["cmake", "make"])
def programs(request, prefix, tmp_path_factory):
    folder = tmp_path_factory.mktemp("embedded_linux") / "build"
    request.param(prefix, folder)
    return folder


@pytest.fixture
def board(programs, esp_ota, esp_server, tmp_path):
    made = Board(tmp_path, programs, esp_ota, esp_server.ca)
    assert "installation: ESP_OK" in made.install(made.image("1.0.0"))
    return made


def test_an_update_goes_to_the_other_file_and_is_confirmed(board, esp_server):
    before = (board.folder / "a").read_bytes()
    said = board.run(esp_server.serve(board.image("2.0.0"), "app.bin"))
    for line in ("version 1.0.0 runs from slot a", "taking version 2.0.0", "slot B starts", "version 2.0.0 runs from slot b", "healthy, confirmed",
                 "no update: ESP_ERR_INVALID_VERSION", "at work"):
        assert line in said, said
    assert (board.folder / "a").read_bytes() == before
    assert (board.folder / "b").read_bytes().startswith((board.folder / "2.0.0.bin").read_bytes())
    assert "version 2.0.0 runs from slot b" in board.run()


@pytest.mark.parametrize("version, env", [("2.0.0", {"APP_HEALTH": "bad"}), ("2.0.0-crash", {})])
def test_an_update_that_is_not_well_is_rolled_back_and_not_taken_again(board, esp_server, version, env):
    said = board.run(esp_server.serve(board.image(version), "app.bin"), **env)
    assert "slot B starts" in said
    assert said.count("version 1.0.0 runs from slot a") == 2 and said.count(f"taking version {version}") == 1, said
    assert "no update: ESP_ERR_INVALID_VERSION" in said
    assert "version 1.0.0 runs from slot a" in board.run()
