"""The dictionary form of Qiskit Aer's noise models, as ``NoiseModel.to_dict`` gives it.

It lists quantum errors (``qerror``), Pauli-Lindblad errors (``plerror``) and readout errors
(``roerror``), each with the names of instructions (``operations``) and, but for an error on all
qubits, the instruction's qubits (``gate_qubits``). An error with ``noise_qubits`` acts on these, in
addition to whatever else the instruction has. Errors on the same instruction act in their order.
"""

from __future__ import annotations

from functools import partial
from itertools import product
from math import inf
from typing import TYPE_CHECKING, Any

from lret_dist import ErrorTerm, UnsupportedOperationError
from lret_dist.circuits.noise_document import MAX_ENTRIES, MAX_QUBITS
from lret_dist.files.plain_data import Node
from lret_dist.numerics.channels import as_readout_matrix
from lret_qiskit.noise.imported import ImportedNoiseModel
from lret_qiskit.noise.instructions import check_branches, check_probabilities
from lret_qiskit.translators.quantum_errors import error_kraus, error_width, pauli_kraus

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

__all__ = ["read_error_dictionary"]


def read_error_dictionary(
    document: Mapping[str, Any], *, trusted: bool = False
) -> ImportedNoiseModel:
    """The errors of a dictionary, of either setting of ``serializable``.

    Args:
        document: the dictionary.
        trusted: whether Qiskit Aer itself has just made it. Instructions are then not checked, and
            Kraus operators are made when a circuit first needs them.

    Raises:
        ValueError: saying where the dictionary is wrong.
        UnsupportedOperationError: for an unknown kind of error.
    """
    model = ImportedNoiseModel()
    unfolded = _Unfolded(inf if trusted else MAX_ENTRIES)
    elsewhere: list[tuple[Node, str, tuple[int, ...], ErrorTerm]] = []
    # One error may be given for many instructions: its Kraus operators are made once.
    made: dict[str, list[ErrorTerm]] = {}
    for node in Node(document).fields(("errors",))["errors"].items(most=MAX_ENTRIES):
        kind = _kind(node)
        if kind == "roerror":
            _add_readout_error(model, node)
            continue
        fields = node.fields(_required(kind), ("id", "gate_qubits", "noise_qubits"))
        if not trusted:
            terms = _checked_terms(node, kind, fields)
        else:
            error = node.value.get("id", node.path)
            if error not in made:
                made[error] = _MAKERS[kind](node.value)
            terms = made[error]
        names, places = _names(fields), _places(fields.get("gate_qubits"))
        if "noise_qubits" in fields:
            chosen = _places(fields["noise_qubits"])
            unfolded.add(len(names) * len(places) * len(chosen) * len(terms), node)
            moved = _moved_terms(fields, terms)
            elsewhere += [(node, name, place, term) for name, place, term in moved]
            continue
        unfolded.add(len(names) * len(places) * max(len(terms), 1), node)
        for name, qubits in product(names, places):
            model.errors.setdefault((name, qubits), []).extend(terms)
    for node, name, place, term in elsewhere:
        if (name, place) not in model.errors:
            # Beside the instruction's own error, which may be that for all qubits.
            default = model.errors.get((name, None), [])
            unfolded.add(len(default), node)
            model.errors[name, place] = list(default)
        model.errors[name, place].append(term)
    return model


class _Unfolded:
    """Counts what a document's lists of instructions and qubits multiply to."""

    def __init__(self, most: float) -> None:
        self._most = most
        self._number = 0

    def add(self, number: int, node: Node) -> None:
        self._number += number
        if self._number > self._most:
            raise node.wrong(
                f"with this error there are more than {self._most} channels, counted for each "
                f"instruction and its qubits; leave out what no circuit needs"
            )


def _kind(node: Node) -> str:
    if not isinstance(node.value, dict):
        raise node.expected("an object")
    kind = node.value.get("type")
    if isinstance(kind, str) and kind in ("roerror", *_WEIGHTS):
        return kind
    raise UnsupportedOperationError(
        f"{node.path}: an error's type must be 'qerror', 'plerror' or 'roerror', got {kind!r}"
    )


def _required(kind: str) -> tuple[str, ...]:
    return ("type", "operations", "instructions", _WEIGHTS[kind])


def _checked_terms(node: Node, kind: str, fields: Mapping[str, Node]) -> list[ErrorTerm]:
    """The channels of an error, with their Kraus operators."""
    _check(kind, fields)
    terms = _MAKERS[kind](node.value)
    for term in terms:
        try:
            _ = term.kraus
        except UnsupportedOperationError as error:
            raise UnsupportedOperationError(f"{node.path}: {error}") from None
        except ValueError as error:
            raise node.wrong(str(error)) from None
    return terms


