"""Models of newness: fitted, written, and put into a bundle."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from scipy.special import expit

from l4s_geo import load_bundle
from l4s_geo.bundles.bundle import Bundle
from l4s_geo.bundles.item import read_bundle
from l4s_geo.change.evidence import FEATURES, newness_for
from l4s_geo.errors import DataError
from l4s_training.cli import main
from l4s_training.data.patches import Patches
from l4s_training.export import newness, newness_bundle
from l4s_training.export.card.insert import NEWNESS, write_newness
from l4s_training.export.newness import LOSS, Logistic, PairEvidence, fit, gather, join, measure, shift_for, to_onnx
from support import add_newness


def sample(rows: np.ndarray, truth: np.ndarray) -> PairEvidence:
    """Rows of evidence as the pixels of one patch, one row high."""
    line = np.ones((1, 1, len(rows)), bool)
    p = expit(rows[:, 0])[None, None].astype(np.float32)
    new = truth[None, None]
    return PairEvidence(rows.astype(np.float32), truth, line, new, ~new & (p > 0.5), line, p)


def drawn(weights: tuple[float, ...], intercept: float, n: int = 40_000) -> PairEvidence:
    rng = np.random.default_rng(0)
    rows = rng.normal(size=(n, len(FEATURES))) * np.array([2, 2, 0.3, 0.3, 0.5, 0.5, 0.5])
    return sample(rows, rng.random(n) < expit(rows @ np.array(weights) + intercept))


def test_the_coefficients_that_made_the_labels_are_found() -> None:
    weights = (0.9, -0.7, -5.0, -2.0, 0.4, -3.0, -1.0)
    found = fit(drawn(weights, -1.0))
    assert found.weights == pytest.approx(weights, abs=0.4)
    assert found.intercept == pytest.approx(-1, abs=0.1)


def test_no_coefficient_has_a_sign_that_makes_no_sense() -> None:
    found = fit(drawn((0.9, 0.7, 5.0, 2.0, -0.4, 3.0, 1.0), -1.0))
    assert found.weights[0] > 0
    assert (found.weights[1:] == 0).all()


def test_pixels_of_which_nothing_is_true_do_not_count() -> None:
    good = drawn((0.9, -0.7, -5.0, -2.0, 0.4, -3.0, -1.0), -1.0, 5000)
    bad = PairEvidence(good.rows, ~good.truth, good.where, ~good.new, good.old, ~good.judged, good.p_after)
    np.testing.assert_allclose(fit(join([good, bad])).weights, fit(good).weights, atol=0.02)


def test_pairs_without_anything_new_teach_nothing() -> None:
    rows = np.zeros((50, len(FEATURES)))
    with pytest.raises(DataError, match="hold no new landslide"):
        fit(sample(rows, np.zeros(50, bool)))


def test_scores_are_those_of_counting() -> None:
    rows = np.zeros((6, len(FEATURES)))
    rows[:, 0] = [3, 3, 3, 3, -3, -3]
    truth = np.array([True, True, False, False, True, False])
    p = np.array([0.9, 0.2, 0.8, 0.1, 0.1, 0.1], np.float32)
    found = measure(sample(rows, truth), p, threshold=0.5, plain=0.5)
    assert (found.without.tp, found.without.fp, found.without.fn) == (2, 2, 1)
    assert (found.new.tp, found.new.fp, found.new.fn) == (1, 1, 2)
    assert (found.old.tp, found.old.fp, found.old.fn) == (1, 1, 1)


def test_the_cut_costs_the_recall_that_it_may() -> None:
    made = drawn((0.9, -0.7, -5.0, -2.0, 0.4, -3.0, -1.0), -1.0)
    model = fit(made)
    for threshold in (0.3, 0.5):
        cut = model.moved(shift_for(made, model(made.rows), threshold))
        scores = measure(made, cut(made.rows), threshold, threshold)
        alone = (made.new & (made.p_after >= threshold)).sum()
        kept = (made.new[0, 0] & (made.p_after[0, 0] >= threshold) & (cut(made.rows) >= threshold)).sum()
        assert (alone - kept) / made.new.sum() == pytest.approx(LOSS, abs=1e-3)
        assert scores.new.recall <= 1 - LOSS


def test_a_cut_wants_new_landslides_that_the_networks_find() -> None:
    rows = np.full((50, len(FEATURES)), -4.0)
    with pytest.raises(DataError, match="find no new landslide of the pairs"):
        shift_for(sample(rows, np.ones(50, bool)), np.full(50, 0.5, np.float32), 0.5)


def test_the_file_computes_what_the_model_does(red_bundle: Path, tmp_path: Path) -> None:
    from l4s_geo.bundles.item import write_bundle

    model = Logistic(np.array([0.9, -0.7, -5.0, -2.0, 0.4, -3.0, -1.0]), -1.5)
    description, data = newness.newness_of(model, "greenness", 0.4, {"f1": 0.5})
    assert data == to_onnx(model)
    plain: Bundle = read_bundle(red_bundle)
    files = {m.file: plain.network(m) for m in plain.members} | {description.file: data}
    write_bundle(replace(plain, newness=(description,)), files, tmp_path / "b")
    rows = np.random.default_rng(0).normal(size=(100, len(FEATURES))).astype(np.float32)
    loaded = newness_for(read_bundle(tmp_path / "b"), "greenness")
    np.testing.assert_allclose(loaded(rows), model(rows), rtol=1e-4)


def test_pairs_of_patches_are_predicted_and_compared(red_bundle: Path) -> None:
    rng = np.random.default_rng(0)
    values = np.abs(rng.normal(1.3, 0.05, (2, 3, 128, 128))).astype(np.float32)
    masks = np.zeros((2, 128, 128), np.uint8)
    masks[:, 20:40, 30:60] = masks[:, 70:90, 50:90] = 1
    values[:, 0][masks > 0] = 6
    numbers = np.arange(2)
    patches = Patches(values, masks, numbers, numbers, np.zeros(2, np.float32), ("B4", "B3", "B2"), "made")
    found = gather(load_bundle(red_bundle, "cpu"), patches, "greenness", seed=1, draws=3, clouds=False)
    assert found.new.shape == (6, 128, 128)
    assert found.rows.shape == (int(found.where.sum()), len(FEATURES))
    assert found.truth.sum() == (found.new & found.where).sum() > 0
    model = fit(found)
    scores = measure(found, model.of(found), 0.5, 0.5)
    assert scores.new.f1 > 0.9 > scores.without.f1
    assert scores.old.f1 > 0.9


def test_a_bundle_of_another_split_is_told_what_its_figures_are_worth() -> None:
    bundle = load_bundle("rgb", "cpu").bundle
    assert newness_bundle.caution(bundle) == []
    (said, why) = newness_bundle.caution(replace(bundle, trained_on="4 labelled patches (L4S), split official"))
    assert said.startswith("The bundle was trained with the split 'official'")
    assert why == "networks were trained on them, the figures of greenness are too good."


def test_an_export_says_that_it_makes_no_models_of_newness(rgb_npz, tmp_path) -> None:
    """Its card has the section that they are described in later, and who loses some is told."""

    def call(*arguments: object) -> str:
        result = CliRunner().invoke(main, [str(a) for a in arguments])
        assert result.exit_code == 0, result.output
        return result.output

    plan = "blocks:blocks=6,validation=2,test=5,guard=0,apart="
    call("fit", "--data", rgb_npz, "--out", tmp_path / "run", "--epochs", 1, "--batch", 4, "--split-plan", plan)
    export = ("export", tmp_path / "run", "--out", tmp_path / "b", "--name", "b", "--no-flips")
    said = call(*export)
    assert f"no models of newness (l4s-map --before): `l4s-train newness {tmp_path / 'b'} --data PAIRS" in said
    assert "[1/1] unet-resnet18: written as ONNX and compared\nMeasuring on 4 patches\n" in said
    card = tmp_path / "b" / "README.md"
    text = card.read_text(encoding="utf-8")
    section = text[text.index(NEWNESS) : text.index("## Training data")]
    assert "`l4s-train newness b --data PAIRS --infrared PATCHES --write`" in section
    write_newness(card, [NEWNESS, "", "Fitted.", ""])
    assert card.read_text(encoding="utf-8") == text.replace(section, f"{NEWNESS}\n\nFitted.\n\n")
    add_newness(tmp_path / "b", tmp_path / "with")
    shutil.rmtree(tmp_path / "b")
    (tmp_path / "with").rename(tmp_path / "b")
    assert "those of the bundle that stood there are gone, and `l4s-train newness" in call(*export)
    assert read_bundle(tmp_path / "b").newness == ()


def test_the_section_is_written_once(tmp_path: Path) -> None:
    card = tmp_path / "README.md"
    card.write_text("# b\n\n## On whole scenes\n\nx\n\n## Training data\n\ny\n", encoding="utf-8")
    for text in ("first", "second"):
        write_newness(card, [NEWNESS, "", text, ""])
    assert card.read_text(encoding="utf-8") == (
        f"# b\n\n{NEWNESS}\n\nsecond\n\n## On whole scenes\n\nx\n\n## Training data\n\ny\n"
    )
