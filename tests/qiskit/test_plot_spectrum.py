"""The eigenvalues of states as they are drawn."""

from __future__ import annotations

import numpy as np
import pytest
from qiskit import QuantumCircuit
from qiskit.quantum_info import DensityMatrix
from qiskit_aer.noise import NoiseModel, depolarizing_error

from lret_qiskit import LowRankState, LRETBackend
from lret_qiskit.visualization import plot_spectrum


def noisy_state(**options: object) -> object:
    """A result with a factor, and all of its density matrix."""
    noise = NoiseModel()
    noise.add_all_qubit_quantum_error(depolarizing_error(0.05, 2), ["cx"])
    circuit = QuantumCircuit(3)
    circuit.h(0)
    circuit.cx(0, 1)
    circuit.cx(1, 2)
    circuit.save_lret_factor(**options)
    circuit.save_density_matrix()
    return LRETBackend(noise_model=noise, epsilon=0).run(circuit, shots=0).result()


@pytest.mark.parametrize("distributed", [False, True])
def test_lines_are_the_eigenvalues_and_what_is_behind_them(distributed: bool) -> None:
    result = noisy_state(distributed=distributed)
    matrix = np.asarray(result.data(0)["density_matrix"])
    exact = np.linalg.eigvalsh(matrix)[::-1]
    (ax,) = plot_spectrum(result).axes
    values, behind = ax.lines[:2]
    np.testing.assert_allclose(values.get_ydata(), exact, atol=1e-12)
    np.testing.assert_array_equal(values.get_xdata(), range(1, 9))
    np.testing.assert_allclose(behind.get_ydata()[:-1], 1 - np.cumsum(exact)[:-1], atol=1e-12)
    assert ax.get_yscale() == "log"
    for line, part in zip(ax.lines[2:], (0.99, 0.9999), strict=True):
        count = int(np.searchsorted(np.cumsum(exact), part)) + 1
        assert line.get_xdata()[0] == count
        assert f"{part:.4%}".rstrip("%").rstrip("0").rstrip(".") in line.get_label()
        assert line.get_label().endswith(f": {count} directions")


def test_a_pure_state_is_one_point() -> None:
    figure = plot_spectrum(LowRankState([1, 0, 0, 1]))
    figure.draw_without_rendering()
    values, *lines = figure.axes[0].lines
    assert values.get_xydata().tolist() == [[1, pytest.approx(1)]]
    labels = [line.get_label() for line in lines]
    assert labels == ["99 %: 1 direction", "99.99 %: 1 direction"]


def test_many_eigenvalues_have_a_logarithmic_axis() -> None:
    (ax,) = plot_spectrum(LowRankState(np.eye(512)[:, :301])).axes
    assert ax.get_xscale() == "log"
    assert ax.lines[0].get_marker() in ("", "None")


def test_what_holds_no_factor_is_refused() -> None:
    with pytest.raises(TypeError, match=r"expected a LowRankState.*got DensityMatrix"):
        plot_spectrum(DensityMatrix([1, 0]))
    bell = QuantumCircuit(1)
    bell.h(0)
    bell.save_density_matrix()
    backend = LRETBackend()
    with pytest.raises(ValueError, match=r"add circuit\.save_lret_factor\(\)"):
        plot_spectrum(backend.run(bell, shots=0).result())
    with pytest.raises(ValueError, match="no factor with the label 'end'"):
        plot_spectrum(noisy_state(), label="end")
    bell.save_lret_factor(label="one")
    bell.save_lret_factor(label="two")
    both = backend.run(bell, shots=0).result()
    with pytest.raises(ValueError, match="choose a label of one, two"):
        plot_spectrum(both)
    assert plot_spectrum(both, label="two").axes
