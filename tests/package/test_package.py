"""What cmake --install puts under a prefix is enough: for CMake and pkg-config, static and shared, C and C++, without this tree."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from projects import PROJECTS, find_build, install

HERE = Path(__file__).resolve().parent


def run(*words, env=None, cwd=None):
    result = subprocess.run([str(word) for word in words], text=True, capture_output=True, cwd=cwd, env={**os.environ, **(env or {})}, timeout=120)
    assert result.returncode == 0, f"$ {' '.join(map(str, words))}\n{result.stdout}{result.stderr}"
    return result.stdout + result.stderr


@pytest.fixture(scope="module")
def prefix(tmp_path_factory):
    """Installed, then moved: nothing in it knows where it was made."""
    build = find_build()
    if not build:
        pytest.skip("no build/release (cmake --preset release && cmake --build build/release)")
    first = install(build, tmp_path_factory.mktemp("package") / "first")
    return first.rename(first.parent / "moved")


@pytest.fixture(scope="module")
def flash(prefix, tmp_path_factory):
    folder = tmp_path_factory.mktemp("flash")
    (folder / "table.csv").write_text("nvs,data,nvs,0x9000,0x4000,\notadata,data,ota,0xd000,0x2000,\nota_0,app,ota_0,0x10000,1M,\nota_1,app,ota_1,,1M,\n")
    tool = prefix / "bin" / "esp-ota"
    run(tool, "image", "build", "--chip", "esp32", "--project", "p", "--version", "1", "-o", folder / "v1.bin")
    run(tool, "flash", "create", folder / "dev.bin", "--chip", "esp32", "--size", "4MB", "--partitions", folder / "table.csv",
        "--put", f"ota_0={folder / 'v1.bin'}")
    return folder / "dev.bin"


def test_a_cmake_project_finds_the_package_and_builds_firmware(prefix, flash, tmp_path):
    project = tmp_path / "simple"
    shutil.copytree(PROJECTS / "simple_v5", project)
    (project / "server_certs" / "ca_cert.pem").write_text("no certificate\n")
    build = tmp_path / "build"
    run("cmake", "-S", HERE / "cmake_user", "-B", build, "-GNinja", f"-DCMAKE_PREFIX_PATH={prefix}", f"-DPROJECT_TO_BUILD={project}")
    said = run("cmake", "--build", build, "-j2")
    assert "7.8.9" in said and "simple_v5" in said
    assert re.search(r"secure.version\D+3", said, re.IGNORECASE), said
    for name in ("user_c", "user_cpp", "user_shared_c", "user_shared_cpp"):
        assert "update: ESP_ERR_HTTP_CONNECT" in run(build / name, flash), name
    assert "libesp_https_ota.so.0" in run("ldd", build / "user_shared_c")
    assert "libesp_https_ota" not in run("ldd", build / "user_c")
    assert not list(project.glob("build*")), "the project's folder stays as it was"


@pytest.mark.parametrize("language, compiler", [("c", "gcc"), ("cpp", "g++")])
@pytest.mark.parametrize("kind", ["shared", "static"])
def test_pkg_config_says_how_to_build(prefix, flash, tmp_path, language, compiler, kind):
    env = {"PKG_CONFIG_PATH": str(prefix / "lib" / "pkgconfig")}
    words = run("pkg-config", "--cflags", "--libs", *(["--static"] if kind == "static" else []), "esp-https-ota", env=env).split()
    if kind == "static":
        words = [str(prefix / "lib" / "libesp_https_ota.a") if word == "-lesp_https_ota" else word for word in words]
    program = tmp_path / "program"
    run(compiler, HERE / f"user.{language}", "-o", program, *words)
    said = run(program, flash, env={"LD_LIBRARY_PATH": str(prefix / "lib")})
    assert "update: ESP_ERR_HTTP_CONNECT" in said
    assert run("pkg-config", "--modversion", "esp-https-ota", env=env).strip() == run(prefix / "bin" / "esp-ota", "--version").split()[1]


def test_every_header_and_name_that_applications_use_is_there(prefix, tmp_path):
    include = prefix / "include" / "esp-https-ota"
    run(sys.executable, HERE.parent / "compile" / "idf" / "symbols.py", "--cc", "gcc", "--cxx", "g++", "--list", HERE.parent / "compile" / "idf" / "symbols.txt",
        "--out", tmp_path, include / "include", include / "config",
        *(f"--link={word}" for word in (prefix / "lib" / "libesp_host_runtime.a", prefix / "lib" / "libesp_https_ota.a",
                                        "-lcurl", "-lssl", "-lcrypto", "-lz", "-lzstd", "-lpthread", "-lm")))


def test_a_missing_name_is_noticed(prefix, tmp_path):
    include = prefix / "include" / "esp-https-ota"
    (tmp_path / "list.txt").write_text("in esp_err.h\nfunction esp_err_to_name esp_no_such_function\n")
    result = subprocess.run([sys.executable, HERE.parent / "compile" / "idf" / "symbols.py", "--cc", "gcc", "--cxx", "g++", "--list", tmp_path / "list.txt",
                             "--out", tmp_path / "out", include / "include", include / "config"], text=True, capture_output=True)
    assert result.returncode == 1 and "esp_no_such_function" in result.stdout
