"""One run at a time for each output: a claim that ends with the process that holds it.

A claim on ``inventory.gpkg`` is a lock of the operating system on the hidden file ``.inventory.gpkg.l4s-lock`` beside
it, which names the process that holds it. A killed process holds nothing any more, so the file that it leaves keeps
nobody out. Where a file system knows no locks, the process that the file names decides.
"""

from __future__ import annotations

import errno
import os
import socket
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from time import monotonic, sleep

from l4s_geo.errors import OutputError

__all__ = ["Claim", "claimed", "claimed_if_free", "is_claimed"]

_NO_LOCKS = (errno.ENOLCK, errno.ENOSYS, errno.EOPNOTSUPP, errno.EINVAL)
_SIGNING_S = 1.0
_TAKEN = (errno.EACCES, errno.EAGAIN, errno.EDEADLK)


class _TakenError(OutputError):
    """Another process has the claim."""


@dataclass(frozen=True)
class Claim:
    """A claim on one output."""

    path: Path
    """The file that is locked."""
    descriptor: int
    """It, open; a child process that inherits it holds the claim as well."""


@contextmanager
def claimed(*outputs: Path | None) -> Iterator[tuple[Claim, ...]]:
    """Keep other runs from writing the same files, or into the same folders, while the ``with`` block runs.

    Args:
        outputs: files or folders, which need not exist; links are followed. None is passed over.

    Yields:
        A claim on each.

    Raises:
        OutputError: another run has claimed one of them, or the folder around it cannot be written to.
    """
    places = {output.resolve(): output for output in outputs if output}
    with ExitStack() as claims:
        try:
            held = [claims.enter_context(_claim(place, output)) for place, output in places.items()]
        except _TakenError as error:
            raise OutputError(str(error)) from error
        yield tuple(held)


@contextmanager
def claimed_if_free(output: Path) -> Iterator[bool]:
    """Do as `claimed` does if no other run has the claim.

    Args:
        output: a file or a folder, which need not exist.

    Yields:
        Whether the claim is had.

    Raises:
        OutputError: the folder around it cannot be written to.
    """
    with ExitStack() as claims:
        free = True
        try:
            claims.enter_context(_claim(output.resolve(), output))
        except _TakenError:
            free = False
        yield free


def is_claimed(output: Path) -> bool:
    """Whether another run has claimed a file or a folder at this moment."""
    try:
        descriptor = os.open(_lock_of(output.resolve()), os.O_RDWR)
    except OSError:
        return False
    try:
        return not _lock(descriptor)
    finally:
        os.close(descriptor)


def _lock_of(place: Path) -> Path:
    return place.with_name(f".{place.name}.l4s-lock")


@contextmanager
def _claim(place: Path, output: Path) -> Iterator[Claim]:
    path = _lock_of(place)
    try:
        descriptor = _locked(path, output)
    except OSError as error:
        if isinstance(error, OutputError):
            raise
        raise OutputError(
            f"The folder {place.parent} cannot be written to ({error.strerror}); choose another for {place.name}."
        ) from error
    try:
        yield Claim(path, descriptor)
    finally:
        if sys.platform == "win32":  # where an open file has no name to lose
            os.close(descriptor)
            _remove(path)
        else:
            _remove(path)  # still locked: whoever opens it at this moment sees that its name is gone, and begins anew
            os.close(descriptor)


def _locked(path: Path, output: Path) -> int:
    """Open a lock file, lock it, and sign it.

    Raises:
        _TakenError: another process has locked it.
        OSError: it cannot be written.
    """
    while True:
        descriptor = _opened(path)
        try:
            if not _lock(descriptor):
                raise _TakenError(
                    f"{output} is being written by another run ({_holder(descriptor)}); wait for it or end it, or give "
                    "this one another name."
                )
            if _has_name(descriptor, path):
                _sign(descriptor)
                return descriptor
        except BaseException:
            os.close(descriptor)
            raise
        os.close(descriptor)  # of a run that ended between the two


def _opened(path: Path) -> int:
    """Open a lock file, which another user may have left; a lock needs no right to write."""
    try:
        return os.open(path, os.O_RDWR | os.O_CREAT, 0o666)
    except PermissionError:
        if not path.exists():
            raise
        return os.open(path, os.O_RDONLY)


def _lock(descriptor: int) -> bool:
    """Lock an open file; False if another process has."""
    try:
        if sys.platform == "win32":
            import msvcrt

            os.lseek(descriptor, 1 << 20, os.SEEK_SET)  # a lock there keeps nobody from reading the text
            msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)
        else:
            import fcntl

            # Unlike POSIX locks, one that two threads of a process exclude each other by.
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        if error.errno in _TAKEN:
            return False
        if error.errno in _NO_LOCKS:
            return not _is_alive(*_named(descriptor))
        raise
    return True


def _sign(descriptor: int) -> None:
    """Write into a lock file whose it is; the lock holds without, where the disk is full."""
    with suppress(OSError):
        os.ftruncate(descriptor, 0)
        os.lseek(descriptor, 0, os.SEEK_SET)
        os.write(descriptor, f"{os.getpid()} {socket.gethostname()}\n".encode())


def _named(descriptor: int) -> tuple[int, str]:
    """Return the process that a lock file names, and its machine; 0 if it names none."""
    os.lseek(descriptor, 0, os.SEEK_SET)
    words = os.read(descriptor, 300).decode(errors="replace").split()
    return (int(words[0]), words[1]) if len(words) == 2 and words[0].isdigit() else (0, "")


def _holder(descriptor: int) -> str:
    """Say who holds a lock; who has just taken it signs at once, which is waited for."""
    until = monotonic() + _SIGNING_S
    while not (named := _named(descriptor))[0] and monotonic() < until:
        sleep(_SIGNING_S / 20)
    process, host = named
    if not process:
        return "which process, its lock does not say"
    return f"process {process}" + ("" if host == socket.gethostname() else f" on {host}")


def _is_alive(process: int, host: str) -> bool:
    """Whether a process runs; one of another machine is taken to."""
    if host != socket.gethostname():
        return bool(process)
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except OSError:
        return True
    return process > 0


def _has_name(descriptor: int, path: Path) -> bool:
    """Whether an open file is still the one of its name."""
    try:
        return os.path.samestat(os.fstat(descriptor), path.stat())
    except FileNotFoundError:
        return False


def _remove(path: Path) -> None:
    with suppress(OSError):  # a file that stays keeps nobody out
        path.unlink(missing_ok=True)
