"""Small real files: a patient's picture (PNG), a paper (PDF). Made from numbers: nobody's face or name is in them."""

from __future__ import annotations

import random
import struct
import zlib

SIDE = 120


def portrait(seed: int) -> bytes:
    """Return a small PNG: a head and shoulders in two colours."""
    chance = random.Random(seed)  # noqa: S311
    back = bytes(chance.randrange(150, 235) for _ in range(3))
    skin = bytes(chance.randrange(70, 200) for _ in range(3))
    shirt = bytes(chance.randrange(40, 180) for _ in range(3))
    lines = bytearray()
    for y in range(SIDE):
        half, colour = _span(y, skin, shirt)
        side = SIDE // 2 - half
        lines += b"\0" + back * side + colour * (2 * half) + back * (SIDE - side - 2 * half)
    header = struct.pack(">IIBBBBB", SIDE, SIDE, 8, 2, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n"
        + _chunk(b"IHDR", header)
        + _chunk(b"IDAT", zlib.compress(bytes(lines), 6))
        + _chunk(b"IEND", b"")
    )


def paper(*lines: str) -> bytes:
    """Return a one-page PDF with these lines of plain text."""
    shown = "".join(f"({_escaped(line)}) Tj T* " for line in lines)
    content = f"BT /F1 14 Tf 18 TL 60 720 Td {shown}ET".encode("latin-1", "replace")
    objects = (
        b"<< /Type /Catalog /Pages 2 0 R >>",
        b"<< /Type /Pages /Kids [3 0 R] /Count 1 >>",
        b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 612 792] /Contents 4 0 R "
        b"/Resources << /Font << /F1 5 0 R >> >> >>",
        b"<< /Length %d >>\nstream\n%s\nendstream" % (len(content), content),
        b"<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>",
    )
    out = bytearray(b"%PDF-1.4\n")
    places = []
    for number, body in enumerate(objects, 1):
        places.append(len(out))
        out += b"%d 0 obj\n%s\nendobj\n" % (number, body)
    table = len(out)
    out += b"xref\n0 %d\n0000000000 65535 f \n" % (len(objects) + 1)
    out += b"".join(b"%010d 00000 n \n" % place for place in places)
    out += b"trailer << /Size %d /Root 1 0 R >>\nstartxref\n%d\n%%%%EOF\n" % (len(objects) + 1, table)
    return bytes(out)


def _span(y: int, skin: bytes, shirt: bytes) -> tuple[int, bytes]:
    if 22 <= y < 74:
        return int((26**2 - (y - 48) ** 2) ** 0.5) if abs(y - 48) < 26 else 0, skin
    if y >= 74:
        return min(50, 14 + (y - 74) * 2), shirt
    return 0, skin


def _chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def _escaped(line: str) -> str:
    return line.replace("\\", "\\\\").replace("(", "\\(").replace(")", "\\)")
