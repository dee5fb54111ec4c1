"""The bytes around the data of a checkpoint file: its first page, its header and its last bytes.

===================  =========================================================================
first 4096 bytes     ``LRET checkpoint``, the format's version, 8 random bytes that tell this
                     file from any other, zeros, and a CRC-32 of all these
slabs                the arrays, as :mod:`lret_dist.checkpoints.table` says, each at a multiple of
                     4096 bytes and filled up with zeros; a CRC-32 of every chunk is in the header
header               JSON in UTF-8: ``{"header": what the caller gave, "arrays": the table}``
last 40 bytes        where the header begins, how long it is, how long the file is, the header's
                     CRC-32, a CRC-32 of these, and ``LRET end``
===================  =========================================================================

Numbers are little-endian. No byte is without a checksum, so a change of any is found. CRC-32 finds
every change within four bytes, and any other but for one in four billion; the strongest hashes of
the standard library are slower than a disk.
"""

from __future__ import annotations

import json
import struct
import zlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from lret_dist.checkpoints.check import read_table
from lret_dist.checkpoints.table import ALIGNMENT, StoredArray
from lret_dist.errors import CheckpointError
from lret_dist.files.plain_data import Node, without_repetition

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = [
    "IDENTITY_BYTES",
    "TRAILER_BYTES",
    "Trailer",
    "pack_head",
    "pack_header",
    "unpack_head",
    "unpack_header",
]

_MAGIC, _END = b"LRET checkpoint\n", b"LRET end"
_VERSION = 2
IDENTITY_BYTES = 8
_HEAD = struct.Struct(f"<16sI{IDENTITY_BYTES}s")
_CHECKSUM = struct.Struct("<I")
_TRAILER = struct.Struct("<QQQI")
#: Longest header: the checksums of 100 TB take a tenth of it.
MAX_HEADER_BYTES = 1 << 28
TRAILER_BYTES = _TRAILER.size + _CHECKSUM.size + len(_END)


def pack_head(identity: bytes) -> bytes:
    """The first page of a file."""
    page = _HEAD.pack(_MAGIC, _VERSION, identity).ljust(ALIGNMENT - _CHECKSUM.size, b"\0")
    return page + _CHECKSUM.pack(zlib.crc32(page))


def unpack_head(page: bytes) -> bytes:
    """The identity in the first page of a file.

    Raises:
        CheckpointError: when it begins otherwise; the text says how.
    """
    if not page:
        raise CheckpointError("it is empty")
    if page[: len(_MAGIC)] != _MAGIC:
        raise CheckpointError("it is no LRET checkpoint: its first bytes are others")
    if len(page) < ALIGNMENT:
        raise CheckpointError(f"it was cut off after {len(page)} bytes")
    if _CHECKSUM.unpack(page[-_CHECKSUM.size :])[0] != zlib.crc32(page[: -_CHECKSUM.size]):
        raise CheckpointError(f"its first {ALIGNMENT} bytes are damaged")
    _, version, identity = _HEAD.unpack_from(page)
    if version != _VERSION:
        raise CheckpointError(f"its format is version {version}; this LRET reads {_VERSION}")
    return bytes(identity)


def pack_header(header: Mapping[str, Any], table: Mapping[str, StoredArray], offset: int) -> bytes:
    """Header and last bytes of a file whose header begins at ``offset``."""
    arrays = {name: array.to_plain() for name, array in table.items()}
    text = json.dumps({"header": header, "arrays": arrays}).encode()
    length = offset + len(text) + TRAILER_BYTES
    fields = _TRAILER.pack(offset, len(text), length, zlib.crc32(text))
    return text + fields + _CHECKSUM.pack(zlib.crc32(fields)) + _END


@dataclass(frozen=True, slots=True)
class Trailer:
    """The last bytes of a file: where its header is.

    Attributes:
        offset: the header's first byte.
        size: its length in bytes.
        checksum: its CRC-32.
    """

    offset: int
    size: int
    checksum: int

    @classmethod
    def unpack(cls, data: bytes, file_size: int) -> Trailer:
        """From the last ``TRAILER_BYTES`` bytes of a file.

        Raises:
            CheckpointError: when the file ends otherwise, as one that was cut off does.
        """
        fields, rest = data[: _TRAILER.size], data[_TRAILER.size :]
        if rest != _CHECKSUM.pack(zlib.crc32(fields)) + _END:
            raise CheckpointError("its end is missing or damaged, as if it had been cut off")
        offset, size, length, checksum = _TRAILER.unpack(fields)
        if length != file_size:
            raise CheckpointError(f"it has {file_size} bytes instead of {length}")
        if size > MAX_HEADER_BYTES:
            raise CheckpointError(
                f"its header has {size} bytes, more than the {MAX_HEADER_BYTES} that are read"
            )
        if offset < ALIGNMENT or offset + size + TRAILER_BYTES != file_size:
            raise CheckpointError(f"its header of {size} bytes cannot begin at byte {offset}")
        return cls(offset, size, checksum)


def unpack_header(text: bytes, trailer: Trailer) -> tuple[dict[str, Any], dict[str, StoredArray]]:
    """What the caller gave, and the table.

    Raises:
        CheckpointError: when the header is damaged, or its table fits no file of this length.
    """
    if zlib.crc32(text) != trailer.checksum:
        raise CheckpointError(f"its header of {trailer.size} bytes at {trailer.offset} is damaged")
    try:
        plain = json.loads(text.decode(), object_pairs_hook=without_repetition)
        fields = Node(plain).fields(("header", "arrays"))
        fields["header"].entries()
        return fields["header"].value, read_table(fields["arrays"], trailer.offset)
    except RecursionError:
        raise CheckpointError("its header cannot be understood: it is nested too deeply") from None
    except ValueError as error:
        raise CheckpointError(f"its header cannot be understood: {error}") from error
