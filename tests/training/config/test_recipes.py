"""Recipes: all of them run from end to end, and mistakes in them are named."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import rasterio
import torch
import yaml
from click.testing import CliRunner

from l4s_geo import load_bundle, map_scene
from l4s_geo.bands import BANDS, SPECTRAL, scale_of
from l4s_geo.errors import DataError, DeviceError
from l4s_training import models
from l4s_training.cli import main
from l4s_training.config import recipe_files
from l4s_training.config.recipe import CRF, Ensemble, PseudoLabel, Train
from l4s_training.config.recipe_parser import parse
from l4s_training.data.make.write import PatchWriter
from l4s_training.data.readers import read as sources
from l4s_training.data.simulation.dataset import Part, simulate_patches
from l4s_training.data.splits import DEFAULT, OfficialSplit, SplitPlan
from l4s_training.runs.prediction import predict_all
from l4s_training.runs.recipe_run import run_recipe
from l4s_training.runs.record import result_of
from l4s_training.runs.result import predictors_of
from l4s_training.training.network_run import read_network_run
from small_training import SIDE, build_small

COUNTS = {"TrainData": 8, "ValidData": 4, "TestData": 4}
FEW_BLOCKS = SplitPlan(4, (1,), (3,), 0)
TO_A_MAP = ["benchmark-contextnet", "kingdrone-g-round1-segformer", "seek-5-100", "tanmlh", "sklgp", "study-rgb"]
"""One of each family."""


@pytest.fixture(scope="session")
def simulated(tmp_path_factory) -> Path:
    """Windows of a simulated scene, those with the most landslide, in the official folders."""
    crops = []
    for _, patch in simulate_patches({"train": Part(4, ("alpine-valley",))}, 0, 0.3):
        for row in range(0, 128, SIDE):
            for col in range(0, 128, SIDE):
                at = np.s_[row : row + SIDE, col : col + SIDE]
                crops.append((patch.dn[(slice(None), *at)], patch.labels[at]))
    crops.sort(key=lambda crop: -crop[1].mean())
    root = tmp_path_factory.mktemp("simulated")
    for name, count in COUNTS.items():
        writer = PatchWriter(root / name)
        for _ in range(count):
            writer.add(*crops.pop(0))
    return root


def smoke(name: str, data: Path, out: Path, stages: Path | None = None) -> None:
    loaded = recipe_files.load(name)
    if isinstance(loaded.plan, SplitPlan):
        loaded = replace(loaded, plan=FEW_BLOCKS)
    official = isinstance(loaded.plan, OfficialSplit)
    run_recipe(loaded, [data if official else data / "TrainData"], out, smoke=True, quiet=True, stages=stages)


@pytest.mark.parametrize("name", recipe_files.names())
def test_what_a_run_keeps_of_a_recipe_is_the_recipe(name):
    recipe = recipe_files.load(name)
    assert parse(yaml.safe_load(recipe.text), name) == recipe


@pytest.mark.slow
@pytest.mark.parametrize("name", recipe_files.names())
def test_every_recipe_runs_with_its_own_networks(name, simulated, tmp_path_factory):
    root = tmp_path_factory.getbasetemp() / "own"
    smoke(name, simulated, root / name, root / "stages")
    assert result_of(root / name).folders


@pytest.mark.parametrize("name", TO_A_MAP)
def test_a_recipe_of_each_family_leads_to_a_map(name, simulated, tmp_path, write_raster, monkeypatch):
    """The first with its own network; `scripts/smoke_recipes.py` runs all recipes, the networks' tests all networks."""
    if name != TO_A_MAP[0]:
        monkeypatch.setattr(models, "build", build_small)
    smoke(name, simulated, tmp_path / "run")
    assert (tmp_path / "run" / "recipe.yaml").read_text() == recipe_files.load(name).text
    out = tmp_path / "bundle"
    result = CliRunner().invoke(
        main, ["export", str(tmp_path / "run"), "--out", str(out), "--name", "small", "--no-flips"]
    )
    assert result.exit_code == 0, result.output
    bundle = load_bundle(out)
    assert len(bundle.bundle.members) == len(result_of(tmp_path / "run").folders)
    dn = sources.read(simulated / "TestData", BANDS).windows(np.arange(4)) * scale_of(BANDS)[:, None, None]
    scene = np.concatenate([np.concatenate(list(dn[i : i + 2]), axis=2) for i in (0, 2)], axis=1)
    path = write_raster("scene.tif", scene[:12].round().astype(np.uint16), names=SPECTRAL)
    dem = write_raster("dem.tif", scene[13].astype(np.float32))
    probability = tmp_path / "probability.tif"
    inventory = map_scene(path, dem=dem, units="dn", bundle=out, overlap=8, min_area=0, probability=probability)
    assert inventory.crs is not None
    with rasterio.open(probability) as dataset:
        mapped = dataset.read(1)
    assert mapped.shape == (2 * SIDE, 2 * SIDE)
    assert np.isfinite(mapped).all()
    assert mapped.std() > 0


