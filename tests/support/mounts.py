"""File systems for the time of a with block: full ones, read-only ones. Skips where this user may not mount."""

import subprocess

import pytest


class Mounted:
    """with Mounted(folder, "-t", "tmpfs", "-o", "size=1M", "tmpfs") as folder: ..."""

    def __init__(self, folder, *how):
        self.folder, self.how = folder, how

    def __enter__(self):
        self.folder.mkdir()
        result = subprocess.run(["mount", *map(str, self.how), self.folder], text=True, capture_output=True)
        if result.returncode != 0:
            pytest.skip(f"needs the right to mount: {result.stderr.strip().splitlines()[0]}")
        return self.folder

    def __exit__(self, *_):
        subprocess.run(["umount", self.folder], check=True)


def remount_read_only(folder):
    subprocess.run(["mount", "-o", "remount,bind,ro", folder], check=True)
