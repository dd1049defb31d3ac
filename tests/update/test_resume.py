"""An update that was stopped goes on where it ended, and begins anew whenever that would not be safe.

Each test stops a first run behind SENT bytes and looks at what a second one fetches.
"""

import ctypes
import gzip
import json
import os
import signal
import struct
import subprocess
import time

import pytest

from esp_ota import LIMIT_SECONDS, ROOT, slots_csv
from hostile import CUT, SILENCE, HostileServer, chunk, head, honest, steps
from images import image

CHECKPOINT, BUFFER = 64 << 10, 64 << 10
GOOD = image(size=300_000, version="2.0.0")
OTHER = image(size=300_000, version="3.0.0")
SENT = 200_000  # bytes that arrive in the first run
REFETCHED_MAX = CHECKPOINT + BUFFER


@pytest.fixture
def dev(device, program):
    return device(factory=program.firmware("v1.bin", version="1.0.0"))


def lead(data, count=SENT, *lines, etag='"one"', end=CUT):
    """The first count bytes of a file, and then the end of the connection."""
    return steps(head("200 OK", f"Content-Length: {len(data)}", f"ETag: {etag}", "Accept-Ranges: bytes", *lines) + data[:count], end)


def options(certs, *more):
    return ("--cacert", certs.ca, "--retry-delay", "0.01", *more)


def stopped(dev, server, certs, *more, url=None, result="ESP_FAIL"):
    """A first run whose connection ends: its answer."""
    run = dev.program.failed(*dev.update_args(url or server.url(), *options(certs, "--retries", "0", *more)), "--json")
    answer = json.loads(run.stdout)
    assert answer["result"] == result, run.shown
    return answer


def update(dev, server, certs, data, *more, url=None):
    """A second run, which must end well and install data: its answer."""
    answer = dev.update(url or server.url(), *options(certs, *more))
    assert dev.read("ota_0", len(data)) == data and dev.boot()["slot"] == "ota_0"
    return answer


def goes_on(answer, total=len(GOOD), sent=SENT):
    """Not one byte twice that need not be."""
    assert sent - REFETCHED_MAX <= answer["resumed_from"] <= sent, answer
    assert answer["received"] == total - answer["resumed_from"] and answer["restarts"] == 0, answer
    return True


def begins_anew(answer, total=len(GOOD)):
    assert (answer["resumed_from"], answer["received"]) == (0, total), answer
    return True


# ---------------------------------------------------------------------- what stops it

