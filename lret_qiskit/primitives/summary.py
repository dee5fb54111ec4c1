"""How the runs of a PUB went, in a compact form."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from lret_dist import RunMetadata

__all__ = ["RunSummary"]

#: What is kept of each run, and the type of the array that holds it.
_PER_RUN = {
    "final_rank": np.int64,
    "max_rank": np.int64,
    "truncation_error": np.float64,
    "standard_error": np.float64,
    "seed": np.uint64,
}
_NAMES = ("truncation", "method")


class RunSummary:
    """Metadata of a PUB's runs: an array each of what differs, and words without repetitions."""

    def __init__(self, shape: tuple[int, ...]) -> None:
        """Nothing yet, for parameter sets of a shape."""
        self._shape = shape
        size = int(np.prod(shape))
        self._arrays = {name: np.zeros(size, dtype) for name, dtype in _PER_RUN.items()}
        self._names: dict[str, set[str]] = {name: set() for name in _NAMES}
        self._seconds = 0.0

    def put(self, number: int, metadata: RunMetadata) -> None:
        """Take the metadata of one run; numbers that it has not become NaN."""
        for name, array in self._arrays.items():
            value = getattr(metadata, name)
            array[number] = np.nan if value is None else value
        for name, found in self._names.items():
            found.add(getattr(metadata, name))
        self._seconds += metadata.execution_time_seconds

    def to_dict(self) -> dict[str, Any]:
        """The summary; arrays have the shape of the PUB's parameter sets."""
        return {
            **{name: array.reshape(self._shape) for name, array in self._arrays.items()},
            **{name: sorted(found) for name, found in self._names.items()},
            "execution_time_seconds": self._seconds,
        }