def test_the_mapper_sees_what_training_saw_at_twice_the_size(simulated, tmp_path, monkeypatch):
    """An exported network with scale promotion predicts a patch as the run's own network does, but for calibration."""
    monkeypatch.setattr(models, "build", build_small)
    smoke("study-segformer-b0-512", simulated, tmp_path / "run")
    assert read_network_run(result_of(tmp_path / "run").folders[0]).config.scale == 2
    result = CliRunner().invoke(
        main, ["export", str(tmp_path / "run"), "--out", str(tmp_path / "b"), "--name", "b", "--no-flips"]
    )
    assert result.exit_code == 0, result.output
    patches = sources.read(simulated / "TestData", BANDS)
    own = predict_all(predictors_of(result_of(tmp_path / "run"))(patches), patches)
    exported = load_bundle(tmp_path / "b").predict(patches.windows(np.arange(len(patches))))
    logits, calibrated = (torch.logit(torch.from_numpy(p).clamp(1e-5, 1 - 1e-5)).flatten() for p in (own, exported))
    slope, intercept = np.polyfit(logits.numpy(), calibrated.numpy(), 1)
    assert np.abs(slope * logits.numpy() + intercept - calibrated.numpy()).max() < 0.05 * calibrated.std().item() + 0.02


@pytest.mark.parametrize("name", ["rgb", "rgb-fast"])
def test_the_embedded_bundles_come_from_the_recipes_of_their_names(name):
    loaded, embedded = recipe_files.load(name), load_bundle(name).bundle
    networks = [stage.hyperparameters.network for stage in loaded.stages if isinstance(stage, Train)]
    assert [member.architecture for member in embedded.members] == networks
    assert {member.normalization for member in embedded.members} == {loaded.normalization}
    assert embedded.bands == loaded.bands
    assert f"l4s-train run {name} " in embedded.card()
    assert loaded.plan == DEFAULT


def test_published_protocols():
    """Figures that the papers state (FACTS §3)."""
    for name in ("pspnet", "contextnet", "deeplab-v2", "deeplab-v3plus", "fcn8s", "linknet", "frrn-a", "frrn-b"):
        told = recipe_files.load(f"benchmark-{name}").stages[0].hyperparameters
        assert (told.optimizer, told.learning_rate, told.batch, told.iterations) == ("adam", 1e-3, 32, 5000)
        assert told.augmentation is None
    study = recipe_files.load("study-lovasz").stages[0].hyperparameters
    assert (study.optimizer, study.learning_rate, study.weight_decay, study.batch) == ("adamw", 6e-5, 0.01, 16)
    assert (study.epochs, study.patience) == (100, 15)
    kingdrone = recipe_files.load("kingdrone-q-round4-ensemble")
    labelling = [stage for stage in kingdrone.stages if isinstance(stage, PseudoLabel)]
    assert len(labelling) == 4
    assert all(dict(stage.options) == {"threshold": 0.7, "rest": "ignore"} for stage in labelling)
    assert {stage.calibrate for stage in labelling} == {"source"}  # the hinge is content with 0.73
    last = kingdrone.stages[-2].hyperparameters
    assert (last.iterations, last.batch, last.scale) == (20000, 16, 4)
    assert isinstance(kingdrone.result, Ensemble)
    assert len(kingdrone.result.members) == 4
    tanmlh = recipe_files.load("tanmlh")
    assert isinstance(tanmlh.result, CRF)
    assert [s.options for s in tanmlh.stages if isinstance(s, PseudoLabel)] == [
        (("background", 0.9), ("landslide", 0.7))
    ]


