"""Writes a bundle: its networks, their description ``bundle.json``, the model card."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

from l4s_geo.bundles.bundle import Bundle, Member
from l4s_geo.bundles.install import install_bundle
from l4s_geo.errors import OutputError
from l4s_training.export.card.model_card import model_card
from l4s_training.export.measure import Measured
from l4s_training.export.members import ExportedMember
from l4s_training.export.settings import ExportSettings

__all__ = ["record"]


def record(
    out: Path,
    settings: ExportSettings,
    folders: Sequence[Path],
    members: Sequence[ExportedMember],
    measured: Measured,
) -> Bundle:
    """Write the bundle's folder.

    Args:
        out: the folder.
        settings: what was asked for.
        folders: the runs that were exported.
        members: the networks, in order.
        measured: what they were measured to do.

    Raises:
        BundleError: something else than a bundle stands in the folder's place.
        OutputError: it cannot be written; a bundle that stands there stays.
    """
    bundle = _description(settings, members, measured)
    files = {described.file: member.data for described, member in zip(bundle.members, members, strict=True)}
    card = model_card(bundle, folders, members, measured, settings.storage)
    try:
        install_bundle(bundle, files, out, card)
    except OutputError:
        raise
    except OSError as error:
        raise OutputError(f"The bundle {out} could not be written ({error}); make room and export it again.") from error
    return bundle


def _description(settings: ExportSettings, members: Sequence[ExportedMember], measured: Measured) -> Bundle:
    run = members[0].run
    data, bands = run.config.data, run.config.bands
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
        trained_on=(
            f"{run.patches['train']} labelled Landslide4Sense patches "
            f"({', '.join(Path(path).name for path in data)}), split by blocks of id"
        ),
        scores=_scores(measured),
        created=datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
    )


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
