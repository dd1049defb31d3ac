"""What is downloaded: images made for the purpose, or real firmware given with --payload.

An ESP image is a header of 24 bytes, segments (address and length, then data), padding whose last byte is a checksum over all
data, and the SHA-256 of everything before it.
"""

import hashlib
import itertools
import struct
from pathlib import Path

HEADER_LEN = 24
SEGMENT_HEADER_LEN = 8
DESCRIPTOR_LEN = 256  # at the start of the first segment; stays what it is
CHECKSUM_SEED = 0xEF


class NotUsable(Exception):
    """A file that cannot be a payload, and why."""


def segments_of(data):
    """(offset of the data, length) of each segment."""
    position, found = HEADER_LEN, []
    for _ in range(data[1]):
        _, length = struct.unpack_from("<II", data, position)
        position += SEGMENT_HEADER_LEN
        if position + length > len(data):
            raise NotUsable("a segment ends behind the end of the file")
        found.append((position, length))
        position += length
    return found


def checksum(data, segments):
    """All data bytes XORed, by folding, as 256 MiB are too many for a loop."""
    result = CHECKSUM_SEED
    for offset, length in segments:
        part = bytes(data[offset:offset + length])
        while len(part) > 1:
            half = len(part) // 2
            folded = int.from_bytes(part[:half], "little") ^ int.from_bytes(part[half:2 * half], "little")
            part = folded.to_bytes(half, "little") + part[2 * half:]
        result ^= part[0] if part else 0
    return result


def filled(image, pieces, start):
    """The image with the data of its segments replaced by pieces, again and again from the one numbered start on; valid again."""
    data = bytearray(image)
    segments = segments_of(data)
    source = itertools.cycle(pieces[start % len(pieces):] + pieces[:start % len(pieces)])
    piece, used = next(source), 0
    for number, (offset, length) in enumerate(segments):
        position, end = offset + (DESCRIPTOR_LEN if number == 0 else 0), offset + length
        while position < end:
            part = piece[used:used + end - position]
            data[position:position + len(part)] = part
            position, used = position + len(part), used + len(part)
            if used == len(piece):
                piece, used = next(source), 0
    end = segments[-1][0] + segments[-1][1]
    end += 16 - end % 16
    data[end - 1] = checksum(data, segments)
    data[end:end + 32] = hashlib.sha256(data[:end]).digest()
    return bytes(data)


class Payload:
    """The images of --payload: two or more, valid, for one chip. about(path) is what `esp-ota image info --json` says."""

    def __init__(self, paths, about):
        self.paths = [Path(path) for path in paths]
        chips = [self._chip_of(path, about(path)) for path in self.paths]
        self.images = [path.read_bytes() for path in self.paths]
        if len(self.images) < 2 or len(set(self.images)) != len(self.images):
            raise NotUsable("--payload wants two or more files that differ, as an update replaces one image by another")
        if len(set(chips)) > 1:
            raise NotUsable("--payload wants files for one chip: " + ", ".join(f"{path.name} is for {chip}" for path, chip in zip(self.paths, chips)))
        self.chip = chips[0]
        self.largest = max(map(len, self.images))
        self.pieces = [data[offset:offset + length] for data in self.images for offset, length in segments_of(data) if length]

    @staticmethod
    def _chip_of(path, answer):
        if not answer.get("valid"):
            raise NotUsable(f"--payload {path}: {answer.get('text') or answer.get('error') or 'no valid ESP image'}")
        return answer["chip"]

    def about(self):
        """For the table of the environment."""
        return ", ".join(f"{path.name} ({len(data)} bytes)" for path, data in zip(self.paths, self.images))