def test_rounds_refer_to_the_stage_before():
    loaded = parse(
        {
            "target": "test",
            "stages": [
                {"train": "net"},
                {
                    "repeat": 2,
                    "stages": [
                        {"pseudo-label": "labels", "teachers": ["net"]},
                        {"train": "net", "labels": "labels", "init": "net"},
                    ],
                },
            ],
        },
        "rounds",
    )
    assert [s.name for s in loaded.stages] == ["net", "labels", "net-2", "labels-2", "net-3"]
    assert loaded.stages[3].teachers == ("net-2",)
    assert (loaded.stages[4].labels, loaded.stages[4].init) == ("labels-2", "net-2")


GOOD = {"bands": "RGB", "target": "test", "stages": [{"train": "net", "network": "unet-resnet18"}]}


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"epoch": 3}, r"no key of Recipe bad named 'epoch'"),
        ({"stagess": []}, r"'stagess'.*did you mean 'stages'\?"),
        ({"bands": "RBG"}, r"RBG.*did you mean"),
        ({"bands": ["B4", "B99"]}, "B4,B99"),
        ({"split": "offical"}, "offical"),
        ({"split": {"plan": "study", "sed": 1}}, "sed"),
        ({"normalization": "domian"}, r"domian.*did you mean 'domain'\?"),
        ({"target": "train"}, "train"),
        ({"threshold": "high"}, "a number"),
        ({"seed": 1.5}, "a whole number"),
        ({"stages": []}, "trains nothing"),
        ({"stages": {"train": "net"}}, "expected a list"),
        ({"stages": ["net"]}, "expected a mapping"),
        ({"stages": [{"tran": "net"}]}, r"tran.*did you mean 'train'\?"),
        ({"stages": [{"train": "My Net"}]}, "lower-case"),
        ({"stages": [{"train": "net", "lerning_rate": 1}]}, r"lerning_rate.*did you mean 'learning_rate'\?"),
        ({"stages": [{"train": "net", "learning_rate": "fast"}]}, "a number"),
        ({"stages": [{"train": "net", "epochs": 0}]}, "above zero"),
        ({"stages": [{"train": "net", "scale": 0.5}]}, "from 1 to 8"),
        ({"stages": [{"train": "net", "network": "unet-restnet18"}]}, "unet-restnet18"),
        ({"stages": [{"train": "net", "objective": ["lovas-hinge"]}]}, r"lovas-hinge.*did you mean 'lovasz-hinge'\?"),
        ({"stages": [{"train": "net", "objective": [{"loss": "focal", "gama": 2}]}]}, r"gama.*did you mean 'gamma'\?"),
        ({"stages": [{"train": "net", "objective": ["image-ce"]}]}, r"\+image-head"),
        ({"stages": [{"train": "net", "schedule": "cosin"}]}, r"cosin.*did you mean 'cosine'\?"),
        ({"stages": [{"train": "net", "augmentation": {"zom": 1}}]}, r"zom.*did you mean 'zoom'\?"),
        ({"stages": [{"train": "net", "init": "other"}]}, "other"),
        ({"stages": [{"train": "net", "labels": "net"}]}, "no earlier stage for labels"),
        ({"stages": [{"train": "a"}, {"train": "b", "network": "linknet", "init": "a"}]}, "same network"),
        ({"stages": [{"train": "a"}, {"pseudo-label": "l", "teachers": ["a"]}]}, "ends with pseudo-labels"),
        ({"stages": [{"train": "a"}, {"pseudo-label": "l", "teachers": []}]}, "teachers"),
        ({"stages": [{"train": "a"}, {"pseudo-label": "l", "teachers": ["a"], "share": 1}]}, "share"),
        (
            {"stages": [{"train": "a"}, {"pseudo-label": "l", "teachers": ["a"], "select": "most-certain"}]},
            "mc-dropout",
        ),
        ({"target": [], "stages": [{"train": "a"}, {"pseudo-label": "l", "teachers": ["a"]}]}, "target"),
        (
            {"stages": [{"train": "a"}, {"pseudo-label": "l", "teachers": ["a"], "calibrate": "test"}]},
            r"patches to calibrate on .*'test'",
        ),
        (
            {
                "target": "validation",
                "stages": [{"train": "a"}, {"pseudo-label": "l", "teachers": ["a"], "calibrate": "validation"}],
            },
            "labels must not be looked at; calibrate on source",
        ),
        (
            {
                "stages": [
                    {"train": "a", "network": "unet-resnet18+mc-dropout"},
                    {"pseudo-label": "l", "teachers": ["a"], "select": "most-certain", "calibrate": "source"},
                ]
            },
            "chosen by variance",
        ),
        ({"ours": ["all"]}, "ours is .*expected a mapping"),
        ({"ours": {"loss": 3}}, "ours: loss is 3; expected text"),
        ({"stages": [{"train": "net", "evaluate_at": 1.5}]}, "evaluate_at is 1.5"),
        ({"stages": [{"train": "net", "passes": 0}]}, "passes is 0"),
        ({"stages": [{"train": "a"}, {"ensemble": "e", "members": ["b"]}]}, r"'b'"),
        ({"stages": [{"train": "a"}, {"crf": "c", "of": "a", "bands": ["B8"]}]}, "B8, which the recipe does not read"),
        ({"stages": [{"train": "a"}, {"crf": "c", "of": "a", "iterations": 1000}]}, "iterations"),
        ({"stages": [{"train": "net", "learning_rate": float("inf")}]}, "learning_rate is inf"),
        ({"stages": [{"train": "net", "seed": -1}]}, "seed is -1; expected a value from 0"),
        ({"seed": 2**32}, "seed is 4294967296"),
        ({"threshold": 7}, r"threshold is 7\.0; expected best, or a probability"),
        ({"threshold": float("nan")}, "threshold is nan"),
        ({"stages": [{"repeat": 0, "stages": [{"train": "a"}]}]}, "repeat is 0; expected 1 or more"),
        ({"stages": [{"repeat": 10**9, "stages": [{"train": "a"}]}]}, "more than 1000 stages"),
        (
            {"stages": [{"train": "a"}, {"pseudo-label": "l", "teachers": ["a"], "threshold": 7}]},
            r"bad, l: The pseudo-label threshold is 7\.0",
        ),
        (
            {"stages": [{"train": "a"}, {"pseudo-label": "l", "teachers": ["a"], "rest": "some"}]},
            "rest is to be",
        ),
        (
            {"stages": [{"train": "a"}, {"pseudo-label": "l", "teachers": ["a"], "threshold": 0.4, "rest": "ignore"}]},
            "both classes would claim",
        ),
        (
            {"stages": [{"train": "a"}, {"pseudo-label": "l", "teachers": ["a"], "select": "most-confident"}]},
            "gives no `share`",
        ),
        ({"published": {"table": "t", "row": "r", "f1": 1}}, "lacks split"),
        ({"published": {"table": "t", "row": "r", "split": "train", "f1": 1}}, "train"),
    ],
)
def test_a_mistake_in_a_recipe_is_named(change, message):
    with pytest.raises(DataError, match=message):
        parse(GOOD | change, "bad")


