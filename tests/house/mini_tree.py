"""A small source tree that obeys every layer rule, built with the real cmake/ota.cmake.

Each test copies it, plants one violation and expects one of the three checks to notice.
"""

import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent

TOP = """
cmake_minimum_required(VERSION 3.25)
project(mini C)
set(BUILD_TESTING OFF)
include(cmake/flags.cmake)
include(cmake/ota.cmake)
foreach(dir components/esp_common components/spi_flash components/bootloader_support components/esp_partition
        port/posix)
    add_subdirectory(${dir})
endforeach()
ota_write_layers()
"""

FILES = {
    "CMakeLists.txt": TOP,
    "components/esp_common/CMakeLists.txt": "ota_component(esp_common SRCS src/esp_err.c)\n",
    "components/esp_common/include/esp_err.h": "#pragma once\ntypedef int esp_err_t;\nconst char *esp_err_to_name(esp_err_t code);\n",
    "components/esp_common/src/esp_err.c":
        '#include "esp_err.h"\nconst char *esp_err_to_name(esp_err_t code)\n{\n    return code ? "FAIL" : "OK";\n}\n',
    "components/spi_flash/CMakeLists.txt": "ota_component(spi_flash SRCS src/spi_flash.c REQUIRES esp_common)\n",
    "components/spi_flash/include/flash_ops.h":
        '#pragma once\n#include "esp_err.h"\n/** The seam. */\nesp_err_t chip_read(void *out, unsigned len);\n'
        "esp_err_t flash_read(void *out, unsigned len);\n",
    "components/spi_flash/src/spi_flash.c":
        '#include "flash_ops.h"\n#include <string.h>\nesp_err_t flash_read(void *out, unsigned len)\n{\n'
        "    memset(out, 0, len);\n    return chip_read(out, len);\n}\n",
    "components/bootloader_support/CMakeLists.txt":
        "ota_component(bootloader_support SRCS src/otadata.c REQUIRES esp_common PRIV_REQUIRES spi_flash)\n",
    "components/bootloader_support/include/otadata.h": '#pragma once\n#include "esp_err.h"\nesp_err_t otadata_select(int *slot);\n',
    "components/bootloader_support/src/otadata.c":
        '#include "otadata.h"\n#include "flash_ops.h"\nesp_err_t otadata_select(int *slot)\n{\n'
        "    return flash_read(slot, sizeof(*slot));\n}\n",
    "components/esp_partition/CMakeLists.txt":
        "ota_component(esp_partition SRCS src/partition.c REQUIRES esp_common PRIV_REQUIRES spi_flash)\n",
    "components/esp_partition/include/esp_partition.h": '#pragma once\n#include "esp_err.h"\nesp_err_t esp_partition_read(void *out);\n',
    "components/esp_partition/src/partition.c":
        '#include "esp_partition.h"\n#include "flash_ops.h"\n#include <stdlib.h>\nesp_err_t esp_partition_read(void *out)\n{\n'
        "    void *copy = malloc(4);\n    free(copy);\n    return flash_read(out, 4);\n}\n",
    "port/posix/CMakeLists.txt": "ota_port(port_posix SRCS src/chip.c REQUIRES spi_flash PRIV_REQUIRES esp_common)\n",
    "port/posix/src/chip.c":
        '#define _POSIX_C_SOURCE 200809L\n#include "flash_ops.h"\n#include <unistd.h>\nesp_err_t chip_read(void *out, unsigned len)\n{\n'
        "    return read(0, out, len) == (ssize_t)len ? 0 : -1;\n}\n",
}


class MiniTree:
    def __init__(self, folder):
        self.folder = folder
        for name, text in FILES.items():
            self.write(name, text)
        shutil.copytree(ROOT / "cmake", folder / "cmake")

    def write(self, name, text):
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)

    def append(self, name, text):
        self.write(name, (self.folder / name).read_text() + text)

    def replace(self, name, old, new):
        text = (self.folder / name).read_text()
        assert old in text, f"the planted violation does not fit {name} any more"
        self.write(name, text.replace(old, new))

    def build(self, *targets):
        """Configures and builds; the finished process with stdout and stderr together."""
        for command in (
            ["cmake", "-G", "Ninja", "-S", ".", "-B", "build", "-DCMAKE_BUILD_TYPE=Debug"],
            ["cmake", "--build", "build", "-j2", *(["--target", *targets] if targets else [])],
        ):
            result = subprocess.run(command, cwd=self.folder, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
            if result.returncode:
                break
        return result

    def built(self):
        result = self.build()
        assert result.returncode == 0, result.stdout
        return self

    def check_layers(self):
        return self.run_tool("check_layers.py")

    def run_tool(self, name):
        command = [sys.executable, ROOT / "tools" / name, "--root", self.folder, "--build", self.folder / "build"]
        return subprocess.run(command, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
