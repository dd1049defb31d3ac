"""Throwaway certificates for one test run, made with the openssl program."""

import subprocess
from pathlib import Path

KEY_PASSWORD = "open sesame"


class Certificates:
    """Paths of PEM files below one folder.

    ca            signs server, expired, wrong_name and client
    server        localhost and 127.0.0.1
    expired       the same names, over since 2021
    wrong_name    another.example
    other         localhost, signed by other_ca, which no client trusts
    client        for servers that ask; client_encrypted_key is its key under KEY_PASSWORD
    """

    def __init__(self, folder):
        self.folder = Path(folder)
        self.ca, self.ca_key = self._authority("ca")
        self.other_ca, self.other_ca_key = self._authority("other_ca")
        local = "subjectAltName=DNS:localhost,IP:127.0.0.1"
        self.server, self.server_key = self._leaf("server", "localhost", local)
        self.expired, self.expired_key = self._leaf("expired", "localhost", local, "20200101000000Z", "20210101000000Z")
        self.wrong_name, self.wrong_name_key = self._leaf("wrong_name", "another.example", "subjectAltName=DNS:another.example")
        self.other, self.other_key = self._leaf("other", "localhost", local, authority="other_ca")
        self.client, self.client_key = self._leaf("client", "a device", "extendedKeyUsage=clientAuth")
        self.client_encrypted_key = self.folder / "client_encrypted.key"
        self._openssl("pkey", "-in", self.client_key, "-aes256", "-passout", f"pass:{KEY_PASSWORD}", "-out", self.client_encrypted_key)

    def _openssl(self, *args):
        result = subprocess.run(["openssl", *map(str, args)], cwd=self.folder, text=True, capture_output=True)
        assert result.returncode == 0, f"openssl {' '.join(map(str, args))}\n{result.stderr}"

    def _authority(self, name):
        certificate, key = self.folder / f"{name}.pem", self.folder / f"{name}.key"
        self._openssl("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2",
                      "-subj", f"/CN=throwaway {name}", "-keyout", key, "-out", certificate)
        return certificate, key

    def _leaf(self, name, common_name, extension, start=None, end=None, authority="ca"):
        certificate, key, request = (self.folder / f"{name}{end}" for end in (".pem", ".key", ".csr"))
        self._openssl("req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
                      "-subj", f"/CN={common_name}", "-keyout", key, "-out", request)
        # Only `openssl ca` takes a start and an end; it wants a database and a config of its own.
        database = self.folder / f"{name}.db"
        database.write_text("")
        config = self.folder / f"{name}.cnf"
        config.write_text(f"[ca]\ndefault_ca=d\n[d]\ndatabase={database}\nnew_certs_dir={self.folder}\nrand_serial=yes\n"
                          f"default_md=sha256\npolicy=p\nx509_extensions=x\nunique_subject=no\n[p]\ncommonName=supplied\n[x]\n{extension}\n")
        dates = ["-startdate", start, "-enddate", end] if start else ["-days", "2"]
        self._openssl("ca", "-batch", "-notext", "-config", config, "-cert", self.folder / f"{authority}.pem",
                      "-keyfile", self.folder / f"{authority}.key", "-in", request, "-out", certificate, *dates)
        return certificate, key