#: What gives the weights of an error's branches.
_WEIGHTS = {"qerror": "probabilities", "plerror": "rates"}


def _check(kind: str, fields: Mapping[str, Node]) -> None:
    branches = fields["instructions"].items(most=MAX_ENTRIES, least=1)
    weights = fields[_WEIGHTS[kind]].items(most=MAX_ENTRIES)
    if len(weights) != len(branches):
        raise fields["instructions"].wrong(
            f"there are {len(branches)} branches and {len(weights)} {_WEIGHTS[kind]}"
        )
    check_branches(branches, only_paulis=kind == "plerror")
    if kind == "qerror":
        check_probabilities(fields["probabilities"])
    else:
        for weight in weights:
            if weight.number() < 0:
                raise weight.wrong("a Pauli-Lindblad rate must not be negative")


def _quantum_terms(error: Mapping[str, Any]) -> list[ErrorTerm]:
    width = error_width(error)
    return [ErrorTerm(partial(error_kraus, error, width), tuple(range(width)))]


def _pauli_lindblad_terms(error: Mapping[str, Any]) -> list[ErrorTerm]:
    """One term for each generator: they commute, so the error is their product."""
    terms = []
    for (generator,), rate in zip(error["instructions"], error["rates"], strict=True):
        string, qubits = generator["params"][0], generator["qubits"]
        # The last letter acts on the first qubit.
        acting = [(p, q) for p, q in zip(reversed(string), qubits, strict=True) if p != "I"]
        if acting:
            letters = "".join(letter for letter, _ in reversed(acting))
            positions = tuple(qubit for _, qubit in acting)
            terms.append(ErrorTerm(partial(pauli_kraus, letters, float(rate)), positions))
    return terms


#: Functions that make the channels of an error from its dictionary.
_MAKERS = {"qerror": _quantum_terms, "plerror": _pauli_lindblad_terms}


def _moved_terms(
    fields: Mapping[str, Node], terms: list[ErrorTerm]
) -> Iterator[tuple[str, tuple[int, ...], ErrorTerm]]:
    """Terms that act on other qubits than the instruction's, with the instruction's."""
    if "gate_qubits" not in fields:
        raise fields["noise_qubits"].wrong("gate_qubits are missing; noise_qubits need them")
    places = [place for place in _places(fields["gate_qubits"]) if place is not None]
    for name, place, qubits in product(_names(fields), places, _places(fields["noise_qubits"])):
        for term in terms:
            positions = term.positions or ()
            if qubits is None or max(positions) >= len(qubits):
                raise fields["noise_qubits"].wrong(
                    f"the error acts on {1 + max(positions)} qubits, got {qubits}"
                )
            chosen = tuple(qubits[position] for position in positions)
            yield name, place, ErrorTerm(partial(_kraus_of, term), qubits=chosen)


def _kraus_of(term: ErrorTerm) -> Any:
    return term.kraus


def _names(fields: Mapping[str, Node]) -> list[str]:
    return [name.text() for name in fields["operations"].items(most=MAX_ENTRIES, least=1)]


def _places(node: Node | None) -> list[tuple[int, ...] | None]:
    """Lists of qubits; one None, for any qubits, where there is no such field."""
    if node is None:
        return [None]
    places = node.items(most=MAX_ENTRIES, least=1)
    for place in places:
        place.items(most=MAX_QUBITS, least=1)
    return [place.distinct_qubits(most=MAX_QUBITS) for place in places]


def _add_readout_error(model: ImportedNoiseModel, node: Node) -> None:
    fields = node.fields(("type", "operations", "probabilities"), ("id", "gate_qubits"))
    for name in fields["operations"].items(most=MAX_ENTRIES, least=1):
        if name.value != "measure":
            raise name.expected("'measure', as a readout error acts on nothing else")
    for qubits in _places(fields.get("gate_qubits")):
        # A tuple means qubits that one instruction measures together.
        qubit = qubits[0] if qubits is not None and len(qubits) == 1 else qubits
        if qubit in model.readout:
            who = "all qubits" if qubit is None else f"qubit {qubit}"
            raise node.wrong(f"a readout error on {who} is there already")
        matrix = fields["probabilities"].numbers(2)
        try:
            width = len(qubit) if isinstance(qubit, tuple) else 1
            model.readout[qubit] = as_readout_matrix(matrix, width)
        except ValueError as error:
            raise fields["probabilities"].wrong(str(error)) from None
