"""Application images as bytes, made without the program under test, so that it can be wrong about them.

fact: layout as in SPEC.md "Image"; chip ids as in ESP-IDF's esp_app_format.h and esptool
"""

import hashlib
import struct

CHIP_IDS = {"esp32": 0, "esp32s2": 2, "esp32c3": 5, "esp32s3": 9, "esp32c2": 12, "esp32c6": 13, "esp32h2": 16, "esp32p4": 18,
            "esp32c61": 20, "esp32c5": 23, "esp32h21": 25, "esp32h4": 28, "esp32e22": 31, "esp32s31": 32}
CHIP_NAMES = {number: name for name, number in CHIP_IDS.items()}
HEADER_LEN, SEGMENT_HEADER_LEN, DESCRIPTOR_LEN, DIGEST_LEN = 24, 8, 256, 32
DESCRIPTOR_MAGIC = 0xABCD5432
RAM_ADDRESS = 0x10000000  # in no chip's flash window, so no alignment is asked for
SMALLEST = 336  # header, one segment that holds a descriptor, checksum and digest


def descriptor(project="hello", version="1.0.0", secure_version=0, min_block_rev=0, max_block_rev=0):
    text = lambda value, size: value.encode().ljust(size, b"\0")
    return struct.pack("<II8x32s32s16s16s32s32sHHB3x72x", DESCRIPTOR_MAGIC, secure_version, text(version, 32), text(project, 32),
                       text("12:00:00", 16), text("Jan  1 2025", 16), text("v5.5", 32), bytes(32), min_block_rev, max_block_rev, 16)


def filler(seed, size):
    """Bytes that follow from the seed and do not repeat within a flash sector."""
    return hashlib.shake_128(repr(seed).encode()).digest(size)


def image(chip="esp32", size=None, project="hello", version="2.0.0", first=None, digest=True, min_rev=0, max_rev=0xFFFF, **desc):
    """A valid image of size bytes, a multiple of 16; first replaces the descriptor."""
    first = descriptor(project, version, **desc) if first is None else first
    tail = 16 + (DIGEST_LEN if digest else 0)
    smallest = (HEADER_LEN + SEGMENT_HEADER_LEN + len(first)) // 16 * 16 + tail
    size = smallest if size is None else size
    assert size % 16 == 0 and size >= smallest, f"no image has {size} bytes"
    data = first + filler((project, version), size - tail - HEADER_LEN - SEGMENT_HEADER_LEN - len(first))
    header = header_of(chip, 1, digest, min_rev, max_rev)
    return sealed(header + struct.pack("<II", RAM_ADDRESS, len(data)) + data, [data], digest)


def image_without_segments(chip="esp32"):
    """The smallest thing a bootloader takes for an image: 32 bytes."""
    return sealed(header_of(chip, 0, False, 0, 0xFFFF), [], False)


def header_of(chip, segments, digest, min_rev, max_rev):
    return struct.pack("<BBBBIB3xHBHH4xB", 0xE9, segments, 2, 0x20, 0x40080000, 0xEE, CHIP_IDS[chip], min(min_rev // 100, 255),
                       min_rev, max_rev, int(digest))


def sealed(body, segments, digest):
    checksum = 0xEF
    for data in segments:
        for byte in bytes_xor(data):
            checksum ^= byte
    body += bytes(15 - len(body) % 16) + bytes([checksum])
    return body + (hashlib.sha256(body).digest() if digest else b"")


def bytes_xor(data):
    """Eight bytes with the same XOR as all of data."""
    data += bytes(-len(data) % 8)
    folded = 0
    for (word,) in struct.iter_unpack("<Q", data):
        folded ^= word
    return struct.pack("<Q", folded)


def damaged(data, at):
    """One bit of one byte is wrong."""
    return data[:at] + bytes([data[at] ^ 1]) + data[at + 1:]
