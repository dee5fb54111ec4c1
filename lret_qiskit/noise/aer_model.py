"""What Qiskit Aer's noise models hold and have no public way to ask for.

Errors are listed by ``NoiseModel.to_dict``, which is public. It says nothing of noise passes, such
as the relaxation during delays that ``NoiseModel.from_backend`` adds, nor of a pass's parameters;
and it takes half a second for a device of 127 qubits, too long to ask at every run whether a model
has changed. So these, and only these, are taken from the attributes of the objects, in this module
alone. What the attributes of a model are called does not matter; those of a pass do, and are named
in one table.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from qiskit.transpiler import Target, TransformationPass
from qiskit_aer.noise.passes import RelaxationNoisePass

if TYPE_CHECKING:
    from qiskit_aer.noise import NoiseModel as AerNoiseModel

__all__ = ["ModelState", "RelaxationArguments", "model_state", "noise_passes", "pass_arguments"]

#: Attributes of a relaxation pass that hold the arguments that it was made with.
_ATTRIBUTES = {
    "t1s": "_t1s",
    "t2s": "_t2s",
    "dt": "_dt",
    "op_types": "_ops",
    "excited_state_populations": "_p1s",
    "target": "_target",
}


class ModelState:
    """What a model holds, compared without looking into its errors.

    Errors do not change: a model that is changed holds other error objects. Keeping them alive
    here keeps their identities from being given to others.
    """

    def __init__(self, leaves: list[Any]) -> None:
        self._leaves = leaves

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, ModelState) or len(self._leaves) != len(other._leaves):
            return False
        return all(map(_same, self._leaves, other._leaves))

    __hash__ = None  # type: ignore[assignment]


@dataclass(frozen=True)
class RelaxationArguments:
    """The arguments that a relaxation pass was made with.

    Attributes:
        t1s: T1 of every qubit in seconds; infinite where nothing relaxes.
        t2s: T2 of every qubit in seconds.
        dt: seconds of the unit ``dt``, or None.
        op_types: the classes of the instructions that qubits relax after; none stands for all.
        excited_state_populations: probability of 1 in equilibrium, for every qubit.
        target: the durations of instructions other than delays, or None.
    """

    t1s: tuple[float, ...]
    t2s: tuple[float, ...]
    dt: float | None
    op_types: tuple[type, ...]
    excited_state_populations: tuple[float, ...]
    target: Target | None


def model_state(noise_model: AerNoiseModel) -> ModelState:
    """What a model holds now, for a comparison later."""
    return ModelState(list(_leaves(vars(noise_model))))


def noise_passes(noise_model: AerNoiseModel) -> tuple[TransformationPass, ...]:
    """The noise passes of a model, wherever in it they are kept."""
    return tuple(
        leaf for leaf in _leaves(vars(noise_model)) if isinstance(leaf, TransformationPass)
    )


def pass_arguments(noise_pass: TransformationPass) -> RelaxationArguments | None:
    """The arguments of a relaxation pass, or None for a pass of another kind.

    Raises:
        TypeError: for a relaxation pass of a version of Qiskit Aer that keeps them elsewhere.
    """
    if type(noise_pass) is not RelaxationNoisePass:
        return None
    held = vars(noise_pass)
    missing = sorted(set(_ATTRIBUTES.values()) - set(held))
    if missing:
        raise TypeError(
            f"this version of Qiskit Aer keeps the parameters of a RelaxationNoisePass in places "
            f"that LRET does not know: it has no {', '.join(missing)}"
        )
    found = {name: held[attribute] for name, attribute in _ATTRIBUTES.items()}
    for name in ("t1s", "t2s", "excited_state_populations"):
        found[name] = tuple(float(value) for value in found[name])
    dt = found.pop("dt")
    return RelaxationArguments(
        dt=None if dt is None else float(dt), op_types=tuple(found.pop("op_types")), **found
    )


def _leaves(value: Any) -> Iterator[Any]:
    if isinstance(value, Mapping):
        for key, held in value.items():
            yield key
            yield from _leaves(held)
    elif isinstance(value, set | frozenset):
        yield frozenset(value)
    elif isinstance(value, str) or not hasattr(value, "__iter__"):
        yield value
    else:
        for held in value:
            yield from _leaves(held)


def _same(one: Any, other: Any) -> bool:
    if isinstance(one, str | int | float | tuple | frozenset):
        return bool(one == other)
    return one is other