@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGKILL])
def test_after_a_signal_it_goes_on(dev, certs, number):
    before = dev.all_but("ota_0")
    with HostileServer(certs, [lead(GOOD, end=SILENCE), honest(GOOD)]) as server:
        command = [dev.program.path, *dev.update_args(server.url(), *options(certs, "--timeout", "60", "--json"))]
        with subprocess.Popen(list(map(str, command)), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
            wait_for_flash(dev, process, SENT // CHECKPOINT * CHECKPOINT)
            process.send_signal(number)
            out, err = process.communicate(timeout=LIMIT_SECONDS)
        assert "Sanitizer" not in err and dev.all_but("ota_0") == before
        if number == signal.SIGINT:
            assert process.returncode == 1 and json.loads(out)["result"] == "ESP_ERR_NOT_FINISHED" and "interrupted" in err
        answer = update(dev, server, certs, GOOD)
        assert goes_on(answer)
        assert server.requests[-1].start == answer["resumed_from"] and server.requests[-1].header("If-Range") == '"one"'


def wait_for_flash(dev, process, count):
    """Looks at the flash until the first count bytes stand there."""
    deadline = time.monotonic() + LIMIT_SECONDS
    while dev.read("ota_0", count) != GOOD[:count]:
        assert process.poll() is None, "it ended by itself:\n" + "".join(process.communicate())
        assert time.monotonic() < deadline, "nothing was written"
        time.sleep(0.01)  # poll; the program tells nobody when it writes


def test_after_a_lost_connection_it_goes_on(dev, certs):
    with HostileServer(certs, [lead(GOOD), honest(GOOD)]) as server:
        stopped(dev, server, certs)
        assert goes_on(update(dev, server, certs, GOOD))


def test_it_says_where_it_goes_on(dev, certs):
    with HostileServer(certs, [lead(GOOD), honest(GOOD)]) as server:
        stopped(dev, server, certs)
        run = dev.program.done(*dev.update_args(server.url(), *options(certs)))
        assert f"going on at byte {server.requests[-1].start}" in run.stderr, run.shown


def test_each_of_many_runs_goes_on(dev, certs):
    """A server that gives 70 000 bytes a connection: the update is complete after a handful of runs, not of bytes."""
    runs, received = 0, 0
    def stingy(connection, request):
        start = request.start or 0
        body = GOOD[start:start + 70_000]
        where = ["206 Partial Content", f"Content-Range: bytes {start}-{len(GOOD) - 1}/{len(GOOD)}"] if start else ["200 OK"]
        connection.send(head(*where, f"Content-Length: {len(GOOD) - start}", 'ETag: "one"') + body)
        connection.hang_up()
    with HostileServer(certs, [stingy]) as server:
        while server.requests == [] or answer["result"] != "ESP_OK":
            run = dev.program.run(*dev.update_args(server.url(), *options(certs, "--retries", "0")), "--json")
            answer, runs = json.loads(run.stdout), runs + 1
            received += answer["received"]
            assert runs < 10, run.shown
    assert dev.read("ota_0", len(GOOD)) == GOOD and received <= len(GOOD) + (runs - 1) * REFETCHED_MAX


def test_a_chunked_download_goes_on_when_the_server_has_ranges(dev, certs):
    chunked = head("200 OK", "Transfer-Encoding: chunked", 'ETag: "one"') + b"".join(chunk(GOOD[at:at + 10_000]) for at in range(0, SENT, 10_000))
    with HostileServer(certs, [steps(chunked, CUT), honest(GOOD)]) as server:
        stopped(dev, server, certs)
        assert goes_on(update(dev, server, certs, GOOD))


def test_a_chunked_download_goes_on_in_the_same_run(dev, certs):
    chunked = head("200 OK", "Transfer-Encoding: chunked", 'ETag: "one"') + b"".join(chunk(GOOD[at:at + 10_000]) for at in range(0, SENT, 10_000))
    with HostileServer(certs, [steps(chunked, CUT), honest(GOOD)]) as server:
        answer = update(dev, server, certs, GOOD)
        assert (answer["received"], answer["retries"], answer["restarts"]) == (len(GOOD), 1, 0)
        assert server.requests[-1].start == SENT


def test_ranges_of_a_chosen_size_go_on(dev, certs):
    with HostileServer(certs, [honest(GOOD)] * 3 + [steps(CUT), steps(CUT), honest(GOOD)]) as server:
        stopped(dev, server, certs, "--range-size", "65536")  # a first cut might be that of a kept connection
        assert goes_on(update(dev, server, certs, GOOD, "--range-size", "65536"), sent=3 * 65536)


# ---------------------------------------------------------------------- when it must not go on

def test_it_begins_anew_when_told_to(dev, certs):
    with HostileServer(certs, [lead(GOOD), honest(GOOD)]) as server:
        stopped(dev, server, certs)
        assert begins_anew(update(dev, server, certs, GOOD, "--no-resume"))
        assert server.requests[-1].start is None


def test_nothing_is_noted_when_told_not_to(dev, certs):
    with HostileServer(certs, [lead(GOOD), honest(GOOD)]) as server:
        stopped(dev, server, certs, "--no-resume")
        assert begins_anew(update(dev, server, certs, GOOD))


def test_another_url_begins_anew(dev, certs):
    with HostileServer(certs, [lead(GOOD), honest(GOOD)]) as server:
        stopped(dev, server, certs)
        assert begins_anew(update(dev, server, certs, GOOD, url=server.url("/other.bin")))
        assert server.requests[-1].start is None


@pytest.mark.parametrize("data, etag", [(OTHER, '"two"'), (OTHER + b"more" * 50, '"two"'), (OTHER, "")], ids=["same_length", "longer", "no_etag"])
def test_a_file_that_was_replaced_begins_anew_and_that_is_said(dev, certs, data, etag):
    with HostileServer(certs, [lead(GOOD), honest(data, etag=etag)]) as server:
        stopped(dev, server, certs)
        if etag:
            run = dev.program.done(*dev.update_args(server.url(), *options(certs)))
            assert "changed" in run.stderr, run.shown
        else:  # its ranges cannot be told apart from those of the old file; the image's digest does, and the next run has it
            run = dev.program.run(*dev.update_args(server.url(), *options(certs)))
            if run.returncode:
                assert dev.boot()["slot"] == "factory", run.shown
                update(dev, server, certs, data)
    assert dev.read("ota_0", len(data)) == data


def test_a_replaced_file_costs_one_download_of_the_new_one(dev, certs):
    with HostileServer(certs, [lead(GOOD), honest(OTHER, etag='"two"')]) as server:
        stopped(dev, server, certs)
        answer = update(dev, server, certs, OTHER)
    assert (answer["resumed_from"], answer["restarts"], answer["received"]) == (0, 1, len(OTHER))


@pytest.mark.parametrize("at", [0, 1000, 65_535, 131_071])
def test_flash_that_changed_meanwhile_begins_anew_and_that_is_said(dev, certs, at):
    with HostileServer(certs, [lead(GOOD), honest(GOOD)]) as server:
        stopped(dev, server, certs)
        dev.overwrite(dev.layout["ota_0"][0] + at, bytes([GOOD[at] ^ 0x10]))
        run = dev.program.done(*dev.update_args(server.url(), *options(certs)))
        assert "flash does not hold" in run.stderr, run.shown
    assert dev.read("ota_0", len(GOOD)) == GOOD and dev.boot()["slot"] == "ota_0"


def test_a_journal_that_was_damaged_is_none(dev, certs):
    with HostileServer(certs, [lead(GOOD), honest(GOOD)]) as server:
        stopped(dev, server, certs)
        offset, size = dev.layout["ota_0"]
        dev.overwrite(offset + size - 8192, bytes(8192))
        assert begins_anew(update(dev, server, certs, GOOD))


def test_a_server_without_ranges_begins_anew(dev, certs):
    whole = steps(head("200 OK", f"Content-Length: {len(GOOD)}", 'ETag: "one"') + GOOD, counts=False)
    with HostileServer(certs, [lead(GOOD), whole]) as server:
        stopped(dev, server, certs)
        answer = update(dev, server, certs, GOOD)
    assert (answer["resumed_from"], answer["restarts"], answer["received"]) == (0, 1, len(GOOD))


def test_nothing_is_continued_after_a_complete_update(dev, certs):
    with HostileServer(certs, [lead(GOOD), honest(GOOD)]) as server:
        stopped(dev, server, certs)
        update(dev, server, certs, GOOD)
        answer = dev.update(server.url(), *options(certs))
    assert begins_anew(answer) and answer["slot"] == "ota_1"


def test_a_refused_image_is_not_continued(dev, certs):
    broken = GOOD[:250_000] + bytes([GOOD[250_000] ^ 1]) + GOOD[250_001:]
    with HostileServer(certs, [honest(broken)]) as server:
        stopped(dev, server, certs, result="ESP_ERR_OTA_VALIDATE_FAILED")
        server.behave(honest(GOOD))
        assert begins_anew(update(dev, server, certs, GOOD))


# ---------------------------------------------------------------------- images that leave no room for the journal

@pytest.mark.parametrize("below", [0, 4096, 8176])
def test_an_image_that_needs_the_last_8_kib_is_installed_but_not_continued(device, program, certs, below):
    slot = 0x40000
    dev = device(table=slots_csv(2, slot, factory_size=0x20000), size="1MB", factory=program.firmware("v1.bin"))
    data = image(size=slot - below, version="2.0.0")
    with HostileServer(certs, [lead(data), honest(data)]) as server:
        stopped(dev, server, certs)
        assert begins_anew(update(dev, server, certs, data), len(data))


def test_an_image_that_ends_right_before_the_last_8_kib_is_continued(device, program, certs):
    slot = 0x40000
    dev = device(table=slots_csv(2, slot, factory_size=0x20000), size="1MB", factory=program.firmware("v1.bin"))
    data = image(size=slot - 8192, version="2.0.0")
    with HostileServer(certs, [lead(data), honest(data)]) as server:
        stopped(dev, server, certs)
        assert goes_on(update(dev, server, certs, data), len(data))


# ---------------------------------------------------------------------- packed and encrypted images

def test_a_gzip_file_begins_anew(dev, certs):
    data = gzip.compress(GOOD, mtime=0)
    with HostileServer(certs, [lead(data), honest(data)]) as server:
        stopped(dev, server, certs)
        assert begins_anew(update(dev, server, certs, GOOD), len(data))


def test_a_gzip_file_goes_on_in_the_same_run(dev, certs):
    data = gzip.compress(GOOD, mtime=0)
    with HostileServer(certs, [lead(data), honest(data)]) as server:
        answer = update(dev, server, certs, GOOD)
    assert (answer["received"], answer["retries"], answer["bytes"]) == (len(data), 1, len(GOOD))


KEYS = ROOT / "tests" / "vectors" / "data" / "preenc"


def aes_256_gcm(key, iv, data):
    """(ciphertext, tag), by the libcrypto that is loaded with Python's ssl."""
    crypto = ctypes.CDLL("libcrypto.so.3")
    for name in ("EVP_CIPHER_CTX_new", "EVP_aes_256_gcm"):
        getattr(crypto, name).restype = ctypes.c_void_p
    context, cipher = ctypes.c_void_p(crypto.EVP_CIPHER_CTX_new()), ctypes.c_void_p(crypto.EVP_aes_256_gcm())
    out, tag, count = ctypes.create_string_buffer(len(data) + 16), ctypes.create_string_buffer(16), ctypes.c_int()
    set_iv_len, get_tag = 0x9, 0x10  # fact: openssl/evp.h, EVP_CTRL_AEAD_SET_IVLEN and EVP_CTRL_AEAD_GET_TAG
    done = [crypto.EVP_EncryptInit_ex(context, cipher, None, None, None),
            crypto.EVP_CIPHER_CTX_ctrl(context, set_iv_len, len(iv), None),
            crypto.EVP_EncryptInit_ex(context, None, None, key, iv),
            crypto.EVP_EncryptUpdate(context, out, ctypes.byref(count), data, len(data)),
            crypto.EVP_EncryptFinal_ex(context, ctypes.create_string_buffer(16), ctypes.byref(ctypes.c_int())),
            crypto.EVP_CIPHER_CTX_ctrl(context, get_tag, 16, tag)]
    crypto.EVP_CIPHER_CTX_free(context)
    assert done == [1] * 6 and count.value == len(data)
    return out.raw[:len(data)], tag.raw


def pre_encrypted(data):
    """fact: layout as in SPEC.md "Pre-encrypted images"."""
    key, iv = os.urandom(32), os.urandom(16)
    sealed_key = subprocess.run(["openssl", "pkeyutl", "-encrypt", "-pubin", "-inkey", KEYS / "rsa_pub_key.pem"],
                                input=key, capture_output=True, check=True).stdout
    cipher, tag = aes_256_gcm(key, iv, data)
    return struct.pack("<4s384s16sI16s88x", b"\xcf\xb6\x88\x07", sealed_key, iv, len(data), tag) + cipher


@pytest.fixture
def decrypt():
    return ("--decrypt-key", KEYS / "rsa_priv_key.pem")


def test_a_pre_encrypted_image_goes_on(dev, certs, decrypt):
    data = pre_encrypted(GOOD)
    with HostileServer(certs, [lead(data), honest(data)]) as server:
        stopped(dev, server, certs, *decrypt)
        assert goes_on(update(dev, server, certs, GOOD, *decrypt), len(data))


def test_a_pre_encrypted_image_goes_on_in_the_same_run(dev, certs, decrypt):
    data = pre_encrypted(GOOD)
    with HostileServer(certs, [lead(data), honest(data)]) as server:
        answer = update(dev, server, certs, GOOD, *decrypt)
    assert (answer["received"], answer["retries"]) == (len(data), 1)


def test_a_pre_encrypted_image_that_was_damaged_behind_the_stop_is_refused(dev, certs, decrypt):
    """The tag covers what the first run decrypted and what the second did. It is fetched once more, as a whole."""
    data = pre_encrypted(GOOD + b"data behind the image" * 10)
    damaged = data[:-5] + bytes([data[-5] ^ 1]) + data[-4:]
    with HostileServer(certs, [lead(data), honest(damaged)]) as server:
        stopped(dev, server, certs, *decrypt)
        before = dev.all_but("ota_0")
        run = dev.program.failed(*dev.update_args(server.url(), *options(certs, *decrypt)), "--json")
        assert json.loads(run.stdout)["restarts"] == 1 and dev.all_but("ota_0") == before, run.shown
        assert [request.start for request in server.requests[1:]] == [server.requests[1].start, None] and server.requests[1].start > 0
        assert dev.boot()["slot"] == "factory"
        server.behave(honest(data))
        update(dev, server, certs, GOOD, *decrypt)


def test_a_pre_encrypted_image_begins_anew_without_its_key(dev, certs, decrypt):
    data = pre_encrypted(GOOD)
    with HostileServer(certs, [lead(data), honest(data)]) as server:
        stopped(dev, server, certs, *decrypt)
        dev.refused("ESP_ERR_OTA_VALIDATE_FAILED", server.url(), *options(certs), writes_to="ota_0")
        update(dev, server, certs, GOOD, *decrypt)
