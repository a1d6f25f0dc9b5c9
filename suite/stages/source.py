"""What the text of a solution says: its kernels, where it launches them, how it tunes them. Nothing runs."""

from __future__ import annotations

import ast
import dataclasses
from collections.abc import Iterator
from dataclasses import dataclass

Function = ast.FunctionDef | ast.AsyncFunctionDef


@dataclass(frozen=True, slots=True)
class Tuning:
    """One `triton.autotune`."""

    line: int
    on_jit: bool
    """It stands directly on a kernel, above `@triton.jit`."""
    names: frozenset[str]
    """The meta-parameters that its configurations set, as far as they are written out."""
    kernel: str | None


@dataclass(frozen=True, slots=True)
class Kernel:
    """One function under `@triton.jit`."""

    name: str
    line: int
    constants: tuple[str, ...]
    """Parameters that are `tl.constexpr`."""
    axes: frozenset[int] | None
    """Which `tl.program_id` it asks for, itself or through kernels that it calls; None: not written out."""
    tile: frozenset[str]
    """Constants that size a tile: called BLOCK_*, or given to `tl.arange`."""
    uses_dot: bool
    redefined: tuple[tuple[str, int], ...]
    """Its own BLOCK_* parameters that it assigns, with the lines."""
    calls: frozenset[str]


@dataclass(frozen=True, slots=True)
class LaunchSite:
    """`kernel[grid](...)` in the text."""

    kernel: str
    line: int
    grid_is_callable: bool | None
    """None: it cannot be told from the text."""
    keywords: frozenset[str]


@dataclass(frozen=True, slots=True)
class Source:
    """The facts of one file."""

    kernels: dict[str, Kernel]
    launches: tuple[LaunchSite, ...]
    tunings: tuple[Tuning, ...]
    aliases: dict[str, str]
    """Names of module level that stand for a kernel, wrapped or not."""

    def kernel(self, name: str) -> Kernel | None:
        """The kernel that `name` stands for."""
        return self.kernels.get(self.aliases.get(name, name))


def read_source(text: str | bytes) -> Source:
    """The facts of a file's text.

    Raises:
        SyntaxError, ValueError, RecursionError, MemoryError: it is no Python.
    """
    tree = ast.parse(text)
    functions = [node for node in tree.body if isinstance(node, Function) and is_kernel(node)]
    kernels = {node.name: _kernel(node) for node in functions}
    kernels = {name: _with_callees(kernel, kernels) for name, kernel in kernels.items()}
    aliases = {name: name for name in kernels} | _aliases(tree, set(kernels))
    return Source(
        kernels=kernels,
        launches=tuple(_launch_sites(tree, aliases)),
        tunings=tuple(_tunings(tree, aliases)),
        aliases=aliases,
    )


def is_kernel(node: ast.AST) -> bool:
    """A function under `@triton.jit` or `@jit`, called or not."""
    return isinstance(node, Function) and any(
        dotted(decorator) in ("triton.jit", "jit") for decorator in node.decorator_list
    )


def dotted(node: ast.AST) -> str:
    """ "triton.jit" of `triton.jit` and of `triton.jit(...)`; empty for anything else."""
    node = node.func if isinstance(node, ast.Call) else node
    if isinstance(node, ast.Name):
        return node.id
    if isinstance(node, ast.Attribute):
        base = dotted(node.value) if not isinstance(node.value, ast.Call) else ""
        return f"{base}.{node.attr}" if base else ""
    return ""


def is_block_name(name: str) -> bool:
    """BLOCK, BLOCK_M, BLOCK_SIZE_K, ..."""
    return name == "BLOCK" or name.startswith("BLOCK_")


def _kernel(node: Function) -> Kernel:
    parameters = [*node.args.posonlyargs, *node.args.args, *node.args.kwonlyargs]
    constants = [
        p.arg for p in parameters if p.annotation is not None and "constexpr" in ast.dump(p.annotation)
    ]
    calls = [child for child in ast.walk(node) if isinstance(child, ast.Call)]
    ranges = [call for call in calls if dotted(call).endswith("arange")]
    used = {
        name.id
        for call in ranges
        for part in call.args
        for name in ast.walk(part)
        if isinstance(name, ast.Name)
    }
    stored = [
        (child.id, child.lineno)
        for child in ast.walk(node)
        if isinstance(child, ast.Name) and isinstance(child.ctx, ast.Store)
    ]
    return Kernel(
        name=node.name,
        line=node.lineno,
        constants=tuple(constants),
        axes=_axes(calls),
        tile=frozenset(name for name in constants if is_block_name(name) or name in used),
        uses_dot=any(dotted(call).rpartition(".")[2] in ("dot", "dot_scaled") for call in calls),
        redefined=tuple((name, line) for name, line in stored if name in constants and is_block_name(name)),
        calls=frozenset(dotted(call) for call in calls),
    )


def _axes(calls: list[ast.Call]) -> frozenset[int] | None:
    axes = set()
    for call in calls:
        if dotted(call).rpartition(".")[2] == "program_id":
            given = [*call.args, *(keyword.value for keyword in call.keywords if keyword.arg == "axis")]
            value = given[0].value if given and isinstance(given[0], ast.Constant) else None
            if not isinstance(value, int):
                return None
            axes.add(value)
    return frozenset(axes)


