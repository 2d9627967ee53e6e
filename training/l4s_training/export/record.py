"""Writes a bundle: its networks, their description ``bundle.json``, the model card."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

from l4s_geo.bundles.bundle import Bundle, Member
from l4s_geo.bundles.install import install_bundle
from l4s_geo.errors import OutputError
from l4s_training.data import splits
from l4s_training.data.provenance import mark
from l4s_training.export.card.model_card import Exported, model_card
from l4s_training.export.measure import Measured
from l4s_training.export.members import ExportedMember
from l4s_training.export.settings import ExportSettings
from l4s_training.runs.smoke import SMOKE

__all__ = ["record"]


def record(
    out: Path,
    settings: ExportSettings,
    folders: Sequence[Path],
    members: Sequence[ExportedMember],
    measured: Measured,
    int8_cost: float | None = None,
) -> Bundle:
    """Write the bundle's folder.

    Args:
        out: the folder.
        settings: what was asked for.
        folders: the runs that were exported.
        members: the networks, in order.
        measured: what they were measured to do.
        int8_cost: by how much 8-bit weights lower the F1 on the validation patches; None for other weights.

    Raises:
        BundleError: something else than a bundle stands in the folder's place.
        OutputError: it cannot be written; a bundle that stands there stays.
    """
    bundle = _description(settings, members, measured)
    files = {described.file: member.data for described, member in zip(bundle.members, members, strict=True)}
    card = model_card(bundle, Exported(settings, folders, members, measured, int8_cost))
    try:
        install_bundle(bundle, files, out, card)
    except OutputError:
        raise
    except OSError as error:
        raise OutputError(f"The bundle {out} could not be written ({error}); make room and export it again.") from error
    return bundle


def _description(settings: ExportSettings, members: Sequence[ExportedMember], measured: Measured) -> Bundle:
    run = members[0].run
    bands = run.config.bands
    networks = " + ".join(member.run.config.network for member in members)
    return Bundle(
        name=settings.name,
        version=settings.version,
        description=f"{networks} on {', '.join(bands)} for landslides at 10 m.",
        bands=bands,
        members=tuple(_member(m, file) for m, file in zip(members, _file_names(members), strict=True)),
        threshold=measured.threshold,
        crf=measured.refinement,
        prior=measured.prior,
        confidence=measured.confidence,
        window=run.window,
        trained_on=_trained_on(members),
        scores=_scores(measured),
        created=datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
    )


def _trained_on(members: Sequence[ExportedMember]) -> str:
    """A phrase that names the data, and marks what is no result."""
    run = members[0].run
    names = ", ".join(Path(path).name for path in run.config.data)
    origins = [origin for member in members for origin in member.run.learned_from.every_origin]
    kind = "simulated" if mark(False, origins) else "labelled"
    smoke = f"{SMOKE}: " if any(member.run.learned_from.smoke for member in members) else ""
    return f"{smoke}{run.patches['train']} {kind} patches ({names}), split {splits.as_text(run.config.plan)}"


def _scores(measured: Measured) -> dict[str, float]:
    """Every figure by its name; a share of no landslide, NaN, is left out."""
    scores = {f"{s.name}_{key}": round(value, 4) for s in measured.scores for key, value in s.as_dict().items()}
    recall = {size: share for size, (count, share) in measured.recall.items() if count}
    return scores | {f"test_recall_from_{size}_m2": round(share, 4) for size, share in recall.items()}


def _file_names(members: Sequence[ExportedMember]) -> list[str]:
    """Name the networks' files, with a number where an architecture comes twice."""
    names = [member.run.config.network.replace("+", "-") for member in members]
    return [
        f"{name}-{names[: i + 1].count(name)}.onnx" if names.count(name) > 1 else f"{name}.onnx"
        for i, name in enumerate(names)
    ]


def _member(member: ExportedMember, file: str) -> Member:
    config = member.run.config
    return Member(
        file,
        hashlib.sha256(member.data).hexdigest(),
        config.network,
        config.bands,
        config.normalization,
        member.run.statistics,
        member.weight,
        config.scale,
    )
