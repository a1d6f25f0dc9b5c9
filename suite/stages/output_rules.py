"""The output rules: the form that every answer and every submitted file must have, checked on its text.

In this order: imports, kernels, wrappers, `class ModelNew`, which launches the kernels. Constants, records
and functions that a kernel's decorators need may stand where they are needed. No tests, no `__main__`, no
inputs.
"""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator
from dataclasses import dataclass

from suite.stages.source import Function, Source, dotted, is_kernel, read_source

PACKAGES = frozenset({"torch", "triton"})
TEST_MODULES = frozenset(
    {"unittest", "doctest", "timeit", "triton.testing", "torch.testing", "torch.utils.benchmark"}
)
INPUT_NAMES = frozenset({"get_inputs", "get_init_inputs"})
_RUNS = ast.For | ast.While | ast.With | ast.Assert | ast.Delete | ast.Raise


@dataclass(frozen=True, slots=True)
class Breach:
    """A rule that is broken: where, what was found, and what to do."""

    line: int
    found: str
    remedy: str

    def __str__(self) -> str:
        return f"line {self.line}: {self.found}; {self.remedy}"


def breaches(text: str | bytes) -> list[Breach]:
    """Everything in which a file breaks the output rules, by line; empty: it keeps them."""
    try:
        tree, source = ast.parse(text), read_source(text)
    except SyntaxError as error:
        return [Breach(error.lineno or 1, f"not Python: {error.msg}", "send code that Python can read")]
    except (ValueError, RecursionError, MemoryError) as error:
        return [Breach(1, f"not Python: {error}", "send code that Python can read")]
    found = [*_imports(tree), *_order(tree), *_foreign_parts(tree), *_launching(tree, source)]
    return sorted(set(found), key=lambda breach: (breach.line, breach.found))


def _imports(tree: ast.Module) -> Iterator[Breach]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            if node.level:
                yield Breach(node.lineno, "a relative import", "a solution is one file")
                continue
            names = [f"{node.module}.{alias.name}" for alias in node.names]
        else:
            continue
        for name in names:
            root = name.split(".")[0]
            if root not in PACKAGES and root not in sys.stdlib_module_names:
                remedy = "import torch, triton and the standard library alone"
                yield Breach(node.lineno, f"imports {root}", remedy)
            elif any(name == module or name.startswith(f"{module}.") for module in TEST_MODULES):
                yield Breach(
                    node.lineno, f"imports {name}", "leave tests and benchmarks out: the suite has them"
                )


def _order(tree: ast.Module) -> Iterator[Breach]:
    """Imports, kernels, wrappers, ModelNew."""
    needed = _decorator_helpers(tree)
    wrapper: Function | None = None
    model: ast.ClassDef | None = None
    defined: int | None = None
    for node in tree.body:
        if isinstance(node, ast.Import | ast.ImportFrom) and defined is not None:
            yield Breach(node.lineno, f"an import after the code of line {defined}", "move it to the top")
        if isinstance(node, Function | ast.ClassDef):
            defined = defined or node.lineno
            if model is not None:
                yield Breach(
                    node.lineno,
                    f"{node.name!r} stands after ModelNew",
                    "ModelNew is the last part: move it up",
                )
        if is_kernel(node) and wrapper is not None and isinstance(node, Function):
            found = f"kernel {node.name!r} stands after the wrapper {wrapper.name!r} of line {wrapper.lineno}"
            yield Breach(node.lineno, found, "kernels come before wrappers")
        elif isinstance(node, Function) and not is_kernel(node) and node.name not in needed:
            wrapper = wrapper or node
        elif isinstance(node, ast.ClassDef) and node.name == "ModelNew":
            model = node
    if model is None:
        remedy = "end with `class ModelNew(nn.Module)` and the signature of the problem's Model"
        yield Breach(tree.body[-1].end_lineno or 1 if tree.body else 1, "no class ModelNew", remedy)


def _decorator_helpers(tree: ast.Module) -> set[str]:
    """Functions that the decorators of kernels use, directly or not."""
    functions = {node.name: node for node in tree.body if isinstance(node, Function) and not is_kernel(node)}
    waiting: list[ast.AST] = [
        decorator
        for node in tree.body
        if isinstance(node, Function) and is_kernel(node)
        for decorator in node.decorator_list
    ]
    # `tuned = triton.autotune(configs(), key=[...])(kernel)` decorates too.
    waiting += [node.value for node in tree.body if isinstance(node, ast.Assign)]
    needed: set[str] = set()
    while waiting:
        for name in ast.walk(waiting.pop()):
            if isinstance(name, ast.Name) and name.id in functions and name.id not in needed:
                needed.add(name.id)
                waiting.append(functions[name.id])
    return needed


