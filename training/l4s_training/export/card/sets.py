"""What a model card calls the sets of patches that were measured, and what they chose."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from l4s_training.data import splits
from l4s_training.data.splits import BenchmarkSplit, OfficialSplit, Plan, SplitPlan, StudySplit
from l4s_training.export.card.markdown import code, plain
from l4s_training.export.held_out import ENDINGS, SetFacts
from l4s_training.training.network_run import NetworkRun

__all__ = ["adapted_lines", "chosen_on_validation", "meaning", "shared_lines", "split_facts", "title", "whole"]

_VARIANTS = dict(
    zip(
        ENDINGS,
        (", flips averaged", ", DenseCRF", ", without the prior", ", with the prior learned on the others"),
        strict=True,
    )
)
_MEANING = {
    SplitPlan: "Held-out patches are blocks of the data that was trained on: other ground, the same regions.",
    OfficialSplit: "Validation and test are the publisher's, ValidData and TestData.",
    BenchmarkSplit: "Test patches are those after the first quarter of each run of official numbers: other ground, the "
    "same regions.",
    StudySplit: "The held-out patches were drawn at random: neighbours on the ground stand on both sides of the split, "
    "so that these scores are too good for new places.",
}
_HOW = {
    SplitPlan: "Contiguous blocks of id, never at random; counted from 0.",
    OfficialSplit: "The publisher's folders.",
    BenchmarkSplit: "The first quarter of each run of official numbers is for training.",
    StudySplit: "A random draw.",
}
_PLACES = {SplitPlan: ("validation blocks", "test blocks"), OfficialSplit: ("ValidData", "TestData")}


def chosen_on_validation(runs: Sequence[NetworkRun], fitted_weights: bool, crf: bool) -> str:
    """Return what the validation patches chose, in words."""
    kept = any(run.config.keep == "best" for run in runs)
    chosen = [
        *["the weights kept"] * kept,
        *["the networks' shares"] * fitted_weights,
        "calibration",
        "threshold",
        *["whether the DenseCRF runs"] * crf,
    ]
    return f"{', '.join(chosen[:-1])} and {chosen[-1]}"


def title(name: str, plan: Plan, facts: Mapping[str, SetFacts], chosen: str) -> str:
    """Return what the card calls a set of patches.

    Args:
        name: ``validation``, ``test``, ``terrain_prior``, or a file's stem; with the ending of a variant or without.
        plan: the split.
        facts: of the sets, by name.
        chosen: what the validation patches chose.
    """
    name, ending = whole(name)
    how = _VARIANTS.get(ending, "")
    validation, test = _PLACES.get(type(plan), ("validation patches", "test patches"))
    if name == "terrain_prior":
        return "patches that the terrain prior is learned from" + how
    remark = _learned_from(facts[name])
    if name == "validation":
        return f"{validation} (chose {chosen}{'; ' + remark if remark else ''}){how}"
    called = f"**{test}**" if name == "test" else code(name)
    return f"{called} ({remark or 'chose nothing'}){how}"


def whole(name: str) -> tuple[str, str]:
    """Return the name of the set that scores are of, and the ending that tells them from its first ones."""
    ending = next((ending for ending in ENDINGS if name.endswith(ending)), "")
    return name.removesuffix(ending), ending


def _learned_from(facts: SetFacts) -> str:
    """Say how many images of a set the networks have seen, "" for none."""
    remarks = [
        *[f"transductive: {_share(facts.adapted_to, facts)} adapted to"] * bool(facts.adapted_to),
        *[f"no measure: {_share(facts.trained_on, facts)} trained on"] * bool(facts.trained_on),
    ]
    return "; ".join(remarks)


def _share(count: int, facts: SetFacts) -> str:
    return "its images were" if count == facts.patches else f"{count} of its images were"


def meaning(plan: Plan, facts: Mapping[str, SetFacts]) -> str:
    """Return what the held-out patches are."""
    held = [name for name in ("validation", "test") if facts[name].patches]
    if not held:
        return "No patch of the data was held out."
    return _MEANING[type(plan)]


def adapted_lines(runs: Sequence[NetworkRun], facts: Mapping[str, SetFacts]) -> list[str]:
    """Return what is to be said of images that were adapted to; nothing where none were."""
    images = {digest for run in runs for digest in run.learned_from.adapted_to}
    if not images:
        return []
    named = dict.fromkeys(origin.source for run in runs for origin in run.learned_from.targets)
    where = f" ({', '.join(map(plain, named))})" if named else ""
    among = [f"{f.adapted_to} of the {f.patches} of {name}" for name, f in facts.items() if f.adapted_to]
    line = f"The networks were shown {len(images)} images{where} without their labels, and learned from pseudo-labels "
    if not among:
        return [line + "on them. None of the sets measured is among them."]
    return [
        line
        + f"on them, among them {', '.join(among)}. Scores there are *transductive*: they say what comes of adapting "
        "to the very images that are mapped, not what to expect of new ones."
    ]


def shared_lines(facts: Mapping[str, SetFacts]) -> list[str]:
    """Return what is to be said of further sets that may show the ground of the data trained on."""
    lines = []
    for name, found in facts.items():
        if found.same_number:
            shares = " and ".join(f"{count} that of a {role} patch" for role, count in found.same_number.items())
            lines.append(
                f"Of the {found.patches} patches of {code(name)}, {shares} bear the number: if both count the patches "
                "of Landslide4Sense, they show the same ground."
            )
    return lines


def split_facts(run: NetworkRun) -> dict[str, object]:
    """Return what the card says of a split: its line, how it divides, and a row for each role."""
    plan, patches = run.config.plan, run.patches
    by_blocks = isinstance(plan, SplitPlan)
    blocks = {"train": "all others"}
    apart = ""
    if isinstance(plan, SplitPlan):
        blocks |= {"validation": _join(plan.validation), "test": _join(plan.test)}
        blocks["dropped"] = f"within {plan.guard} of a held-out patch, in id or official number"
        apart = _join(plan.apart)
    rows = [(role, blocks.get(role, ""), count) for role, count in patches.items()]
    return {
        "text": splits.as_text(plan),
        "how": _HOW[type(plan)],
        "blocks": by_blocks,
        "rows": rows,
        "apart": apart,
    }


def _join(numbers: Sequence[int]) -> str:
    return ", ".join(map(str, numbers))
