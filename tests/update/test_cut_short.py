"""Updates that stop in the middle: the old firmware still boots, and the same update then succeeds."""

import json
import os
import signal
import socket
import subprocess
import time

import pytest

from esp_ota import LIMIT_SECONDS
from images import image

GOOD = image(size=200_000, version="2.0.0")
SENT = 100_000  # bytes that arrive before the server falls silent


@pytest.fixture
def dev(device, program):
    dev = device(factory=program.firmware("v1.bin", version="1.0.0"))
    dev.boot()
    return dev


class Running:
    """An update that waits for a silent server; on leaving it is gone."""

    def __init__(self, dev, site):
        self.dev = dev
        url = site.url(f"stall/{SENT}/" + site.serve(GOOD))
        command = [dev.program.path, *dev.update_args(url, "--cacert", site.ca, "--timeout", "60")]
        self.process = subprocess.Popen(list(map(str, command)), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)

    def __enter__(self):
        self._wait_until_it_writes()
        return self.process

    def __exit__(self, *_):
        if self.process.poll() is None:
            self.process.kill()
        self.process.communicate()

    def _wait_until_it_writes(self):
        """Looks at the flash until the middle of what was sent stands there."""
        deadline = time.monotonic() + LIMIT_SECONDS
        while self.dev.read("ota_0", SENT // 2) != GOOD[:SENT // 2]:
            assert self.process.poll() is None, "it ended by itself:\n" + "".join(self.process.communicate())
            assert time.monotonic() < deadline, "nothing was written"
            time.sleep(0.01)  # poll; the program tells nobody when it writes


def still_boots_and_updates(dev, site):
    boot = dev.boot()
    assert (boot["slot"], boot["version"]) == ("factory", "1.0.0")
    dev.update(site.url(site.serve(GOOD)), "--cacert", site.ca)
    boot = dev.boot()
    assert (boot["slot"], boot["version"]) == ("ota_0", "2.0.0") and dev.read("ota_0", len(GOOD)) == GOOD


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGKILL])
def test_a_signal_in_the_middle(dev, site, number):
    if number != signal.SIGKILL and signal.getsignal(number) == signal.SIG_IGN:
        pytest.skip("started with this signal ignored, as under nohup")
    before = dev.all_but("ota_0")
    with Running(dev, site) as process:
        process.send_signal(number)
        _, errors = process.communicate(timeout=LIMIT_SECONDS)
    assert process.returncode not in (0, 2) and "Sanitizer" not in errors
    assert dev.all_but("ota_0") == before
    still_boots_and_updates(dev, site)


def test_ctrl_c_while_connecting_does_not_wait_for_the_timeout(dev):
    """The server takes the connection and says nothing: no TLS, no answer."""
    if signal.getsignal(signal.SIGINT) == signal.SIG_IGN:
        pytest.skip("started with this signal ignored, as under nohup")
    before = dev.all_but()
    with socket.create_server(("127.0.0.1", 0)) as listener:
        url = f"https://localhost:{listener.getsockname()[1]}/v2.bin"
        command = [dev.program.path, *dev.update_args(url, "--system-ca", "--timeout", "600", "--json")]
        process = subprocess.Popen(list(map(str, command)), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        connection, _ = listener.accept()
        process.send_signal(signal.SIGINT)
        output, errors = process.communicate(timeout=LIMIT_SECONDS)
        connection.close()
    assert process.returncode == 1 and json.loads(output)["result"] == "ESP_ERR_NOT_FINISHED", errors
    assert "interrupted" in errors and "trying again" not in errors, errors
    assert dev.all_but() == before


def test_a_second_update_of_the_same_device_is_refused_meanwhile(dev, site):
    with Running(dev, site):
        result = dev.program.failed(*dev.update_args(site.url(site.serve(GOOD, "other.bin")), "--cacert", site.ca))
        assert "in use" in result.stderr
        result = dev.program.failed("boot", "--flash", dev.flash)
        assert "in use" in result.stderr
    still_boots_and_updates(dev, site)


@pytest.mark.slow
def test_a_server_that_falls_silent_is_given_up(device, program, site):
    """At every stage. All at once, as each waits for its timeout."""
    v1 = program.firmware("v1.bin", version="1.0.0")
    with socket.create_server(("127.0.0.1", 0)) as mute:  # the kernel accepts, nobody speaks
        urls = {f"stall/{count}": (site.url(f"stall/{count}/" + site.serve(GOOD)), "ESP_ERR_HTTP_READ_TIMEOUT") for count in (0, 500, SENT)}
        urls["mute"] = (f"https://localhost:{mute.getsockname()[1]}/v2.bin", "ESP_ERR_HTTP_CONNECT")
        waiting = []
        for number, (url, result) in enumerate(urls.values()):
            dev = device(f"dev{number}", factory=v1)
            command = [program.path, *dev.update_args(url, "--cacert", site.ca, "--timeout", "0.5", "--retries", "0", "--json")]
            waiting.append((dev, dev.all_but("ota_0"), result, subprocess.Popen(
                list(map(str, command)), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)))
        for dev, before, result, process in waiting:
            try:
                answer, errors = process.communicate(timeout=LIMIT_SECONDS)
            finally:
                process.kill()
            assert process.returncode == 1 and json.loads(answer)["result"] == result, answer + errors
            assert errors.startswith("error: ") and dev.all_but("ota_0") == before, errors
            still_boots_and_updates(dev, site)


def test_standard_output_may_be_closed(dev, site):
    """A reader that went away is a failure to report, never half an update."""
    read_end, write_end = os.pipe()
    os.close(read_end)
    command = [dev.program.path, *dev.update_args(site.url(site.serve(GOOD)), "--cacert", site.ca, "--json")]
    result = subprocess.run(list(map(str, command)), stdin=subprocess.DEVNULL, stdout=write_end, stderr=subprocess.PIPE, text=True)
    os.close(write_end)
    assert result.returncode == 1 and "Sanitizer" not in result.stderr
    assert dev.boot()["version"] == "2.0.0"
