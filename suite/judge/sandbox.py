"""How a worker is confined: by bubblewrap, in namespaces and a file system of its own.

What is not mounted cannot be read: neither the checkout nor its reports, nor the rest of the user's files.
"""

from __future__ import annotations

import functools
import os
import shutil
import site
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

BUBBLEWRAP, NONE = "bubblewrap", "none"
CHOICES = ("auto", BUBBLEWRAP, NONE)

NOBODY = 65534  # the overflow user of every Linux kernel
TRIAL_S = 10.0
TMPFS_BYTES = 2 << 30  # a compiler's cache; memory, so a worker that fills it harms itself first
# Triton compiles in subprocesses and torch keeps a few threads a core; a fork bomb meets this end.
PROCESSES = 1024
OPEN_FILES = 4096
CPU_SECONDS = 3600  # every step has a deadline on the wall; this bounds what children burn

# Root's packages may be readable by root alone.
_READS_PACKAGES = "from importlib.util import find_spec as f; t = f('torch'); t and open(t.origin).close()"
# The driver must start too; it needs device files that are easily forgotten.
_STARTS_DRIVER = (
    "import ctypes, sys; e = ctypes.CDLL('libcuda.so.1').cuInit(0); e and sys.exit(f'cuInit gives {e}')"
)
_NSIGHT_COMPUTE = Path("/opt/nvidia/nsight-compute")  # where its packages put it; `ncu` elsewhere is a script
_SYSTEM = ("/usr", "/bin", "/sbin", "/lib", "/lib32", "/lib64")
# The loader's cache, the names behind `cc`, and names for user ids; the rest of /etc is nobody's business.
_ETC = ("ld.so.cache", "ld.so.conf", "ld.so.conf.d", "alternatives", "passwd", "group")

_trying = threading.Lock()


class SandboxError(ValueError):
    """A confinement was asked for that does not work here; the message says why and what to do."""


@dataclass(frozen=True, slots=True)
class Sandbox:
    """A bubblewrap that works here.

    `owner` is the user id that the worker gets and its files need; None: the user's own. `hidden` are folders
    that stay invisible even where a folder above them is mounted.
    """

    bwrap: str
    owner: int | None
    device: str
    hidden: tuple[Path, ...]

    def command(self, directory: Path, info_fd: int | None = None) -> list[str]:
        """The start of a command that runs confined.

        Args:
            directory: the worker's private one; it sees it read-only, but for `shared` and a fresh `tmp`.
            info_fd: where bubblewrap writes the process id of the first process inside.
        """
        shared, temporary = str(directory / "shared"), str(directory / "tmp")
        return [
            self.bwrap,
            *("--unshare-net", "--unshare-ipc", "--unshare-pid", "--unshare-uts", "--unshare-cgroup-try"),
            # Root becomes nobody: its process limit counts, and it owns none of the files that it sees.
            *(("--unshare-user",) if self.owner is None else ("--cap-add", "CAP_SETUID")),
            *(() if self.owner is None else ("--cap-add", "CAP_SETGID")),
            *("--die-with-parent", "--new-session", "--hostname", "worker"),
            *_tmpfs("/tmp"),  # noqa: S108 - one of its own
            *("--proc", "/proc", "--dev", "/dev", *_tmpfs("/dev/shm")),  # noqa: S108 - one of its own
            *_system(),
            *(_cuda(self.hidden) if self.device == "cuda" else ()),
            *_python(self.hidden),
            *(*_bind(directory), "--bind", shared, shared, *_tmpfs(temporary)),
            *("--remount-ro", "/dev", "--remount-ro", "/", "--chdir", str(directory)),
            *(() if info_fd is None else ("--info-fd", str(info_fd))),
            *("--", *_limits()),
            *(() if self.owner is None else _become(self.owner)),
        ]


