import pytest

from lret_dist.units import size_text, time_text


@pytest.mark.parametrize(
    ("size", "text"),
    [
        (0, "0 B"),
        (1000, "1000 B"),
        (1536, "1.5 KiB"),
        (1023.4 * 2**20, "1023 MiB"),
        (96 * 2**30, "96 GiB"),
    ],
)
def test_sizes_as_text(size: float, text: str) -> None:
    assert size_text(size) == text


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0, "0 s"), (2e-6, "2 us"), (0.0125, "12.5 ms"), (90, "1.5 min"), (86400 * 3, "3 days")],
)
def test_times_as_text(seconds: float, text: str) -> None:
    assert time_text(seconds) == text
