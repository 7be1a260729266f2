"""Core modules made on the fly: hostile ones, and many different small ones."""


def _leb(value: int) -> bytes:
    out = bytearray()
    while True:
        byte = value & 0x7F
        value >>= 7
        if value == 0:
            return bytes(out + bytes([byte]))
        out.append(byte | 0x80)


def _section(number: int, body: bytes) -> bytes:
    return bytes([number]) + _leb(len(body)) + body


def _vector(items: list) -> bytes:
    return _leb(len(items)) + b"".join(items)


def _export(name: str, kind: int, index: int) -> bytes:
    return _leb(len(name)) + name.encode() + bytes([kind]) + _leb(index)


def module(bodies: list, functions_per_body: int = 1, custom: bytes = b"") -> bytes:
    """A p1 command without imports: function 0 is `_start`, every function is () -> ().

    `bodies` are the instructions of the functions, without their final `end`.
    """
    codes = []
    for body in bodies:
        code = b"\x00" + body + b"\x0b"
        codes += [_leb(len(code)) + code] * functions_per_body
    sections = [
        _section(1, _vector([b"\x60\x00\x00"])),
        _section(3, _vector([b"\x00"] * len(codes))),
        _section(5, b"\x01\x00\x01"),
        _section(7, _vector([_export("memory", 2, 0), _export("_start", 0, 0)])),
        _section(10, _vector(codes)),
    ]
    return b"\0asm\1\0\0\0" + b"".join(sections) + (custom_section(custom) if custom else b"")


def custom_section(content: bytes) -> bytes:
    """Can be put behind any core module: another digest, the same behaviour."""
    return _section(0, _leb(4) + b"note" + content)


def distinct(number: int) -> bytes:
    """Small modules with the same behaviour and different digests."""
    return module([b"\x41" + _leb(number & 0x3F) + b"\x1a"], custom=b"%d" % number)


def wide_bomb(functions: int = 20_000) -> bytes:
    """Many functions with much code each: minutes of compiling in a few megabytes."""
    load = b"\x41\x00\x28\x02\x00"  # i32.const 0, i32.load
    body = load + (load + b"\x6a") * 60 + b"\x1a"
    return module([b"", body], functions)


def deep_bomb(depth: int = 900_000) -> bytes:
    """Blocks in blocks, deeper than a recursive compiler's stack."""
    return module([b"\x02\x40" * depth + b"\x0b" * depth])


def branch_bomb(blocks: int = 2_500) -> bytes:
    """Every level of nested blocks has a table of branches to all others: quadratic work."""
    out = b"\x02\x40" * blocks
    for level in range(blocks - 1, 0, -1):
        targets = b"".join(_leb(depth) for depth in range(level))
        out += b"\x41\x00\x0e" + _leb(level) + targets + _leb(0) + b"\x0b"
    return module([out + b"\x0b"])
