"""Checks of untrusted plain data, such as JSON, that say where in the document something is wrong.

A :class:`Node` is a value with its path, such as ``errors[3].channels[0].kraus``. Its methods give
the value as what it should be, or raise ``ValueError`` with the path.
"""

from __future__ import annotations

import json
import os
from contextlib import contextmanager
from dataclasses import dataclass
from math import inf, isfinite
from numbers import Integral, Real
from os import PathLike
from typing import TYPE_CHECKING, Any, NoReturn, cast

import numpy as np

from lret_dist.files.atomic_file import write_text
from lret_dist.files.input_file import read_input

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator
    from typing import IO

    from numpy.typing import NDArray

__all__ = ["MAX_BYTES", "Node", "naming", "read_json", "without_repetition", "write_json"]

#: Longest JSON text that is read. The noise of a device of 150 qubits takes some 5 MB, and a text
#: takes up to 24 times its length once it is objects.
MAX_BYTES = 1 << 26
_MAX_TEXT = 1000
#: Longest integer that is read; float64 ends at 309 digits.
_MAX_DIGITS = 400


@dataclass(frozen=True, slots=True)
class Node:
    """A value of a document, and its place there."""

    value: Any
    path: str = ""

    def wrong(self, text: str) -> ValueError:
        """The exception that says what is wrong here."""
        return ValueError(f"{self.path or 'the document'}: {text}")

    def expected(self, what: str) -> ValueError:
        """The exception for a value of the wrong kind."""
        return self.wrong(f"expected {what}, got {_shown(self.value)}")

    def fields(self, required: Collection[str], optional: Collection[str] = ()) -> dict[str, Node]:
        """An object's values by key; those that may be left out, and are, are not in it."""
        if not isinstance(self.value, dict):
            raise self.expected("an object")
        known = (*required, *optional)
        for key in self.value:
            if key not in known:
                raise self.wrong(f"unknown key {_shown(key)}; known are {', '.join(known)}")
        for key in required:
            if key not in self.value:
                raise self.wrong(f"{key!r} is missing")
        prefix = f"{self.path}." if self.path else ""
        return {key: Node(value, f"{prefix}{key}") for key, value in self.value.items()}

    def entries(self) -> dict[str, Node]:
        """The values of an object that may have any keys."""
        if not isinstance(self.value, dict):
            raise self.expected("an object")
        return {key: Node(value, f"{self.path}[{key!r}]") for key, value in self.value.items()}

    def items(self, *, most: int, least: int = 0) -> list[Node]:
        """The elements of a list."""
        if not isinstance(self.value, list | tuple):
            raise self.expected("a list")
        if not least <= len(self.value) <= most:
            raise self.wrong(f"expected {least} to {most} elements, got {len(self.value)}")
        return [Node(value, f"{self.path}[{i}]") for i, value in enumerate(self.value)]

    def text(self) -> str:
        """A string of one to 1000 characters."""
        if not isinstance(self.value, str):
            raise self.expected("a string")
        if not 1 <= len(self.value) <= _MAX_TEXT:
            raise self.wrong(f"expected 1 to {_MAX_TEXT} characters, got {len(self.value)}")
        return self.value

    def integer(self, *, least: int, most: int) -> int:
        """An integer in a range."""
        if isinstance(self.value, bool) or not isinstance(self.value, Integral):
            raise self.expected("an integer")
        number = int(self.value)
        if not least <= number <= most:
            raise self.expected(f"an integer from {least} to {most}")
        return number

    def number(self) -> float:
        """A finite real number."""
        if isinstance(self.value, bool) or not isinstance(self.value, Real):
            raise self.expected("a number")
        try:
            number = float(self.value)
        except OverflowError:
            number = inf
        if not isfinite(number):
            raise self.expected("a finite number")
        return number

    def numbers(self, dimensions: int) -> NDArray[np.float64]:
        """Nested lists of finite numbers as a float64 array."""
        _check_numbers(self, dimensions)
        try:
            return np.array(self.value, dtype=np.float64)
        except ValueError:
            raise self.wrong("lists of one level must have one length") from None

    def distinct_qubits(self, *, most: int) -> tuple[int, ...]:
        """Qubits, each of them once."""
        qubits = tuple(node.integer(least=0, most=most - 1) for node in self.items(most=most))
        if len(set(qubits)) != len(qubits):
            raise self.wrong(f"qubits must be distinct, got {_shown(list(qubits))}")
        return qubits


