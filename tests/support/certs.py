"""Throwaway certificates for one test run: the plugin's, and those that no device should accept."""

import pytest_esp_ota

KEY_PASSWORD = "open sesame"


class Certificates(pytest_esp_ota.Certificates):
    """Paths of PEM files below one folder.

    ca            signs server, expired, wrong_name and client
    server        localhost and 127.0.0.1
    expired       the same names, over since 2021
    wrong_name    another.example
    other         localhost, signed by other_ca, which no client trusts
    client        for servers that ask; client_encrypted_key is its key under KEY_PASSWORD
    """

    def __init__(self, folder):
        super().__init__(folder)
        self.other_ca, self.other_ca_key = self.authority("other_ca")
        self.expired, self.expired_key = self.leaf("expired", "localhost", self.LOCAL, "20200101000000Z", "20210101000000Z")
        self.wrong_name, self.wrong_name_key = self.leaf("wrong_name", "another.example", "subjectAltName=DNS:another.example")
        self.other, self.other_key = self.leaf("other", "localhost", self.LOCAL, authority="other_ca")
        self.client, self.client_key = self.leaf("client", "a device", "extendedKeyUsage=clientAuth")
        self.client_encrypted_key = self.folder / "client_encrypted.key"
        self.openssl("pkey", "-in", self.client_key, "-aes256", "-passout", f"pass:{KEY_PASSWORD}", "-out", self.client_encrypted_key)
