"""Times and sizes as text, each with a unit of its size."""

from __future__ import annotations

__all__ = ["size_text", "time_text"]

_TIMES = (("years", 365 * 86400), ("days", 86400), ("h", 3600), ("min", 60), ("s", 1), ("ms", 1e-3))
_SIZES = tuple(
    (unit, 1024.0**power)
    for power, unit in reversed(list(enumerate(("B", "KiB", "MiB", "GiB", "TiB", "PiB"))))
)


def time_text(seconds: float) -> str:
    """A time with a unit of its size."""
    for unit, size in _TIMES:
        if seconds >= size:
            return f"{seconds / size:.3g} {unit}"
    return f"{seconds * 1e6:.3g} us" if seconds else "0 s"


def size_text(size: float) -> str:
    """A number of bytes with a unit of its size."""
    for unit, each in _SIZES:
        if size >= each:
            # From 1000 on, three digits would need an exponent.
            return f"{size / each:{'.0f' if size >= 1000 * each else '.3g'}} {unit}"
    return "0 B"