def test_bands_that_the_data_lacks_are_named(rgb_npz, tmp_path):
    loaded = parse(GOOD | {"bands": "RGB+NIR", "normalization": "window"}, "nir")
    with pytest.raises(DataError, match=r"B8"):
        run_recipe(loaded, [rgb_npz], tmp_path / "run", smoke=True, quiet=True)
    assert not (tmp_path / "run").exists()


def test_a_target_that_the_data_lacks_is_named(simulated, tmp_path):
    loaded = parse(
        GOOD | {"split": "study", "target": "test", "stages": [{"train": "net"}]} | {"split": {"plan": "benchmark"}},
        "x",
    )
    with pytest.raises(DataError, match=r"--target"):
        run_recipe(
            replace(loaded, plan=OfficialSplit()), [simulated / "TrainData"], tmp_path / "run", smoke=True, quiet=True
        )


def test_a_crf_that_cannot_run_is_told_before_anything_is_trained(simulated, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "l4s_geo.crf.numba_backend", None)
    monkeypatch.delattr("l4s_geo.crf.numba_backend", raising=False)
    with pytest.raises(DeviceError, match="needs numba"):
        smoke("tanmlh", simulated, tmp_path / "run")
    assert not (tmp_path / "run").exists() or not list((tmp_path / "run").iterdir())


