"""Parameter values that come with a job: one circuit and its values give several circuits."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from qiskit.circuit.exceptions import CircuitError
from qiskit_aer import AerError

from lret_dist import LretError
from lret_qiskit.translators.parameters import free_parameters

if TYPE_CHECKING:
    from qiskit import QuantumCircuit
    from qiskit.circuit import Parameter

__all__ = ["ParameterBindsError", "bound_circuits"]


class ParameterBindsError(LretError, AerError, ValueError):  # type: ignore[misc]
    """Circuits have parameters without values, or the values do not fit them.

    It is an ``AerError`` too, which is what Qiskit Aer raises, and a ``ValueError``.
    """

    def __str__(self) -> str:
        return str(self.message)


def bound_circuits(
    circuits: Sequence[QuantumCircuit], parameter_binds: Any
) -> list[QuantumCircuit]:
    """Every circuit once for each of its values, in order, under its own name.

    Args:
        circuits: the circuits.
        parameter_binds: for each circuit a dictionary of its parameters' values,
            ``{parameter: [value, ...]}``, all of the same length; None or empty where no circuit
            has parameters.

    Raises:
        ParameterBindsError: when a circuit's parameters have no values, or the lengths of anything
            do not fit.
        TypeError: when ``parameter_binds`` is not a list of dictionaries.
    """
    if parameter_binds is None or _is_empty(parameter_binds):
        _check_no_parameters(circuits)
        return list(circuits)
    binds = _listed(parameter_binds)
    if len(binds) != len(circuits):
        raise ParameterBindsError(
            f"parameter_binds must hold one dictionary for each circuit: there are {len(circuits)} "
            f"circuits and {len(binds)} dictionaries"
        )
    for each in binds:
        if not isinstance(each, Mapping):
            raise _wrong_type(parameter_binds)
    pairs = zip(circuits, binds, strict=True)
    return [bound for circuit, values in pairs for bound in _bound(circuit, values)]


def _is_empty(parameter_binds: Any) -> bool:
    return isinstance(parameter_binds, Sequence) and not parameter_binds


def _check_no_parameters(circuits: Sequence[QuantumCircuit]) -> None:
    for circuit in circuits:
        if parameters := free_parameters(circuit):
            names = ", ".join(parameter.name for parameter in parameters)
            raise ParameterBindsError(
                f"circuit {circuit.name!r} has unbound parameters: {names}; give their values as "
                f"parameter_binds=[{{parameter: [value, ...]}}], or bind them with "
                f"circuit.assign_parameters"
            )


def _listed(parameter_binds: Any) -> list[Any]:
    if isinstance(parameter_binds, str) or not isinstance(parameter_binds, Sequence):
        raise _wrong_type(parameter_binds)
    return list(parameter_binds)


def _wrong_type(parameter_binds: Any) -> TypeError:
    return TypeError(
        f"parameter_binds must be a list of dictionaries {{parameter: [value, ...]}}, one for each "
        f"circuit, got {parameter_binds!r}"
    )


def _bound(circuit: QuantumCircuit, values: Mapping[Parameter, Any]) -> list[QuantumCircuit]:
    # As in Qiskit Aer, values of parameters that the circuit has not are not looked at.
    parameters = free_parameters(circuit)
    if not parameters:
        return [circuit]
    columns = {each: _values(circuit, each, values) for each in parameters}
    lengths = {len(column) for column in columns.values()}
    if len(lengths) > 1 or 0 in lengths:
        given = ", ".join(f"{key.name}: {len(column)}" for key, column in columns.items())
        raise ParameterBindsError(
            f"all parameters of circuit {circuit.name!r} need equally many values, at least one; "
            f"there are {given}"
        )
    rows = zip(*columns.values(), strict=True)
    return [_assigned(circuit, dict(zip(columns, row, strict=True))) for row in rows]


def _values(
    circuit: QuantumCircuit, parameter: Parameter, values: Mapping[Parameter, Any]
) -> list[Any]:
    if parameter not in values:
        raise ParameterBindsError(
            f"parameter_binds has no values of parameter {parameter.name!r} of circuit "
            f"{circuit.name!r}"
        )
    column = values[parameter]
    if isinstance(column, str) or not hasattr(column, "__iter__"):
        raise TypeError(
            f"parameter_binds must give a list of values of {parameter.name!r}, got {column!r}"
        )
    return list(column)


def _assigned(circuit: QuantumCircuit, values: Mapping[Parameter, Any]) -> QuantumCircuit:
    try:
        bound = circuit.assign_parameters(values)
    except (CircuitError, RuntimeError, TypeError, ValueError) as error:
        given = ", ".join(f"{key.name}={value!r}" for key, value in values.items())
        raise ParameterBindsError(
            f"values do not fit the parameters of circuit {circuit.name!r}: {given}: {error}"
        ) from error
    bound.name = circuit.name
    return bound
