"""What patches say of where they come from travels with them, in whatever form they are."""

from __future__ import annotations

import zipfile
from pathlib import Path

import numpy as np
import pytest

from l4s_geo.errors import DataError
from l4s_training.data.provenance import KEY, Provenance, as_text, mark, provenance_of

TEXT = as_text("Cut from a scene.", simulated=True)


@pytest.fixture
def folder(tmp_path) -> Path:
    (tmp_path / "L4S" / "TrainData" / "img").mkdir(parents=True)
    return tmp_path / "L4S"


def test_a_file_of_patches_holds_it_or_has_it_beside(tmp_path):
    np.savez(tmp_path / "a.npz", **{KEY: np.array(TEXT)})
    assert provenance_of(tmp_path / "a.npz") == Provenance("a.npz", "Cut from a scene.", True)
    np.savez(tmp_path / "b.npz", dn=np.zeros(1))
    assert provenance_of(tmp_path / "b.npz") == Provenance("b.npz")
    (tmp_path / "b.npz.provenance.json").write_text(as_text("Über."), encoding="utf-8")
    assert provenance_of(tmp_path / "b.npz") == Provenance("b.npz", "Über.")


@pytest.mark.parametrize("name", ["provenance.json", "simulation.json"])
def test_a_folder_holds_it_and_an_official_one_has_it_beside(folder, name):
    assert provenance_of(folder) == Provenance("L4S")
    (folder / name).write_text(TEXT)
    assert provenance_of(folder) == Provenance("L4S", "Cut from a scene.", True)
    assert provenance_of(folder / "TrainData") == Provenance("TrainData", "Cut from a scene.", True)
    (folder / "mine").mkdir()
    assert provenance_of(folder / "mine") == Provenance("mine")
    (folder / "TrainData" / "provenance.json").write_text(as_text("Its own."))
    assert provenance_of(folder / "TrainData").note == "Its own."


def test_a_zip_holds_it_and_zips_side_by_side_have_it_beside(folder):
    with zipfile.ZipFile(folder / "mine.zip", "w") as file:
        file.writestr("mine/img/image_1.h5", b"")
        file.writestr("mine/provenance.json", TEXT)
    assert provenance_of(folder / "mine.zip") == Provenance("mine.zip", "Cut from a scene.", True)
    with zipfile.ZipFile(folder / "TestData.zip", "w") as file:
        file.writestr("TestData/img/image_1.h5", b"")
    (folder / "simulation.json").write_text(TEXT)
    assert provenance_of(folder / "TestData.zip").simulated


def test_patches_that_were_cut_name_their_scenes(folder):
    rows = "number,scene\n1,S2A_one\n2,S2A_one\n3,S2B_two\n"
    (folder / "TrainData" / "patches.csv").write_text(rows)
    assert provenance_of(folder / "TrainData").note == "Cut by `l4s-train patches` from S2A_one, S2B_two."


@pytest.mark.parametrize(
    ("text", "message"),
    [("{", "is no JSON object"), ("[]", "is no JSON object"), ('{"simulated": "no"}', "expected a text, and true or")],
)
def test_what_cannot_be_read_is_named(folder, text, message):
    (folder / "provenance.json").write_text(text)
    with pytest.raises(DataError, match=message):
        provenance_of(folder)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"[" * 200_000, "is no JSON object"),
        (b"\xff\xfe{}", "cannot be read"),
        (as_text("z" * 2_000_000).encode(), "more than 1 MB"),
        (as_text("z" * 5_000).encode(), "a note of 5,000 characters; expected at most 4,000"),
    ],
)
def test_what_is_endless_or_no_text_is_named_wherever_it_stands(tmp_path, content, message):
    (tmp_path / "a.npz.provenance.json").write_bytes(content)
    with zipfile.ZipFile(tmp_path / "b.zip", "w") as file:
        file.writestr("img/image_1.h5", b"")
        file.writestr("provenance.json", content)
    np.savez(tmp_path / "a.npz", dn=np.zeros(1))
    for name in ("a.npz", "b.zip"):
        with pytest.raises(DataError, match=message):
            provenance_of(tmp_path / name)


def test_a_note_is_one_line_without_what_a_terminal_obeys(tmp_path):
    np.savez(tmp_path / "a.npz", **{KEY: np.array(as_text("One\n\n## Scores\x1b[31m \u202etwo"))})
    assert provenance_of(tmp_path / "a.npz").note == "One ## Scores [31m two"


def test_a_zip_may_have_it_beside_the_folder_of_its_patches(tmp_path):
    with zipfile.ZipFile(tmp_path / "mine.zip", "w") as file:
        file.writestr("mine/img/image_1.h5", b"")
        file.writestr("provenance.json", TEXT)
    assert provenance_of(tmp_path / "mine.zip").simulated


def test_many_scenes_are_counted(folder):
    rows = "".join(f"{n},S2A_{n}\n" for n in range(25))
    (folder / "TrainData" / "patches.csv").write_text("number,scene\n" + rows)
    assert provenance_of(folder / "TrainData").note.endswith("S2A_19 and 5 others.")


def test_marks_name_what_is_no_result():
    real, made = Provenance("a"), Provenance("b", simulated=True)
    assert [mark(False, [real]), mark(True, []), mark(False, [real, made]), mark(True, [made])] == [
        "",
        "smoke",
        "simulated",
        "smoke, simulated",
    ]
