"""ESP-IDF projects as firmware of virtual devices."""

import itertools
import shutil
from pathlib import Path

from .program import Program


class Firmware:
    """A project that was built once: every version of it is packed from the same program."""

    def __init__(self, esp_ota, build_dir):
        self.esp_ota = esp_ota
        self.build_dir = Path(build_dir)
        self.elf = self.build_dir / "firmware.stripped"
        self.partitions = self.build_dir / "partitions.csv"
        self.flash_size = (self.build_dir / "flash_size").read_text().strip()
        self.rollback = (self.build_dir / "rollback").read_text().strip()  # "on" or "off", by CONFIG_BOOTLOADER_APP_ROLLBACK_ENABLE

    def image(self, version=None, *options, name=None):
        """The program as an image -> its file. version: as it was built if None; options: more of `esp-ota image build`."""
        path = self.build_dir / (name or f"image-{version or 'as-built'}-{'-'.join(map(str, options)).replace('/', '_')}.bin")
        words = ["--version", version] if version else []
        self.esp_ota.done("image", "build", "--chip", "linux", "--elf", self.elf, "--app-rollback", self.rollback, *words, *options, "-o", path)
        return path


class Builder:
    def __init__(self, program, folder):
        self.esp_ota = Program(program, folder)
        self.folder = Path(folder)
        self.built = {}
        self.numbers = itertools.count(1)

    def build(self, project, *, version=None, config=None, files=None, defaults=(), options=()):
        """Builds the ESP-IDF project in a folder -> Firmware. The folder is not written to. The same words get the same answer.

        version   of the application, if not the project's own
        config    {name without CONFIG_: value}, over sdkconfig.defaults; values as there, True and False are y and n
        files     {path in the project: file}: builds a copy of the project with these files in it, e.g. a CA certificate
        defaults  more files like sdkconfig.defaults
        options   more of `esp-ota project build`
        """
        project = Path(project).resolve()
        key = (project, version, repr(sorted((config or {}).items())), repr(sorted((files or {}).items())), tuple(defaults), tuple(options))
        if key not in self.built:
            self.built[key] = self._build(project, version, config or {}, files or {}, defaults, options)
        return self.built[key]

    def _build(self, project, version, config, files, defaults, options):
        folder = self.folder / f"{project.name}-{next(self.numbers)}"
        folder.mkdir()
        source = self._copy(project, folder / "project", files) if files else project
        words = ["--version", version] if version else []
        words += [word for name, value in config.items() for word in ("--config", f"{name}={setting(value)}")]
        words += [word for file in defaults for word in ("--sdkconfig-defaults", Path(file).resolve())]
        self.esp_ota.done("project", "build", source, "--build-dir", folder / "build", "-o", folder / f"{project.name}.bin", *words, *options)
        return Firmware(self.esp_ota, folder / "build")

    @staticmethod
    def _copy(project, copy, files):
        shutil.copytree(project, copy, ignore=shutil.ignore_patterns("build", ".git", "__pycache__"))
        for name, file in files.items():
            (copy / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(file, copy / name)
        return copy


def setting(value):
    return "y" if value is True else "n" if value is False else value
