"""Figures and tables of studies, from their lines in `studies/results` alone."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from pipeline import paths
from pipeline.params import Params
from pipeline.report import ablation, document, gradients, scale
from pipeline.report.document import Block, Heading, Picture, Text
from pipeline.report.gradients import Looked
from pipeline.report.points import AXES, Point, read


def build(params: Params, root: Path = paths.ROOT) -> None:
    """Write `studies.md`, `studies.html` and the figures of each data set for the active profile."""
    out = root / paths.study_reports(params.profile).relative_to(paths.ROOT)
    out.mkdir(parents=True, exist_ok=True)
    blocks: list[Block] = [Heading(f"Studies, profile {params.profile}", 1)]
    files = {n: root / paths.study(params.profile, n).relative_to(paths.ROOT) for n in params.studies}
    of_kind = {k: [n for n, s in params.studies.items() if s.kind == k] for k in ("scale", "ablation", "gradients")}
    scored = {n: points for n in of_kind["scale"] + of_kind["ablation"] if (points := read(files[n]))}
    looked = {n: looks for n in of_kind["gradients"] if (looks := gradients.read(files[n]))}
    every: list[Sequence[Point | Looked]] = [*scored.values(), *looked.values()]
    for data in dict.fromkeys(points[0].data for points in every):
        blocks.append(Heading(data))
        here = {n: points for n, points in scored.items() if points[0].data == data}
        blocks += _scales(out, data, {n: points for n, points in here.items() if n in of_kind["scale"]})
        blocks += _ablations(out, data, {n: points for n, points in here.items() if n in of_kind["ablation"]})
        blocks += _gradients(out, data, {n: looks for n, looks in looked.items() if looks[0].data == data})
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


def _gradients(out: Path, data: str, studies: Mapping[str, Sequence[Looked]]) -> list[Block]:
    blocks: list[Block] = [Text([gradients.NOTE])] if studies else []
    if picture := gradients.draw(out / f"gradients_{data}", list(studies.values())):
        blocks.append(Picture(picture, f"{data}: gradients from layer to layer, and from update to update."))
    return blocks + [gradients.table(name, points) for name, points in studies.items()]
