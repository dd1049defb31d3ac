"""Keys and signatures made with the openssl command and nothing of the program under test.

fact: layout of v1 signatures and of ECDSA P-256 blocks as in SPEC.md "Signatures"
"""

import hashlib
import struct
import subprocess
import zlib

SECTOR, BLOCK = 4096, 1216


def openssl(*args, **more):
    return subprocess.run(["openssl", *map(str, args)], check=True, capture_output=True, **more).stdout


class Key:
    """A fresh key on P-256."""

    def __init__(self, folder, name):
        self.pem = folder / f"{name}.pem"
        openssl("ecparam", "-name", "prime256v1", "-genkey", "-noout", "-out", self.pem)
        point = openssl("ec", "-in", self.pem, "-pubout", "-outform", "DER")[-64:]
        self.x, self.y = point[:32], point[32:]
        self.digest = folder / f"{name}.digest"
        self.digest.write_bytes(hashlib.sha256(self.key_bytes()).digest())

    @property
    def hex(self):
        return self.digest.read_bytes().hex()

    def key_bytes(self):
        return b"\x02" + self.x[::-1] + self.y[::-1]

    def sign(self, data):
        """(r, s), 32 bytes each, big-endian."""
        der = openssl("dgst", "-sha256", "-sign", self.pem, input=data)
        at = 4 + der[3]
        number = lambda value: int.from_bytes(value, "big").to_bytes(32, "big")
        return number(der[4:at]), number(der[at + 2:at + 2 + der[at + 1]])


def sign_v1(image, key):
    return image + bytes(4) + b"".join(key.sign(image))


def sign_v2(image, *keys):
    """The image, filled up, and a sector with one block for each key."""
    image += b"\xff" * (-len(image) % SECTOR)
    sector = b""
    for key in keys:
        r, s = key.sign(image)
        body = b"\xe7\x03\0\0" + hashlib.sha256(image).digest() + key.key_bytes() + r[::-1] + s[::-1]
        body = body.ljust(1196, b"\0")
        sector += body + struct.pack("<I", zlib.crc32(body)) + bytes(16)
    return image + sector.ljust(SECTOR, b"\xff")