def _foreign_parts(tree: ast.Module) -> Iterator[Breach]:
    for node in _at_module_level(tree.body):
        if isinstance(node, Function | ast.ClassDef):
            yield from _foreign_name(node.name, node.lineno)
            if node.name.startswith(("test_", "Test")) or node.name == "Model":
                yield Breach(node.lineno, f"defines {node.name}", "leave tests and the reference out")
        elif _asks_for_main(node):
            yield Breach(
                node.lineno, "an `if __name__` block", "a solution is imported, never run: leave it out"
            )
        elif isinstance(node, _RUNS) or (
            isinstance(node, ast.Expr) and not isinstance(node.value, ast.Constant)
        ):
            yield Breach(node.lineno, "a statement that runs on import", "leave calls, prints and tests out")
        elif isinstance(node, ast.Assign | ast.AugAssign | ast.AnnAssign):
            yield from _settings(node)


def _at_module_level(body: list[ast.stmt]) -> Iterator[ast.stmt]:
    """Statements that an import comes to, those under `if` and `try` included."""
    for node in body:
        yield node
        if isinstance(node, ast.If | ast.Try) and not _asks_for_main(node):
            handled = [handler.body for handler in node.handlers] if isinstance(node, ast.Try) else []
            last = node.finalbody if isinstance(node, ast.Try) else []
            for inner in (node.body, *handled, node.orelse, last):
                yield from _at_module_level(inner)


def _asks_for_main(node: ast.stmt) -> bool:
    return isinstance(node, ast.If) and "__name__" in ast.dump(node.test)


def _foreign_name(name: str, line: int) -> Iterator[Breach]:
    if name in INPUT_NAMES:
        yield Breach(line, f"defines {name}", "the problem makes the inputs: leave it out")


def _settings(node: ast.Assign | ast.AugAssign | ast.AnnAssign) -> Iterator[Breach]:
    """What a file sets outside of itself would hold for the reference as well."""
    targets = node.targets if isinstance(node, ast.Assign) else [node.target]
    for target in targets:
        if isinstance(target, ast.Name):
            yield from _foreign_name(target.id, node.lineno)
        if isinstance(target, ast.Attribute) and dotted(target).split(".")[0] in PACKAGES:
            yield Breach(
                node.lineno, f"sets {dotted(target)}", "a solution changes nothing outside of itself"
            )


def _launching(tree: ast.Module, source: Source) -> Iterator[Breach]:
    """ModelNew launches the kernels."""
    model = next((n for n in tree.body if isinstance(n, ast.ClassDef) and n.name == "ModelNew"), None)
    if model is None:
        return
    if not source.kernels:
        yield Breach(
            model.lineno, "there is no @triton.jit kernel", "compute with Triton kernels of your own"
        )
        return
    reached = _reached(tree, source)
    if not reached:
        remedy = "call the wrapper that launches them from ModelNew.forward"
        yield Breach(model.lineno, "ModelNew launches no kernel", remedy)
        return
    for kernel in source.kernels.values():
        if kernel.name not in reached:
            found = f"kernel {kernel.name!r} is never launched from ModelNew"
            yield Breach(kernel.line, found, "launch it or leave it out")


def _reached(tree: ast.Module, source: Source) -> set[str]:
    """Kernels that ModelNew launches through whatever it names at module level, and those that they call."""
    parts = _named_parts(tree)
    seen = {"ModelNew"}
    waiting: list[ast.AST] = [*parts.get("ModelNew", ())]
    named: set[str] = set()
    launches = False
    while waiting:
        for each in ast.walk(waiting.pop()):
            if isinstance(each, ast.Name) and isinstance(each.ctx, ast.Load):
                named.add(each.id)
                if each.id in parts and each.id not in seen:
                    seen.add(each.id)
                    waiting += parts[each.id]
            # A kernel may be handed on and launched under another name.
            launches = launches or (isinstance(each, ast.Call) and isinstance(each.func, ast.Subscript))
    return {source.aliases[name] for name in named if name in source.aliases} if launches else set()


def _named_parts(tree: ast.Module) -> dict[str, list[ast.AST]]:
    """What each name of module level stands for."""
    parts: dict[str, list[ast.AST]] = {}
    for node in tree.body:
        names: list[str] = []
        if isinstance(node, Function | ast.ClassDef):
            names = [node.name]
        elif isinstance(node, ast.Assign | ast.AnnAssign):
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            names = [target.id for target in targets if isinstance(target, ast.Name)]
        for name in names:
            parts.setdefault(name, []).append(node)
    return parts
