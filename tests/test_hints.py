"""Type hints of the public functions: there, and of names that exist, since settings are checked by them."""

import importlib
import inspect
import pkgutil
import typing

import speechbrain_cadino

WANTED = 0.95
MODULES = [
    module.name
    for module in pkgutil.walk_packages(speechbrain_cadino.__path__, "speechbrain_cadino.")
    if not module.ispkg
]


def public_functions():
    """Functions and methods of the whole package that a user may call."""
    for name in MODULES:
        for key, value in vars(importlib.import_module(name)).items():
            if key.startswith("_") or getattr(value, "__module__", None) != name:
                continue
            if inspect.isfunction(value):
                yield f"{name}.{key}", value, 0
            elif inspect.isclass(value):
                for method, function in vars(value).items():
                    if inspect.isfunction(function) and (method in ("__init__", "__call__") or method[0] != "_"):
                        yield f"{name}.{key}.{method}", function, 1


def test_arguments_have_hints():
    without, total = [], 0
    for name, function, skipped in public_functions():
        for parameter in list(inspect.signature(function).parameters.values())[skipped:]:
            if parameter.kind in (parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD):
                continue
            total += 1
            if parameter.annotation is parameter.empty:
                without.append(f"{name}({parameter.name})")
    assert total > 300
    assert len(without) <= (1 - WANTED) * total, f"{1 - len(without) / total:.0%} have: {without}"


def test_hints_can_be_resolved():
    for name, function, _ in public_functions():
        assert isinstance(typing.get_type_hints(inspect.unwrap(function)), dict), name
