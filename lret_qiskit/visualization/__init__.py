"""Plots of what LRET finds, with matplotlib; ``import lret_qiskit`` does not load them.

Every function returns a matplotlib ``Figure``, which a notebook shows, or draws into given axes.
pyplot holds none of these figures open.

Example:
    >>> from lret_qiskit.visualization import plot_counts
    >>> figure = plot_counts({"00": 510, "11": 490})
    >>> figure.axes[0].get_ylabel()
    'probability'
"""

try:
    import matplotlib as _matplotlib  # noqa: F401
except ModuleNotFoundError as error:
    if error.name != "matplotlib":
        raise
    raise ImportError(
        "lret_qiskit.visualization draws with matplotlib, which is not installed; "
        'install it with: pip install "lret-dist[visualization]"'
    ) from None

from lret_qiskit.visualization.comparison import plot_comparison
from lret_qiskit.visualization.counts import plot_counts
from lret_qiskit.visualization.expectation_values import plot_expectation_values
from lret_qiskit.visualization.rank_history import plot_rank_history
from lret_qiskit.visualization.scaling import plot_scaling
from lret_qiskit.visualization.spectrum import plot_spectrum

__all__ = [
    "plot_comparison",
    "plot_counts",
    "plot_expectation_values",
    "plot_rank_history",
    "plot_scaling",
    "plot_spectrum",
]
