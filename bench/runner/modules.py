"""WASI p1 modules written byte by byte: distinct ones by the thousand, and ones padded to a size."""

import random

_I32 = 0x7F
_END = b"\x0b"


def _leb(value):
    """A number as unsigned LEB128."""
    out = bytearray()
    while True:
        byte = value & 0x7F
        value >>= 7
        if not value:
            return bytes(out + bytes([byte]))
        out.append(byte | 0x80)


def _signed_leb(value):
    out = bytearray()
    while True:
        byte = value & 0x7F
        value >>= 7
        if (value == 0 and not byte & 0x40) or (value == -1 and byte & 0x40):
            return bytes(out + bytes([byte]))
        out.append(byte | 0x80)


def _sized(content):
    return _leb(len(content)) + content


def _vector(items):
    return _leb(len(items)) + b"".join(items)


def _section(identifier, content):
    return bytes([identifier]) + _sized(content)


def _const(value):
    return b"\x41" + _signed_leb(value)


def _function_type(parameters, results):
    return b"\x60" + _vector([bytes([_I32])] * parameters) + _vector([bytes([_I32])] * results)


def _body(locals_count, code):
    local_groups = [_leb(locals_count) + bytes([_I32])] if locals_count else []
    return _sized(_vector(local_groups) + code + _END)


def _padding_statement(rng):
    """Arithmetic, a load or a store on the first six locals; all of it reaches memory or a result."""
    def local():
        return b"\x20" + _leb(rng.randrange(6))

    target = b"\x21" + _leb(rng.randrange(6))
    offset = _leb(rng.randrange(1 << 14))
    kind = rng.randrange(4)
    if kind == 0:
        return local() + local() + b"\x36\x02" + offset  # i32.store
    if kind == 1:
        return local() + b"\x28\x02" + offset + target  # i32.load
    operator = bytes([rng.choice(b"\x6a\x6b\x6c\x71\x72\x73\x74\x76\x77")])  # add sub mul and or xor shl shr_u rotl
    if kind == 2:
        return local() + _const(rng.randrange(-64, 64)) + operator + target
    return local() + local() + operator + target


def _padding_function(rng):
    """About a kilobyte in a loop, different for every function."""
    statements = b"".join(_padding_statement(rng) for _ in range(rng.randrange(110, 170)))
    count_down = b"\x20\x00" + _const(1) + b"\x6b\x22\x00\x0d\x00"  # br_if on local 0, less one
    return _body(5, b"\x03\x40" + statements + count_down + _END + b"\x20\x01")


def answering(text, size=0, seed=1):
    """A command that writes `text`; with functions that nobody calls up to about `size` bytes."""
    answer = text.encode()
    text_at, count_at = 16, 8
    # fd_write(stdout, the one iovec at 0, 1, count)
    start = _body(0, _const(1) + _const(0) + _const(1) + _const(count_at) + b"\x10\x00\x1a")
    rng = random.Random(seed)
    padding, padded = [], 0
    while padded < size:
        padding.append(_padding_function(rng))
        padded += len(padding[-1])
    data = text_at.to_bytes(4, "little") + len(answer).to_bytes(4, "little") + bytes(text_at - 8) + answer
    sections = [
        _section(1, _vector([_function_type(4, 1), _function_type(0, 0), _function_type(1, 1)])),
        _section(2, _vector([_sized(b"wasi_snapshot_preview1") + _sized(b"fd_write") + b"\x00\x00"])),
        _section(3, _vector([b"\x01"] + [b"\x02"] * len(padding))),
        _section(5, _vector([b"\x01\x01\x01"])),  # one memory of exactly one page
        _section(7, _vector([_sized(b"memory") + b"\x02\x00", _sized(b"_start") + b"\x00\x01"])),
        _section(10, _vector([start] + padding)),
        _section(11, _vector([b"\x00" + _const(0) + _END + _sized(data)])),
    ]
    return b"\x00asm\x01\x00\x00\x00" + b"".join(sections)
