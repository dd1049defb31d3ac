"""Certificates no client should take, and some odd ones it may."""

import subprocess

LOCAL = "subjectAltName=DNS:localhost,IP:127.0.0.1"
EC = ("ec", "-pkeyopt", "ec_paramgen_curve:P-256")
USUAL = ("20200101000000Z", "20991231000000Z")


class HostileCertificates:
    """get(name) -> (chain, key), made at the first call; `certificates` is the usual Certificates, whose ca is trusted."""

    def __init__(self, certificates):
        self.certificates = certificates
        self.folder = certificates.folder
        leaf = self._leaf
        self.made = {
            "not_yet_valid": leaf("not_yet_valid", dates=("20980101000000Z", "20991231000000Z")),
            "rsa_1024": leaf("rsa_1024", key=("rsa:1024",)),
            "rsa_512": leaf("rsa_512", key=("rsa:512",)),
            "sha1": leaf("sha1", digest="sha1"),
            "client_only": leaf("client_only", LOCAL + "\nextendedKeyUsage=clientAuth"),
            "unknown_critical": leaf("unknown_critical", LOCAL + "\n1.2.3.4.5=critical,ASN1:UTF8String:what is this"),
            "other_address": leaf("other_address", "subjectAltName=IP:127.0.0.2"),
            "common_name_elsewhere": leaf("common_name_elsewhere", "subjectAltName=DNS:another.example"),
            "partial_wildcard": leaf("partial_wildcard", "subjectAltName=DNS:*"),
            "name_with_nul": leaf("name_with_nul", "subjectAltName=DNS:localhost.evil.example"),
            "self_signed": self._self_signed(),
            "missing_intermediate": self._below("intermediate", "basicConstraints=critical,CA:true", sends_issuer=False),
            "with_intermediate": self._below("intermediate2", "basicConstraints=critical,CA:true", sends_issuer=True),
            "leaf_as_issuer": self._below("no_authority", "basicConstraints=critical,CA:false", sends_issuer=True),
            "forbidden_by_name": self._below("narrow", "basicConstraints=critical,CA:true\nnameConstraints=critical,permitted;DNS:example.org", sends_issuer=True),
            "expired_intermediate": self._below("old", "basicConstraints=critical,CA:true", sends_issuer=True,
                                                dates=("20200101000000Z", "20210101000000Z")),
            "another_key": self._below("twin", "basicConstraints=critical,CA:true", sends_issuer="other_twin"),
            "distribution_point": leaf("distribution_point", LOCAL + "\ncrlDistributionPoints=URI:http://127.0.0.1:1/none.crl"),
            "must_staple": leaf("must_staple", LOCAL + "\ntlsfeature=status_request"),
            "responder": leaf("responder", LOCAL + "\nauthorityInfoAccess=OCSP;URI:http://127.0.0.1:1/"),
            "revoked": leaf("revoked", LOCAL + "\ncrlDistributionPoints=URI:http://127.0.0.1:1/none.crl"),
            "revoked_intermediate": self._below("withdrawn", "basicConstraints=critical,CA:true", sends_issuer=True),
        }
        for name in ("revoked", "withdrawn"):
            self._ca(name, "-revoke", f"hostile_{name}.pem")
        self.crls = {
            "nothing": self._crl("must_staple"),
            "leaf": self._crl("revoked"),
            "leaf_over": self._crl("revoked", "leaf_over", "-crl_lastupdate", "20200101000000Z", "-crl_nextupdate", "20210101000000Z"),
            "stranger": self._crl("must_staple", "stranger", authority="other_ca"),
            "intermediate": self._crl("withdrawn", "intermediate"),
        }
        below = self._crl("below_withdrawn", "below", authority="hostile_withdrawn")
        self.crls["intermediate"].write_text(self.crls["intermediate"].read_text() + below.read_text())

    def get(self, name):
        return self.made[name] or None

    def _openssl(self, *args):
        result = subprocess.run(["openssl", *map(str, args)], cwd=self.folder, text=True, capture_output=True)
        assert result.returncode == 0, f"openssl {' '.join(map(str, args))}\n{result.stderr}"

    def _leaf(self, name, extensions=LOCAL, key=EC, digest="sha256", dates=USUAL, authority="ca"):
        certificate, private, request, config, database = (self.folder / f"hostile_{name}{end}" for end in (".pem", ".key", ".csr", ".cnf", ".db"))
        database.write_text("")
        config.write_text(f"[ca]\ndefault_ca=d\n[d]\ndatabase={database}\nnew_certs_dir={self.folder}\nrand_serial=yes\n"
                          f"default_md={digest}\npolicy=p\nx509_extensions=x\nunique_subject=no\n[p]\ncommonName=supplied\n[x]\n{extensions}\n")
        self._openssl("req", "-newkey", *key, "-nodes", "-subj", "/CN=localhost", "-keyout", private, "-out", request)
        self._openssl("ca", "-batch", "-notext", "-config", config, "-cert", self.folder / f"{authority}.pem", "-keyfile",
                      self.folder / f"{authority}.key", "-in", request, "-out", certificate, "-startdate", dates[0], "-enddate", dates[1])
        return certificate, private

    def _ca(self, name, *args, authority="ca"):
        self._openssl("ca", "-config", self.folder / f"hostile_{name}.cnf", "-cert", self.folder / f"{authority}.pem",
                      "-keyfile", self.folder / f"{authority}.key", *args)

    def _crl(self, name, as_name="", *args, authority="ca"):
        """The revocation list of the one certificate in this database."""
        path = self.folder / f"hostile_{as_name or name}.crl"
        self._ca(name, "-gencrl", "-out", path, *(args or ("-crldays", "2")), authority=authority)
        return path

    def _self_signed(self):
        certificate, private = self.folder / "hostile_self.pem", self.folder / "hostile_self.key"
        self._openssl("req", "-x509", "-newkey", *EC, "-nodes", "-days", "2", "-subj", "/CN=localhost", "-addext", LOCAL,
                      "-keyout", private, "-out", certificate)
        return certificate, private

    def _below(self, issuer, extensions, sends_issuer, dates=USUAL):
        """A leaf signed by an issuer that the trusted CA signed. sends_issuer may name another one, of the same name."""
        issuer_certificate, _ = self._leaf(issuer, extensions, dates=dates)
        certificate, private = self._leaf(f"below_{issuer}", authority=f"hostile_{issuer}")
        if isinstance(sends_issuer, str):
            issuer_certificate, _ = self._leaf(sends_issuer, extensions, dates=dates)
        if sends_issuer:
            certificate.write_text(certificate.read_text() + issuer_certificate.read_text())
        return certificate, private