def confine(device: str, owner: int | None, problem_root: Path | None = None) -> Sandbox:
    """A sandbox that was not tried.

    Args:
        device: "cuda" or "cpu".
        owner: see `Sandbox`; `find` says which works.
        problem_root: the checkout that the problem lies in, hidden like the suite's own.

    Raises:
        SandboxError: bubblewrap is not installed.
    """
    bwrap = shutil.which("bwrap")
    if bwrap is None:
        raise SandboxError("bubblewrap is not installed (apt-get install bubblewrap)")
    return Sandbox(bwrap, owner, device, _hidden(problem_root))


def find(device: str) -> Sandbox:
    """The sandbox of this machine, tried once: who asks while another thread tries waits for its answer.

    Args:
        device: "cuda" or "cpu".

    Raises:
        SandboxError: it does not work here.
    """
    reasons = []
    with _trying:
        for owner in (NOBODY, None) if os.geteuid() == 0 else (None,):
            sandbox = confine(device, owner)
            reason = _trial(sandbox)
            if reason is None:
                return sandbox
            reasons.append(reason)
    raise SandboxError(f"bubblewrap does not work here: {reasons[-1]}")


def available(device: str = "cpu") -> str | None:
    """Why no worker can be confined here; None if it can."""
    try:
        find(device)
    except SandboxError as error:
        return str(error)
    return None


def choose(choice: str, device: str) -> tuple[str, str | None]:
    """What a run uses, and why it is not confined.

    "auto" confines where that works.

    Raises:
        SandboxError: `choice` is "bubblewrap", and that does not work here.
    """
    if choice == NONE:
        return NONE, "--sandbox none"
    reason = available(device)
    if reason is None:
        return BUBBLEWRAP, None
    if choice == BUBBLEWRAP:
        raise SandboxError(f"--sandbox bubblewrap: {reason}")
    return NONE, reason


@functools.cache
def _trial(sandbox: Sandbox) -> str | None:
    """Why the very mounts of a worker fail; None if they work."""
    with tempfile.TemporaryDirectory(prefix="bench-trial-") as name:
        directory = Path(name)
        for folder in ("shared", "tmp"):
            (directory / folder).mkdir()
        if sandbox.owner is not None:
            os.chown(directory, sandbox.owner, -1)
        tries = [_READS_PACKAGES, *([_STARTS_DRIVER] if sandbox.device == "cuda" else [])]
        command = [*sandbox.command(directory), sys.executable, "-c", "\n".join(tries)]
        try:
            trial = subprocess.run(  # noqa: S603 - found on PATH, nothing of a solution in it
                command, capture_output=True, text=True, timeout=TRIAL_S, check=False
            )
        except (OSError, subprocess.TimeoutExpired) as error:
            return str(error)
    if trial.returncode == 0:
        return None
    said = trial.stderr.strip().splitlines()
    return said[-1] if said else f"exit code {trial.returncode}"


def _limits() -> tuple[str, ...]:
    return ("prlimit", f"--nproc={PROCESSES}", f"--nofile={OPEN_FILES}", f"--cpu={CPU_SECONDS}", "--")


def _become(owner: int) -> tuple[str, ...]:
    return ("setpriv", f"--reuid={owner}", f"--regid={owner}", "--clear-groups", "--inh-caps=-all", "--")


def _tmpfs(path: str) -> tuple[str, ...]:
    return ("--perms", "0777", "--size", str(TMPFS_BYTES), "--tmpfs", path)


def _system() -> list[str]:
    arguments = []
    for name in _SYSTEM:
        path = Path(name)
        if path.is_symlink():
            arguments += ["--symlink", str(path.readlink()), name]
        elif path.is_dir():
            arguments += _bind(path)
    for name in _ETC:
        arguments += _bind(Path("/etc") / name)
    return arguments + _bind(Path("/sys/devices/system/cpu"))  # how many cores there are