def test_files_that_are_no_recipes(tmp_path):
    broken, circle = tmp_path / "broken.yaml", tmp_path / "circle.yaml"
    broken.write_text("bands: [B4")
    circle.write_text("extends: circle.yaml\n")
    with pytest.raises(DataError, match="cannot be read as YAML"):
        recipe_files.load(broken)
    with pytest.raises(DataError, match="extends itself"):
        recipe_files.load(circle)
    with pytest.raises(DataError, match=r"did you mean 'tanmlh'\?"):
        recipe_files.load("tanmhl")
    twice = tmp_path / "twice.yaml"
    twice.write_text("split: official\nbands: RGB\nsplit: study\n")
    with pytest.raises(DataError, match="the key 'split' comes twice"):
        recipe_files.load(twice)
    pickled = tmp_path / "code.yaml"
    pickled.write_text("bands: !!python/object/apply:os.getcwd []\n")
    with pytest.raises(DataError, match="cannot be read as YAML"):
        recipe_files.load(pickled)


def test_short_files_of_endless_values_are_answered_shortly(tmp_path):
    bomb = tmp_path / "bomb.yaml"
    levels = [f"x{n}: &x{n} [{', '.join([f'*x{n - 1}'] * 9)}]" for n in range(1, 10)]
    lines = ["ours:", "  x0: &x0 [y, y, y, y, y, y, y, y, y]", *(f"  {level}" for level in levels)]
    bomb.write_text("\n".join([*lines, "stages: [{train: a}]"]))
    with pytest.raises(DataError, match="expected text") as told:
        recipe_files.load(bomb)
    assert len(str(told.value)) < 1000
    bomb.write_text("network: &a {b: *a}\n")
    with pytest.raises(DataError, match="no key of Recipe bomb"):
        recipe_files.load(bomb)
    many = ", ".join(f"a{n}: {{x: {{}}, y: {{}}, z: {{}}}}" for n in range(30))
    bomb.write_text(f"matrix: {{{many}}}\nstages: [{{train: a}}]\n")
    with pytest.raises(DataError, match="expected at most 1000"):
        recipe_files.load(bomb)
    secret = tmp_path / "secret.txt"
    secret.write_text("word " * 1000)
    bomb.write_text("extends: secret.txt\n")
    with pytest.raises(DataError, match="expected a mapping") as told:
        recipe_files.load(bomb)
    assert len(str(told.value)) < 200
