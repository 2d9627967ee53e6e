"""Files that appear whole or not at all."""

from __future__ import annotations

from pathlib import Path

import pytest

from l4s_geo.errors import OutputError
from l4s_geo.output.atomic import atomic_write, replacing


@pytest.mark.parametrize("write", [replacing, atomic_write])
def test_a_file_appears_under_its_name_when_it_is_complete(tmp_path: Path, write) -> None:
    path = tmp_path / "a.txt"
    path.write_text("old")
    with write(path) as part:
        part.write_text("new")
        assert path.read_text() == "old"
    assert path.read_text() == "new"
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("write", [replacing, atomic_write])
@pytest.mark.parametrize("error", [KeyboardInterrupt, ZeroDivisionError])
def test_what_stood_there_stays_if_anything_goes_wrong(tmp_path: Path, write, error) -> None:
    path = tmp_path / "a.txt"
    path.write_text("old")

    def fail() -> None:
        with write(path) as part:
            part.write_text("half")
            raise error

    with pytest.raises(error):
        fail()
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_a_full_disk_is_an_error_that_says_what_to_do(tmp_path: Path) -> None:
    def fail(error: Exception, *errors: type[Exception]) -> None:
        with atomic_write(tmp_path / "a.txt", "buy a disk.", errors):
            raise error

    with pytest.raises(OutputError, match=r"a\.txt cannot be written \(.*No space left.*\); buy a disk\."):
        fail(OSError(28, "No space left on device"))
    with pytest.raises(OutputError, match=r"a\.txt cannot be written \(odd\); buy a disk\."):
        fail(ZeroDivisionError("odd"), ZeroDivisionError)
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_is_missing_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(OutputError, match="cannot be written"), atomic_write(tmp_path / "none" / "a.txt") as part:
        part.write_text("a")
