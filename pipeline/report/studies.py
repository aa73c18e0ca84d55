"""Figures and tables of studies, from their lines in `studies/results` alone."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from pipeline import paths
from pipeline.params import Params
from pipeline.report import ablation, document, scale
from pipeline.report.document import Block, Heading, Picture, Text
from pipeline.report.points import AXES, Point, read


def build(params: Params, root: Path = paths.ROOT) -> None:
    """Write `studies.md`, `studies.html` and the figures of each data set for the active profile."""
    out = root / paths.study_reports(params.profile).relative_to(paths.ROOT)
    out.mkdir(parents=True, exist_ok=True)
    found = {n: read(root / paths.study(params.profile, n).relative_to(paths.ROOT)) for n in params.studies}
    found = {name: points for name, points in found.items() if points}
    blocks: list[Block] = [Heading(f"Studies, profile {params.profile}", 1)]
    for data in dict.fromkeys(points[0].data for points in found.values()):
        here = {name: points for name, points in found.items() if points[0].data == data}
        scales, ablations = (
            {n: points for n, points in here.items() if params.studies[n].kind == k} for k in ("scale", "ablation")
        )
        blocks.append(Heading(data))
        blocks += _scales(out, data, scales) + _ablations(out, data, ablations)
    (out / "studies.md").write_text(document.markdown(blocks))
    (out / "studies.html").write_text(document.page(f"Studies, profile {params.profile}", blocks))


def _scales(out: Path, data: str, studies: Mapping[str, Sequence[Point]]) -> list[Block]:
    blocks: list[Block] = [Text([scale.NOTE])] if studies else []
    for name, label in AXES.items():
        every = [point for points in studies.values() for point in points]
        if picture := scale.score_against_size(out / f"score_against_{name}_{data}", name, every):
            caption = f"{data}, test items, against {label}: mean and 95 % interval; in grey the other studies."
            blocks.append(Picture(picture, caption))
    return blocks + [scale.table(name, points) for name, points in studies.items()]


def _ablations(out: Path, data: str, studies: Mapping[str, Sequence[Point]]) -> list[Block]:
    blocks: list[Block] = [Text([ablation.NOTE])] if studies else []
    if picture := ablation.intervals(out / f"ablation_{data}", list(studies.values())):
        blocks.append(Picture(picture, f"{data}, test items: differences from the first point of each study."))
    for name, points in studies.items():
        blocks += [ablation.summary(name, points), ablation.table(name, points)]
    return blocks
