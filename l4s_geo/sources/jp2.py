"""Whether a JPEG 2000 file is complete.

GDAL decodes the tiles of a truncated JPEG 2000 file in threads and loses their errors: a read returns whatever is
in memory, without an exception. The file's structure tells before any pixel is decoded: boxes, then a codestream
of tile-parts, each with its length, up to an end marker (ISO/IEC 15444-1, annexes A and I).
"""

from __future__ import annotations

import os
from typing import IO

__all__ = ["is_complete"]

_SIGNATURE = b"\0\0\0\x0cjP  \r\n\x87\n"
_SOC, _SOT, _EOC = b"\xff\x4f", b"\xff\x90", b"\xff\xd9"


def is_complete(stream: IO[bytes]) -> bool:
    """Tell whether a JPEG 2000 file runs to its end; True for other formats.

    Walks the boxes to the codestream, and its tile-parts, each of which states its length, to the end marker.
    """
    if stream.read(len(_SIGNATURE)) != _SIGNATURE:
        return True
    position, kind, length = 0, b"", len(_SIGNATURE)
    while kind != b"jp2c":
        position = stream.seek(position + length)
        header = stream.read(8)
        length, kind = int.from_bytes(header[:4], "big"), header[4:]
        head = 8
        if length == 1:
            length, head = int.from_bytes(stream.read(8), "big"), 16
        if len(header) < 8 or (length < head and kind != b"jp2c"):
            return False
    position += head + len(_SOC)
    while True:
        stream.seek(position)
        segment = stream.read(12)
        if segment.startswith(_EOC):
            return True
        start, size = (6, 4) if segment.startswith(_SOT) else (2, 2)
        length = int.from_bytes(segment[start : start + size], "big")
        if length == 0 and segment.startswith(_SOT):  # the last tile-part, up to the end marker
            stream.seek(-len(_EOC), os.SEEK_END)
            return stream.read() == _EOC
        if len(segment) < 12 or not segment.startswith(b"\xff") or length < 2:
            return False
        position += length if segment.startswith(_SOT) else length + 2