@contextmanager
def naming(source: str | PathLike[str] | IO[str] | IO[bytes]) -> Iterator[None]:
    """Put the file's path in front of what a ValueError says in this block, if it has one."""
    try:
        yield
    except ValueError as error:
        if not isinstance(source, str | PathLike) or str(error).startswith(os.fspath(source)):
            raise
        raise ValueError(f"{os.fspath(source)}: {error}") from None


def read_json(source: str | PathLike[str] | IO[str] | IO[bytes]) -> Any:
    """The plain data of a JSON file, given by its path or open.

    Raises:
        TypeError: for anything but a path or an open file.
        OSError: for a file that cannot be read.
        ValueError: for a path that is no regular file, and text that is no JSON, is too long or
            nested too deeply, names a key twice, or holds NaN, infinity or an integer of more than
            400 digits. Of a path, the text names it.
    """
    _check_file(source, "read")
    with naming(source):
        try:
            return _parsed(_content(source))
        except RecursionError:
            raise ValueError("the document is nested too deeply") from None
        except UnicodeDecodeError as error:
            raise ValueError(f"the document is no UTF-8 text: {error}") from None
        except json.JSONDecodeError as error:
            raise ValueError(f"the document is no JSON: {error}") from None


def write_json(document: Any, target: str | PathLike[str] | IO[str] | IO[bytes]) -> None:
    """Write plain data as JSON to a path, or to an open file; floats are written exactly.

    A file that is given by its path is there as a whole or not at all.

    Raises:
        TypeError: for anything but a path or an open file.
    """
    _check_file(target, "write")
    text = json.dumps(document, allow_nan=False) + "\n"
    if isinstance(target, str | PathLike):
        write_text(target, text)
        return
    is_text = hasattr(target, "encoding")
    cast("IO[Any]", target).write(text if is_text else text.encode())


def _check_file(file: object, method: str) -> None:
    if not isinstance(file, str | PathLike) and not hasattr(file, method):
        raise TypeError(f"expected a path or an open file, got {_shown(file)}")


def _content(source: str | PathLike[str] | IO[str] | IO[bytes]) -> str | bytes:
    if isinstance(source, str | PathLike):
        return read_input(source, MAX_BYTES)
    content = source.read(MAX_BYTES + 1)
    if len(content) > MAX_BYTES:
        raise ValueError(f"the document is too large: more than {MAX_BYTES >> 20} MiB")
    return content


def _parsed(content: str | bytes) -> Any:
    # json would guess at UTF-16 too.
    text = content if isinstance(content, str) else content.decode("utf-8-sig")
    return json.loads(
        text,
        object_pairs_hook=without_repetition,
        parse_constant=_no_constant,
        parse_int=_integer,
    )


def _check_numbers(node: Node, dimensions: int) -> None:
    if dimensions == 0:
        node.number()
        return
    if not isinstance(node.value, list | tuple):
        raise node.expected(f"numbers in lists {dimensions} deep")
    if dimensions == 1 and all(type(x) is float and isfinite(x) for x in node.value):
        return
    for i, value in enumerate(node.value):
        _check_numbers(Node(value, f"{node.path}[{i}]"), dimensions - 1)


def without_repetition(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """The object of these keys and values; ValueError where a key comes twice."""
    found: dict[str, Any] = {}
    for key, value in pairs:
        if key in found:
            raise ValueError(f"an object has the key {_shown(key)} twice")
        found[key] = value
    return found


def _integer(digits: str) -> int:
    if len(digits) > _MAX_DIGITS:
        raise ValueError(f"expected integers of at most {_MAX_DIGITS} digits, got {len(digits)}")
    return int(digits)


def _no_constant(name: str) -> NoReturn:
    raise ValueError(f"numbers must be finite, got {name}")


def _shown(value: Any) -> str:
    """A value, cut short; of a container only what it is."""
    if isinstance(value, dict):
        return "an object"
    if isinstance(value, list | tuple) and len(value) > 4:
        return f"a list of {len(value)}"
    try:
        text = repr(value)
    except (RecursionError, ValueError):
        return f"a {type(value).__name__}"
    return text if len(text) <= 60 else f"{text[:57]}..."
