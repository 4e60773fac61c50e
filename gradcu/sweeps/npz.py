"""The frame of a .npz file whose members are written side by side, in pieces and in any order.

The ``zipfile`` module writes one member after the other, so it would need all rows twice, or the sweep once per row.
The members here have known sizes, so each has its place from the start; what only the end can tell, their checksums, is
put together from those of the pieces. Format: https://pkware.cachefly.net/webdocs/casestudies/APPNOTE.TXT, sections 4.3
and 4.5.3 (Zip64).
"""

from __future__ import annotations

import struct
import threading
import zlib
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

_ALIGNMENT = 64
# What stands in a 32-bit field whose value is in a Zip64 record.
_LIMIT = 0xFFFFFFFF
# What an extra field needs for itself.
_FIELD = 4
_POLYNOMIAL = 0xEDB88320
# 1 January 1980, the earliest date of the format, so that equal results are equal files.
_DATE = 0x0021


class Member(NamedTuple):
    """A member of a .npz: its name, its header, and then so many bytes of data."""

    name: str
    header: bytes
    size: int


class Layout:
    """Where everything stands in a .npz of these members."""

    def __init__(self, members: Sequence[Member]) -> None:
        self._members = members
        self._wide = sum(len(member.header) + member.size + 1024 for member in members) >= _LIMIT
        self._lock = threading.Lock()
        self._parts: list[dict[int, tuple[int, int]]] = [{} for _ in members]
        self._starts: list[int] = []
        self._paddings: list[int] = []
        end = 0
        for member in members:
            self._starts.append(end)
            before = end + len(self._local_header(member, 0, 0)) + len(member.header)
            # Memory maps and vector loads like their data aligned.
            padding = -before % _ALIGNMENT
            self._paddings.append(padding + _ALIGNMENT if 0 < padding < _FIELD else padding)
            end = before + self._paddings[-1] + member.size
        self._end = end

    def data_offset(self, number: int) -> int:
        """Where in the file the data of that member begins, after its header."""
        member = self._members[number]
        frame = len(self._local_header(member, 0, self._paddings[number]))
        return self._starts[number] + frame + len(member.header)

    def checksum(self, member: int, start: int, piece: Any) -> None:
        """Notes that ``piece`` is written at ``start`` in the member's data. Every byte must be written once."""
        self._add(member, start, memoryview(piece).nbytes, zlib.crc32(piece))

    def _add(self, member: int, start: int, length: int, crc: int) -> None:
        """Joins a piece to its neighbours, so that few are kept, however many there are. A part is known by its end."""
        parts = self._parts[member]
        with self._lock:
            before = parts.pop(start, None)
            if before is not None:
                begin, crc = before[0], combined(before[1], crc, length)
                start, length = begin, start + length - begin
            end = start + length
            after = next((later for later, (begin, _) in parts.items() if begin == end), None)
            if after is not None:
                crc = combined(crc, parts[after][1], after - end)
                end = after
            parts[end] = (start, crc)

    def pieces(self) -> Iterator[tuple[int, bytes]]:
        """Offset and bytes of all that is not data: local headers, the directory and the file's end."""
        directory = b""
        for member, start, padding, parts in zip(self._members, self._starts, self._paddings, self._parts, strict=True):
            ((end, (begin, crc)),) = parts.items()
            assert (begin, end) == (0, member.size), "a piece of the member is missing"
            whole = combined(zlib.crc32(member.header), crc, member.size)
            yield start, self._local_header(member, whole, padding) + member.header
            directory += self._directory_entry(member, whole, start)
        yield self._end, directory + self._end_records(len(directory))

    def _local_header(self, member: Member, crc: int, padding: int) -> bytes:
        name, length = member.name.encode(), len(member.header) + member.size
        extra = struct.pack("<HHQQ", 1, 16, length, length) if self._wide else b""
        if padding:
            # An extra field that readers pass over.
            extra += struct.pack("<HH", 0xA220, padding - _FIELD) + bytes(padding - _FIELD)
        shown = _LIMIT if self._wide else length
        fields = (self._version, 0, 0, 0, _DATE, crc, shown, shown, len(name), len(extra))
        return b"PK\x03\x04" + struct.pack("<HHHHHIIIHH", *fields) + name + extra

    def _directory_entry(self, member: Member, crc: int, start: int) -> bytes:
        name, length = member.name.encode(), len(member.header) + member.size
        extra = struct.pack("<HHQQQ", 1, 24, length, length, start) if self._wide else b""
        shown, at = (_LIMIT, _LIMIT) if self._wide else (length, start)
        version = self._version
        fields = (version, version, 0, 0, 0, _DATE, crc, shown, shown, len(name), len(extra), 0, 0, 0, 0, at)
        return b"PK\x01\x02" + struct.pack("<HHHHHHIIIHHHHHII", *fields) + name + extra

    def _end_records(self, size: int) -> bytes:
        """The end of a directory of that size."""
        count, at = len(self._members), self._end
        wide = b""
        if self._wide:
            wide = b"PK\x06\x06" + struct.pack("<QHHIIQQQQ", 44, 45, 45, 0, 0, count, count, size, at)
            wide += b"PK\x06\x07" + struct.pack("<IQI", 0, at + size, 1)
            at = _LIMIT
        return wide + b"PK\x05\x06" + struct.pack("<HHHHIIH", 0, 0, count, count, size, at, 0)

    @property
    def _version(self) -> int:
        """The version of the format that a reader must know: 4.5 has Zip64."""
        return 45 if self._wide else 20


def combined(first: int, second: int, length: int) -> int:
    """The CRC-32 of two pieces in a row, from that of each and the length of the second.

    A CRC is a polynomial over GF(2), remainder of a division; a piece that follows shifts it by 8*length places, which
    is a multiplication by x**(8*length), done by repeated squaring.

    >>> combined(zlib.crc32(b"deriv"), zlib.crc32(b"ative"), 5) == zlib.crc32(b"derivative")
    True
    """
    return _times(_shift(8 * length), first) ^ second


def _times(a: int, b: int) -> int:
    """The product of two polynomials modulo the CRC's, lowest power in the highest bit."""
    product = 0
    for bit in range(31, -1, -1):
        if a >> bit & 1:
            product ^= b
        b = b >> 1 ^ (_POLYNOMIAL if b & 1 else 0)
    return product


_shifts: dict[int, int] = {}


def _shift(places: int) -> int:
    """x**places modulo the CRC's polynomial. Most pieces have one length, so the last few results are kept."""
    found = _shifts.get(places)
    if found is None:
        if len(_shifts) >= 64:
            _shifts.clear()
        found, square, rest = 1 << 31, 1 << 30, places
        while rest:
            if rest & 1:
                found = _times(found, square)
            square, rest = _times(square, square), rest >> 1
        _shifts[places] = found
    return found