def _cuda(hidden: Sequence[Path]) -> list[str]:
    """The card's device files, what the driver reads, and the tools that Triton builds its launchers with."""
    arguments = _bind(Path("/sys"))
    for device in [*sorted(Path("/dev").glob("nvidia*")), Path("/dev/dxg")]:  # the second one under WSL
        if not device.exists():
            continue
        arguments += ["--dev-bind", str(device), str(device)]
    for folder in sorted(_tool_folders()):
        system = folder == Path("/") or any(folder.is_relative_to(name) for name in _SYSTEM)
        # A compiler in ~/bin is no reason to show a home folder.
        if not system and not any(Path(kept).is_relative_to(folder) for kept in (*hidden, Path.home())):
            arguments += _bind(folder)
    return arguments


def _tool_folders() -> set[Path]:
    """The CUDA toolkit, its profiler, and where the C compiler that Triton would choose is installed."""
    folders = {Path(os.environ[name]) for name in ("CUDA_HOME", "CUDA_PATH") if os.environ.get(name)}
    folders |= {_NSIGHT_COMPUTE}
    for name in (os.environ.get("CC"), "clang", "gcc", "cc"):
        compiler = shutil.which(name) if name else None
        if compiler is not None:
            return folders | {path.parent.parent for path in (Path(compiler), Path(compiler).resolve())}
    return folders


def _python(hidden: Sequence[Path]) -> list[str]:
    """The interpreter, its packages and its libraries, with masks over what must stay hidden.

    Outer folders come first, so that a virtual environment inside a checkout is seen and the checkout is not.
    """
    own = [
        *(sys.prefix, sys.exec_prefix, sys.base_prefix, sys.base_exec_prefix),
        *(os.path.dirname(sys.executable), os.path.dirname(os.path.realpath(sys.executable))),  # noqa: PTH120
        *site.getsitepackages(),
    ]
    given = [
        *([site.getusersitepackages()] if site.ENABLE_USER_SITE else []),
        *(path for name in ("LD_LIBRARY_PATH", "PYTHONPATH") for path in _listed(name)),
    ]
    wanted = {Path(path) for path in own if Path(path).is_dir()}
    wanted |= {Path(path) for path in given if Path(path).is_dir() and is_shown(Path(path), hidden)}
    mounted = {Path(name) for name in _SYSTEM}
    arguments: list[str] = []
    for path in sorted(wanted.difference(hidden) | set(hidden), key=lambda path: len(path.parts)):
        above = _nearest(path, mounted | set(hidden))
        if path in hidden and above in mounted:
            arguments += ["--perms", "0755", "--tmpfs", str(path)]
        elif path not in hidden and above not in mounted:
            arguments += _bind(path)
            mounted.add(path)
    return arguments


def is_shown(path: Path, hidden: Iterable[Path]) -> bool:
    """Is `path` absolute and outside of the hidden folders?"""
    return path.is_absolute() and not any(path.is_relative_to(folder) for folder in hidden)


def _listed(name: str) -> list[str]:
    """The paths in an environment variable."""
    return [path for path in os.environ.get(name, "").split(os.pathsep) if path]


def _nearest(path: Path, among: Iterable[Path]) -> Path | None:
    """The lowest folder above `path` that is one of `among`."""
    known = set(among)
    return next((parent for parent in path.parents if parent in known), None)


def _bind(path: Path) -> list[str]:
    if not path.exists():
        return []
    return [*_parents(path), "--ro-bind", str(path), str(path)]


def _parents(path: Path) -> list[str]:
    """Folders above a mount; by itself bubblewrap makes them for root alone."""
    return [
        word for parent in list(path.parents)[-2::-1] for word in ("--perms", "0755", "--dir", str(parent))
    ]


def _hidden(problem_root: Path | None) -> tuple[Path, ...]:
    package = Path(__file__).resolve().parents[1]
    # Beside the suite of a checkout lie the problems; beside that of an installed package, other packages.
    around = [package.parent] if (package.parent / "problems").is_dir() else []
    return tuple({package, *around, *filter(None, [problem_root])})
