"""What a command says on standard error, in the words of a command line."""

from __future__ import annotations

import re
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import click
from rich.text import Text

from lret_dist import LretError
from lret_qiskit.cli.terminal import standard_error

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = [
    "in_option_names",
    "note",
    "plain_words",
    "show_warning",
    "usage_errors",
]


def note(text: str) -> None:
    """Say something that a user should know, on one line."""
    standard_error().print(Text(f"lret: {text}"), soft_wrap=True)


def show_warning(message: Warning | str, *_: Any) -> None:
    """Show a warning as a line; where in the program it comes from is no user's business."""
    line = Text.assemble("lret: ", ("warning", "yellow"), f": {in_option_names(str(message))}")
    standard_error().print(line, soft_wrap=True)


@contextmanager
def usage_errors(option: str | None = None) -> Iterator[None]:
    """Take a bad value for a mistake on the command line, where ``option`` may have it."""
    try:
        yield
    except LretError:
        raise
    except (ValueError, OSError) as error:
        text = in_option_names(plain_words(error))
        if option is not None:
            raise click.BadParameter(text, param_hint=f"'{option}'") from error
        raise click.UsageError(text) from error


def plain_words(problem: Exception) -> str:
    """What is wrong, without the number that the operating system has for it."""
    if isinstance(problem, OSError) and problem.filename is not None:
        return f"{problem.filename}: {problem.strerror}"
    return str(problem)


def in_option_names(text: str, command: click.Command | None = None) -> str:
    """A message in which the options of a command have the names of a command line.

    ``max_rank needs truncation="certified"`` becomes ``--max-rank needs --truncation certified``.
    A name that may be a word of a sentence is changed at the beginning and before a value only.

    Args:
        text: the message.
        command: the command; default: the one that runs.
    """
    for option in _options(command):
        shown = f"--{option.replace('_', '-')}"
        text = re.sub(rf"(?<![\w-]){option}=[\"']?([\w.+-]*\w)[\"']?", rf"{shown} \1", text)
        start = r"(?<![\w-])" if "_" in option else "^"
        text = re.sub(rf"{start}{option}(?![\w-])", shown, text)
    return text


def _options(command: click.Command | None) -> list[str]:
    """Names of a command's options, the longest first."""
    if command is None and (context := click.get_current_context(silent=True)) is not None:
        command = context.command
    params = [] if command is None else command.params
    names = [str(each.name) for each in params if isinstance(each, click.Option)]
    return sorted(names, key=len, reverse=True)
