"""Commands as plain functions: shared options come as one value, every error is shown the same way.

A command takes the ``Terminal`` it speaks at; any parameter of a dataclass stands for one option
per field. Knows typer. Does not know any command.
"""

import functools
import inspect
from collections.abc import Callable, Iterator
from contextlib import nullcontext
from dataclasses import MISSING, fields, is_dataclass
from inspect import Parameter
from typing import Any, ParamSpec, get_type_hints

import typer

from federation.terminal import Terminal, reporting

P = ParamSpec("P")


class Commands(typer.Typer):
    """A command line whose commands may take a ``Terminal`` and other groups of options.

    A ``HeduiError`` that leaves a command with a terminal is shown there, and the process ends with
    2 (input) or 1 (anything else).
    """

    def command(self, *names: Any, **how: Any) -> Callable[..., Any]:
        """Register a command as typer does; what is decorated stays as it is."""
        register = super().command(*names, **how)

        def decorate(function: Callable[P, None]) -> Callable[P, None]:
            register(_flat(function))
            return function

        return decorate


def _flat(function: Callable[..., None]) -> Callable[..., None]:
    """Give the command with one parameter per option, the terminal's last, as typer reads it."""
    hints = get_type_hints(function, include_extras=True)
    taken = list(inspect.signature(function).parameters.values())
    taken.sort(key=lambda one: hints[one.name] is Terminal)
    groups = {one.name: hints[one.name] for one in taken if is_dataclass(hints[one.name])}

    @functools.wraps(function)
    def run(**given: Any) -> None:
        for name, group in groups.items():
            given[name] = group(**{one.name: given.pop(one.name) for one in fields(group)})
        at = next((one for one in given.values() if isinstance(one, Terminal)), None)
        with reporting(at) if at else nullcontext():
            function(**given)

    flat = [option for one in taken for option in _options(one, hints[one.name])]
    run.__annotations__ = {one.name: one.annotation for one in flat}
    run.__signature__ = inspect.Signature(flat)  # type: ignore[attr-defined]
    return run


def _options(one: Parameter, hint: Any) -> Iterator[Parameter]:
    if not is_dataclass(hint):
        yield one.replace(kind=Parameter.KEYWORD_ONLY, annotation=hint)
        return
    hints = get_type_hints(hint, include_extras=True)
    for option in fields(hint):
        default = Parameter.empty if option.default is MISSING else option.default
        yield Parameter(
            option.name, Parameter.KEYWORD_ONLY, default=default, annotation=hints[option.name]
        )
