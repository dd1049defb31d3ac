"""update as far as no server is needed: options, and devices that cannot be updated."""

import json
import socket

import pytest

URL = "https://localhost:1/v2.bin"


@pytest.fixture
def dev(program, device):
    return device(factory=program.firmware("v1.bin"))


@pytest.fixture
def ca(certs):
    return certs.ca


@pytest.mark.parametrize("options, said", [
    ([URL], "--cacert"),
    (["http://localhost/v2.bin"], "--allow-http"),
    (["ftp://localhost/v2.bin", "--system-ca"], "https://"),
    (["v2.bin", "--system-ca"], "https://"),
    ([URL, "--system-ca", "--cert", "x"], "--cert and --key"),
    ([URL, "--system-ca", "--key-password-file", "x"], "goes with --key"),
    ([URL, "--system-ca", "--user", "nobody"], "NAME:PASSWORD"),
    ([URL, "--system-ca", "--header", "no colon"], "'NAME: VALUE'"),
    ([URL, "--system-ca", "--header", "A: b\r\nC: d"], "'NAME: VALUE'"),
    ([URL, "--system-ca", "--timeout", "0"], "seconds"),
    ([URL, "--system-ca", "--mirror", "http://localhost/v2.bin"], "--allow-http"),
    ([URL, "--system-ca", "--allow-http", "--mirror", "v2.bin"], "https://"),
    ([URL, "--system-ca", "--min-rate", "0"], "number"),
    ([URL, "--system-ca", "--rate-window", "0"], "seconds"),
    ([URL, "--system-ca", "--rollback", "maybe"], "on or off"),
    (["--system-ca"], "missing"),
    ([URL, URL, "--system-ca"], "too many"),
])
def test_wrong_usage_changes_nothing(program, dev, options, said):
    before = dev.flash.read_bytes()
    result = program.run("update", "--flash", dev.flash, *options)
    assert result.returncode == 2, result.shown
    assert said in result.stderr
    assert dev.flash.read_bytes() == before


def test_a_device_without_otadata_is_not_updated_in_vain(program, device, ca):
    table = "nvs, data, nvs, 0x9000, 0x4000,\nfactory, app, factory, 0x10000, 1M,\nota_0, app, ota_0, 0x110000, 1M,\nota_1, app, ota_1, 0x210000, 1M,\n"
    dev = device(table=table, factory=program.firmware("v1.bin"))
    before = dev.flash.read_bytes()
    result = program.failed("update", "--flash", dev.flash, "--cacert", ca, URL, "--json")
    assert json.loads(result.stdout)["result"] == "ESP_ERR_NOT_FOUND" and "no otadata partition" in result.stderr, result.shown
    assert dev.flash.read_bytes() == before


@pytest.mark.parametrize("option", ["--cacert", "--crlfile", "--key-password-file", "--user"])
def test_a_file_that_is_missing_is_named(program, dev, ca, option):
    value = "@absent" if option == "--user" else "absent"
    more = ["--cert", ca, "--key", ca] if option == "--key-password-file" else []
    more += [] if option == "--cacert" else ["--cacert", ca]
    result = program.failed("update", "--flash", dev.flash, *more, option, value, URL)
    assert "absent" in result.stderr


@pytest.mark.parametrize("content", ["", "no list", "-----BEGIN X509 CRL-----\nbm90aGluZw==\n-----END X509 CRL-----\n", "0\x03abc"])
def test_a_revocation_list_that_cannot_be_read_is_not_gone_without(program, dev, ca, content):
    (program.folder / "list.crl").write_text(content)
    result = program.failed("update", "--flash", dev.flash, "--cacert", ca, "--crlfile", "list.crl", "--retries", "0", URL)
    assert "revocation list" in result.stderr, result.shown


@pytest.mark.parametrize("as_json", [False, True])
def test_an_unreachable_host_leaves_the_device_as_it_was(program, dev, ca, as_json):
    with socket.socket() as closed:  # bound but not listening: nobody else gets the port, and it refuses
        closed.bind(("127.0.0.1", 0))
        url = f"https://user:secret@127.0.0.1:{closed.getsockname()[1]}/v2.bin"
        before = dev.flash.read_bytes()
        result = program.failed("update", "--flash", dev.flash, "--cacert", ca, "--retry-delay", "0.01", url, *(["--json"] if as_json else []))
    assert "ESP_ERR_HTTP_CONNECT" in result.stderr
    assert "secret" not in result.stderr + result.stdout
    assert dev.flash.read_bytes() == before
    if as_json:
        answer = json.loads(result.stdout)
        assert (answer["result"], answer["slot"], answer["bytes"]) == ("ESP_ERR_HTTP_CONNECT", None, 0)
        assert answer["error"]


def test_a_device_with_one_slot_that_runs_cannot_be_updated(program, ca):
    (program.folder / "t.csv").write_text("otadata, data, ota, , 0x2000\nota_0, app, ota_0, , 1M\n")
    image = program.firmware("v1.bin")
    program.done("flash", "create", "dev.bin", "--chip", "esp32", "--size", "4MB", "--partitions", "t.csv", "--put", f"ota_0={image}")
    before = (program.folder / "dev.bin").read_bytes()
    result = program.failed("update", "--flash", "dev.bin", "--cacert", ca, URL)
    assert "no OTA partition" in result.stderr
    assert (program.folder / "dev.bin").read_bytes() == before
