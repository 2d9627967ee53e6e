"""Two runs with one output: one says so, whatever name it uses, and a killed one keeps nobody out."""

from __future__ import annotations

import errno
import os
import signal
import socket
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from l4s_geo.errors import OutputError
from l4s_geo.output.atomic import atomic_write
from l4s_geo.output.claim import claimed

HOLD = (
    "import sys; from pathlib import Path; from l4s_geo.output.claim import claimed\n"
    "with claimed(Path(sys.argv[1])): print('held', flush=True); sys.stdin.read()"
)


@pytest.fixture
def holder():
    """Return a function that starts a process which claims a file until its stdin ends."""
    started = []

    def start(path: Path) -> subprocess.Popen[str]:
        process = subprocess.Popen(
            [sys.executable, "-c", HOLD, str(path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        started.append(process)
        assert process.stdout.readline() == "held\n"
        return process

    yield start
    for process in started:
        process.kill()
        process.communicate()


def test_the_other_run_is_named_and_its_end_is_a_remedy(tmp_path: Path, holder) -> None:
    path = tmp_path / "i.gpkg"
    other = holder(path)
    with pytest.raises(OutputError, match=rf"is being written by another run \(process {other.pid}\)"), claimed(path):
        pass
    with claimed(tmp_path / "another.gpkg"):  # the other remedy
        pass
    other.communicate("")
    with claimed(path):
        assert [p.name for p in tmp_path.iterdir()] == [".i.gpkg.l4s-lock"]
    assert list(tmp_path.iterdir()) == []


def test_a_killed_run_keeps_nobody_out(tmp_path: Path, holder) -> None:
    other = holder(tmp_path / "i.gpkg")
    other.send_signal(signal.SIGKILL)
    other.wait()
    assert (tmp_path / ".i.gpkg.l4s-lock").exists()
    with claimed(tmp_path / "i.gpkg"):
        pass
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", ["link.gpkg", "folder/i.gpkg", "real/../real/i.gpkg"])
def test_another_name_of_the_file_is_the_same_file(tmp_path: Path, holder, name: str) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "link.gpkg").symlink_to(tmp_path / "real" / "i.gpkg")
    (tmp_path / "folder").symlink_to(tmp_path / "real")
    holder(tmp_path / "real" / "i.gpkg")
    with pytest.raises(OutputError, match="another run"), claimed(tmp_path / name):
        pass


def test_threads_of_one_process_exclude_each_other(tmp_path: Path) -> None:
    told = []

    def other() -> None:
        try:
            with claimed(tmp_path / "i.gpkg"):
                pass
        except OutputError as error:
            told.append(str(error))

    with claimed(tmp_path / "i.gpkg"):
        thread = threading.Thread(target=other)
        thread.start()
        thread.join()
    assert f"process {os.getpid()}" in told[0]


def test_one_output_named_twice_is_claimed_once(tmp_path: Path) -> None:
    with claimed(tmp_path / "a", None, tmp_path / "b", tmp_path / "." / "a") as claims:
        assert [claim.path.name for claim in claims] == [".a.l4s-lock", ".b.l4s-lock"]


def test_of_two_claims_none_is_left_if_one_fails(tmp_path: Path, holder) -> None:
    holder(tmp_path / "b")
    with pytest.raises(OutputError, match="another run"), claimed(tmp_path / "a", tmp_path / "b"):
        pass
    assert [p.name for p in tmp_path.iterdir()] == [".b.l4s-lock"]


@pytest.mark.parametrize(
    ("text", "free"),
    [
        ("", True),
        ("no number", True),
        (f"{2**22 + 1} {{host}}", True),
        ("{process} {host}", False),
        ("17 elsewhere", False),
    ],
)
def test_without_locks_the_process_that_is_named_decides(tmp_path: Path, monkeypatch, text: str, free: bool) -> None:
    """As on some network file systems."""

    def unsupported(*_: object) -> None:
        raise OSError(errno.ENOLCK, "No locks available")

    monkeypatch.setattr("fcntl.flock", unsupported)
    (tmp_path / ".i.l4s-lock").write_text(text.format(process=os.getpid(), host=socket.gethostname()))
    if free:
        with claimed(tmp_path / "i"):
            assert (tmp_path / ".i.l4s-lock").read_text().split() == [str(os.getpid()), socket.gethostname()]
    else:
        with pytest.raises(OutputError, match="another run"), claimed(tmp_path / "i"):
            pass


def test_many_at_once_never_hold_it_together(tmp_path: Path) -> None:
    """Each that holds the claim makes a folder that must not be there, and removes it."""
    code = (
        "import sys, os; from pathlib import Path\n"
        "from l4s_geo.output.claim import claimed; from l4s_geo.errors import OutputError\n"
        "held = 0; path = Path(sys.argv[1])\n"
        "while held < 60:\n"
        "    try:\n"
        "        with claimed(path): os.mkdir(sys.argv[2]); os.rmdir(sys.argv[2]); held += 1\n"
        "    except OutputError: pass\n"
    )
    command = [sys.executable, "-c", code, str(tmp_path / "i"), str(tmp_path / "alone")]
    processes = [subprocess.Popen(command, stderr=subprocess.PIPE, text=True) for _ in range(4)]
    for process in processes:
        _, said = process.communicate()
        assert process.returncode == 0, said
    assert list(tmp_path.iterdir()) == []


def test_a_file_that_is_written_at_once_is_claimed(tmp_path: Path, holder) -> None:
    holder(tmp_path / "a.txt")
    with pytest.raises(OutputError, match="another run"), atomic_write(tmp_path / "a.txt"):
        pass


def test_a_folder_that_is_not_there_is_named(tmp_path: Path) -> None:
    refused = pytest.raises(OutputError, match=r"The folder .*nowhere cannot be written to")
    with refused, claimed(tmp_path / "nowhere" / "i"):
        pass


def test_what_another_user_left_keeps_nobody_out(tmp_path: Path, monkeypatch) -> None:
    (tmp_path / ".i.l4s-lock").write_text("17 elsewhere")
    original = os.open

    def refuse(path: object, flags: int, *mode: int) -> int:
        if flags & os.O_RDWR:
            raise PermissionError(errno.EACCES, "Permission denied")
        return original(path, flags, *mode)

    monkeypatch.setattr(os, "open", refuse)
    with claimed(tmp_path / "i"):
        pass
    assert list(tmp_path.iterdir()) == []


def test_who_has_just_taken_a_lock_is_named_once_it_has_signed(tmp_path, monkeypatch):
    from l4s_geo.output import claim

    sign, began = claim._sign, threading.Event()

    def late(descriptor: int) -> None:
        began.set()
        refused.wait(0.2)
        sign(descriptor)

    refused, done = threading.Event(), threading.Event()

    def first() -> None:
        with claimed(tmp_path / "a.gpkg"):
            done.wait(10)

    monkeypatch.setattr(claim, "_sign", late)
    thread = threading.Thread(target=first)
    thread.start()
    assert began.wait(10)
    with pytest.raises(OutputError, match=rf"another run \(process {os.getpid()}\)"), claimed(tmp_path / "a.gpkg"):
        pass
    done.set()
    thread.join()
