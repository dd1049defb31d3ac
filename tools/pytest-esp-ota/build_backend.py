"""Makes the wheel for pip with what Python brings: PEP 517 and 660, for a package of pure Python and its entry point.

pyproject.toml is the only place where names and versions stand.
"""

import base64
import hashlib
import tomllib
import zipfile
from pathlib import Path

HERE = Path(__file__).resolve().parent
PACKAGE = "pytest_esp_ota"


def build_wheel(wheel_directory, config_settings=None, metadata_directory=None):
    files = {path.relative_to(HERE).as_posix(): path.read_bytes() for path in sorted((HERE / PACKAGE).glob("*.py"))}
    return write_wheel(wheel_directory, files)


def build_editable(wheel_directory, config_settings=None, metadata_directory=None):
    return write_wheel(wheel_directory, {f"__editable__.{PACKAGE}.pth": f"{HERE}\n".encode()})


def write_wheel(folder, files):
    project = tomllib.loads((HERE / "pyproject.toml").read_text())["project"]
    info = f"{PACKAGE}-{project['version']}.dist-info"
    files = {**files, f"{info}/METADATA": metadata(project), f"{info}/entry_points.txt": entry_points(project),
             f"{info}/WHEEL": b"Wheel-Version: 1.0\nGenerator: build_backend\nRoot-Is-Purelib: true\nTag: py3-none-any\n"}
    files[f"{info}/RECORD"] = "".join([*map(record, files.items()), f"{info}/RECORD,,\n"]).encode()
    name = f"{PACKAGE}-{project['version']}-py3-none-any.whl"
    with zipfile.ZipFile(Path(folder) / name, "w", zipfile.ZIP_DEFLATED) as wheel:
        for path, data in files.items():
            wheel.writestr(zipfile.ZipInfo(path), data)  # a fixed date: the same sources make the same wheel
    return name


def metadata(project):
    lines = ["Metadata-Version: 2.1", f"Name: {project['name']}", f"Version: {project['version']}", f"Summary: {project['description']}",
             f"License: {project['license']['text']}", f"Requires-Python: {project['requires-python']}",
             *(f"Requires-Dist: {word}" for word in project["dependencies"]), "Classifier: Framework :: Pytest"]
    return ("\n".join(lines) + "\n").encode()


def entry_points(project):
    lines = []
    for group, entries in project["entry-points"].items():
        lines += [f"[{group}]", *(f"{name} = {value}" for name, value in entries.items())]
    return ("\n".join(lines) + "\n").encode()


def record(item):
    path, data = item
    digest = base64.urlsafe_b64encode(hashlib.sha256(data).digest()).rstrip(b"=").decode()
    return f"{path},sha256={digest},{len(data)}\n"
