"""A dispatch mode of torch that leaves torch's compiler alone."""

from __future__ import annotations

from torch.utils._python_dispatch import TorchDispatchMode


class DispatchMode(TorchDispatchMode):  # type: ignore[no-untyped-call] # torch has no types here
    """To derive from; define `__torch_dispatch__`.

    torch wraps that method in `torch._dynamo.disable` unless a mode says no, and the first call then imports
    the compiler: 800 modules, more than a second of work.
    """

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]

    def __init_subclass__(cls, **kwargs: object) -> None:
        super().__init_subclass__(**kwargs)  # type: ignore[no-untyped-call]

    @classmethod
    def _should_skip_dynamo(cls) -> bool:
        return False