def _with_callees(kernel: Kernel, kernels: dict[str, Kernel]) -> Kernel:
    """The kernel with what the kernels that it calls add."""
    seen, waiting = {kernel.name}, [*kernel.calls]
    axes, uses_dot = kernel.axes, kernel.uses_dot
    while waiting:
        callee = kernels.get(waiting.pop())
        if callee is not None and callee.name not in seen:
            seen.add(callee.name)
            waiting += callee.calls
            axes = None if axes is None or callee.axes is None else axes | callee.axes
            uses_dot = uses_dot or callee.uses_dot
    return dataclasses.replace(kernel, axes=axes, uses_dot=uses_dot)


def _aliases(tree: ast.Module, kernels: set[str]) -> dict[str, str]:
    """`tuned = triton.autotune(...)(kernel)`, `fast = kernel`, and chains of them."""
    aliases: dict[str, str] = {}
    for node in tree.body:
        if isinstance(node, ast.Assign) and len(node.targets) == 1 and isinstance(node.targets[0], ast.Name):
            value: ast.AST = node.value
            while isinstance(value, ast.Call) and len(value.args) == 1 and not value.keywords:
                value = value.args[0]
            if isinstance(value, ast.Name) and (value.id in kernels or value.id in aliases):
                aliases[node.targets[0].id] = aliases.get(value.id, value.id)
    return aliases


def _tunings(tree: ast.Module, aliases: dict[str, str]) -> Iterator[Tuning]:
    placed: set[int] = set()
    for node in ast.walk(tree):
        if isinstance(node, Function | ast.ClassDef):
            names = [dotted(decorator) for decorator in node.decorator_list]
            for place, decorator in enumerate(node.decorator_list):
                if dotted(decorator).endswith("autotune"):
                    placed.add(id(decorator))
                    below = names[place + 1 :]
                    on_jit = is_kernel(node) and any(name in ("triton.jit", "jit") for name in below)
                    yield Tuning(decorator.lineno, on_jit, _tuned_names(decorator, tree), node.name)
    for node in ast.walk(tree):
        if (
            isinstance(node, ast.Call)
            and isinstance(node.func, ast.Call)
            and dotted(node.func).endswith("autotune")
            and id(node.func) not in placed
        ):
            target = node.args[0] if node.args else None
            kernel = aliases.get(target.id) if isinstance(target, ast.Name) else None
            yield Tuning(node.lineno, kernel is not None, _tuned_names(node.func, tree), kernel)


def _tuned_names(call: ast.AST, tree: ast.Module) -> frozenset[str]:
    """Keys of the `triton.Config({...})` in the call, and in what it names at module level."""
    named = {node.id for node in ast.walk(call) if isinstance(node, ast.Name)}
    places: list[ast.AST] = [call]
    for node in tree.body:
        targets = node.targets if isinstance(node, ast.Assign) else []
        if (isinstance(node, Function) and node.name in named) or any(
            isinstance(target, ast.Name) and target.id in named for target in targets
        ):
            places.append(node)
    return frozenset(
        key.value
        for place in places
        for config in ast.walk(place)
        if isinstance(config, ast.Call) and dotted(config).endswith("Config")
        for literal in [*config.args[:1], *(k.value for k in config.keywords if k.arg == "kwargs")]
        if isinstance(literal, ast.Dict)
        for key in literal.keys
        if isinstance(key, ast.Constant) and isinstance(key.value, str)
    )


def _launch_sites(tree: ast.Module, aliases: dict[str, str]) -> Iterator[LaunchSite]:
    scopes: list[tuple[ast.AST, dict[str, ast.AST]]] = [(tree, {})]
    scopes += [(node, _assigned(node)) for node in ast.walk(tree) if isinstance(node, Function)]
    innermost: dict[int, dict[str, ast.AST]] = {}
    for scope, assigned in scopes:  # inner functions are walked after the functions around them
        for node in ast.walk(scope):
            innermost[id(node)] = assigned
    for node in ast.walk(tree):
        if (
            isinstance(node, ast.Call)
            and isinstance(node.func, ast.Subscript)
            and isinstance(node.func.value, ast.Name)
            and node.func.value.id in aliases
        ):
            grid: ast.AST = node.func.slice
            grid = innermost[id(node)].get(grid.id, grid) if isinstance(grid, ast.Name) else grid
            yield LaunchSite(
                aliases[node.func.value.id],
                node.lineno,
                _is_callable(grid),
                frozenset(keyword.arg for keyword in node.keywords if keyword.arg),
            )


def _assigned(function: ast.AST) -> dict[str, ast.AST]:
    """What each name of a function is last set to; functions inside it by themselves."""
    assigned: dict[str, ast.AST] = {}
    for node in ast.walk(function):
        if isinstance(node, ast.Assign):
            assigned |= {target.id: node.value for target in node.targets if isinstance(target, ast.Name)}
        elif isinstance(node, Function) and node is not function:
            assigned[node.name] = node
    return assigned


def _is_callable(grid: ast.AST) -> bool | None:
    if isinstance(grid, ast.Lambda | Function):
        return True
    return False if isinstance(grid, ast.Tuple | ast.List | ast.Constant | ast.BinOp) else None
