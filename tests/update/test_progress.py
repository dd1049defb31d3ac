"""What an update looks like on a terminal: a bar that fits, a rate that is true, messages on lines of their own."""

import fcntl
import os
import pty
import re
import struct
import subprocess
import termios

import pytest

from images import image
from raw_server import RawServer, head

GOOD = image(size=200_000, version="2.0.0")
HALF = 100_000


@pytest.fixture
def dev(device, program):
    return device(factory=program.firmware("v1.bin", version="1.0.0"))


def on_terminal(dev, *args, columns=80, terminal="xterm"):
    """Runs an update on a terminal of that width. Returns all that was written to it."""
    master, slave = pty.openpty()
    fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
    process = subprocess.Popen([dev.program.path, *map(str, args)], stdin=slave, stdout=slave, stderr=slave, close_fds=True,
                               env={**os.environ, "TERM": terminal})
    os.close(slave)
    shown = b""
    while True:
        try:
            part = os.read(master, 4096)
        except OSError:  # the last writer is gone
            break
        if not part:
            break
        shown += part
    process.wait()
    os.close(master)
    return shown.decode()


def bars(shown):
    return [line.split("\x1b")[0].rstrip("\n") for line in re.split(r"\r(?!\n)", shown)[1:]]


@pytest.mark.parametrize("columns", [200, 60, 40, 20, 8])
def test_a_bar_is_never_wider_than_the_terminal(dev, site, columns):
    shown = on_terminal(dev, *dev.update_args(site.url(f"stall/{HALF}/" + site.serve(GOOD)), "--cacert", site.ca),
                        "--retries", "0", "--timeout", "1", columns=columns)
    assert bars(shown), shown
    assert max(map(len, bars(shown))) < columns, shown
    assert ("####" in shown) == (columns >= 80), shown


def test_a_terminal_that_cannot_draw_gets_lines(dev, site):
    shown = on_terminal(dev, *dev.update_args(site.url(site.serve(GOOD)), "--cacert", site.ca), terminal="dumb")
    assert "\x1b" not in shown and not bars(shown) and "100%" in shown, shown


def test_a_warning_stands_on_a_line_of_its_own(dev, site):
    shown = on_terminal(dev, *dev.update_args(site.url(f"stall/{HALF}/" + site.serve(GOOD)), "--cacert", site.ca),
                        "--retries", "1", "--retry-delay", "0.1", "--timeout", "0.5")
    assert "warning: " in shown and bars(shown), shown
    assert all(before in ("", "\n") for before in re.findall(r"(.|\n|^)warning: ", shown)), shown


class SilentAfterHalf(RawServer):
    """The first connection gets half of the file, each later one a few bytes from where it asks on, and then nothing."""

    def __init__(self, certificates, data):
        self.data, self.is_first = data, True
        super().__init__(certificates, [])

    def _answer(self, stream):
        request = stream.recv(4096).decode()
        size = len(self.data)
        if self.is_first:
            self.is_first = False
            stream.sendall(head("200 OK", 'ETag: "x"', "Accept-Ranges: bytes", f"Content-Length: {size}") + self.data[:HALF])
            return
        start = int(re.search(r"range: bytes=(\d+)-", request, re.IGNORECASE).group(1))
        stream.sendall(head("206 Partial Content", 'ETag: "x"', f"Content-Range: bytes {start}-{size - 1}/{size}",
                            f"Content-Length: {size - start}") + self.data[start:start + 1000])
        stream.recv(1)  # until the client gives up


def test_the_rate_is_that_of_this_run(dev, site):
    """What an earlier run brought did not come now."""
    with SilentAfterHalf(site.certificates, GOOD) as server:
        args = [*dev.update_args(server.url("/v2.bin"), "--cacert", site.ca), "--retries", "0", "--timeout", "1.5"]
        dev.program.failed(*args)
        shown = on_terminal(dev, *args)
    assert "going on at byte" in shown, shown
    for number, unit in re.findall(r"([0-9.]+) (\w+)/s", shown):
        assert unit == "bytes" or (unit == "KB" and float(number) < 40), shown
