"""Throwaway certificates for one test run, made with the openssl program."""

import subprocess
from pathlib import Path


class Certificates:
    """Paths of PEM files below one folder: ca, which signed server (localhost and 127.0.0.1); each with its _key."""

    LOCAL = "subjectAltName=DNS:localhost,IP:127.0.0.1"

    def __init__(self, folder):
        self.folder = Path(folder)
        self.ca, self.ca_key = self.authority("ca")
        self.server, self.server_key = self.leaf("server", "localhost", self.LOCAL)

    def openssl(self, *args):
        result = subprocess.run(["openssl", *map(str, args)], cwd=self.folder, text=True, capture_output=True)
        assert result.returncode == 0, f"openssl {' '.join(map(str, args))}\n{result.stderr}"

    def authority(self, name):
        """A certificate that signs others, and its key."""
        certificate, key = self.folder / f"{name}.pem", self.folder / f"{name}.key"
        self.openssl("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2",
                     "-subj", f"/CN=throwaway {name}", "-keyout", key, "-out", certificate)
        return certificate, key

    def leaf(self, name, common_name, extension, start=None, end=None, authority="ca"):
        """A certificate that an authority signed, and its key; from start to end (YYYYMMDDHHMMSSZ), else for two days."""
        certificate, key, request = (self.folder / f"{name}{end}" for end in (".pem", ".key", ".csr"))
        self.openssl("req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
                     "-subj", f"/CN={common_name}", "-keyout", key, "-out", request)
        # Only `openssl ca` takes a start and an end; it wants a database and a config of its own.
        database = self.folder / f"{name}.db"
        database.write_text("")
        config = self.folder / f"{name}.cnf"
        config.write_text(f"[ca]\ndefault_ca=d\n[d]\ndatabase={database}\nnew_certs_dir={self.folder}\nrand_serial=yes\n"
                          f"default_md=sha256\npolicy=p\nx509_extensions=x\nunique_subject=no\n[p]\ncommonName=supplied\n[x]\n{extension}\n")
        dates = ["-startdate", start, "-enddate", end] if start else ["-days", "2"]
        self.openssl("ca", "-batch", "-notext", "-config", config, "-cert", self.folder / f"{authority}.pem",
                     "-keyfile", self.folder / f"{authority}.key", "-in", request, "-out", certificate, *dates)
        return certificate, key
