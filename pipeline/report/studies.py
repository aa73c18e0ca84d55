"""Figures and tables of studies, from their lines in `studies/results` alone."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from pipeline import paths
from pipeline.params import Params
from pipeline.report import ablation, document, endings, gradients, scale
from pipeline.report.document import Block, Heading, Picture, Text
from pipeline.report.endings import Run
from pipeline.report.gradients import Looked
from pipeline.report.points import AXES, Point, read


def build(params: Params, root: Path = paths.ROOT) -> None:
    """Write `studies.md`, `studies.html` and the figures of each data set for the active profile."""
    out = root / paths.study_reports(params.profile).relative_to(paths.ROOT)
    out.mkdir(parents=True, exist_ok=True)
    blocks: list[Block] = [Heading(f"Studies, profile {params.profile}", 1)]
    files = {n: root / paths.study(params.profile, n).relative_to(paths.ROOT) for n in params.studies}
    found = {n: lines for n, study in params.studies.items() if (lines := KINDS[study.kind][0](files[n]))}
    for data in dict.fromkeys(lines[0].data for lines in found.values()):
        blocks.append(Heading(data))
        for kind, (_, section) in KINDS.items():
            here = {n: lines for n, lines in found.items() if lines[0].data == data and params.studies[n].kind == kind}
            blocks += section(out, data, here) if here else []
    (out / "studies.md").write_text(document.markdown(blocks))
    (out / "studies.html").write_text(document.page(f"Studies, profile {params.profile}", blocks))


def _scales(out: Path, data: str, studies: Mapping[str, Sequence[Point]]) -> list[Block]:
    blocks: list[Block] = [Text([scale.NOTE])]
    for name, label in AXES.items():
        every = [point for points in studies.values() for point in points]
        if picture := scale.score_against_size(out / f"score_against_{name}_{data}", name, every):
            caption = f"{data}, test items, against {label}: mean and 95 % interval; in grey the other studies."
            blocks.append(Picture(picture, caption))
    return blocks + [scale.table(name, points) for name, points in studies.items()]


def _ablations(out: Path, data: str, studies: Mapping[str, Sequence[Point]]) -> list[Block]:
    blocks: list[Block] = [Text([ablation.NOTE])]
    if picture := ablation.intervals(out / f"ablation_{data}", list(studies.values())):
        blocks.append(Picture(picture, f"{data}, test items: differences from the first point of each study."))
    for name, points in studies.items():
        blocks += [ablation.summary(name, points), ablation.table(name, points)]
    return blocks


def _gradients(out: Path, data: str, studies: Mapping[str, Sequence[Looked]]) -> list[Block]:
    blocks: list[Block] = [Text([gradients.NOTE])]
    if picture := gradients.draw(out / f"gradients_{data}", list(studies.values())):
        blocks.append(Picture(picture, f"{data}: gradients from layer to layer, and from update to update."))
    return blocks + [gradients.table(name, points) for name, points in studies.items()]


def _endings(out: Path, data: str, studies: Mapping[str, Sequence[Run]]) -> list[Block]:
    blocks: list[Block] = [Text([endings.NOTE])]
    if picture := endings.draw(out / f"ending_{data}", list(studies.values())):
        blocks.append(Picture(picture, f"{data}: validation by epoch, where runs end, and the epochs that they keep."))
    return blocks + [endings.table(name, runs) for name, runs in studies.items()]


Section = Callable[[Path, str, Mapping[str, Any]], list[Block]]
# A study's kind -> what reads its lines, and what it adds to the report.
KINDS: dict[str, tuple[Callable[[Path], Sequence[Any]], Section]] = {
    "scale": (read, _scales),
    "ablation": (read, _ablations),
    "gradients": (gradients.read, _gradients),
    "ending": (endings.read, _endings),
}
