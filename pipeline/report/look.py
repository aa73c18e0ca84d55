"""What was read of a data set: counts, ranges and remarks as text, and a sheet of samples as a picture."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from pipeline.cells.cell import read_json
from pipeline.data import dataset
from pipeline.data.prepare import SPLITS
from pipeline.data.spec import Column
from pipeline.data.text import SHOWN
from pipeline.report.render import fonts, style

CLASSES, SAMPLES, COLUMNS, ROWS, LETTERS = 12, 8, 16, 8, 130  # that a sheet has room for


class Look:
    """A prepared data set: `meta.json` and its arrays, mapped."""

    def __init__(self, folder: Path) -> None:
        self.meta = read_json(folder / "meta.json")
        self.folder = folder
        self.x, self.y = (
            {s: np.load(folder / f"{a}_{s}.npy", mmap_mode="r", allow_pickle=False) for s in SPLITS} for a in "xy"
        )
        columns = [Column(**column) for column in self.meta["columns"] or []]
        plain = self.meta["kind"] == "tabular" and not columns
        self.columns = [Column(name=f"column {n}") for n in range(self.meta["shape"][0])] if plain else columns

    def lines(self) -> Iterator[str]:
        """The text, a line at a time."""
        meta = self.meta
        yield f"{meta['name']}: {meta['kind']} data, an item has shape {tuple(meta['shape'])}"
        yield "items: " + ", ".join(f"{split} {self._count(split):,}" for split in SPLITS)
        if meta["refit"]:
            yield "the validation items are in train too (refit)"
        if not meta.get("writes"):
            yield from self._classes() if meta["classes"] else self._targets()
        yield from self._tokens() if meta["kind"] == "tokens" else self._ranges()
        yield from (f"remark: {remark}" for remark in meta["remarks"])

    def _count(self, split: str) -> int:
        """Items; of text, tokens are kept one item after another."""
        bounds = self.folder / f"x_{split}_bounds.npy"
        return len(np.load(bounds, allow_pickle=False)) - 1 if bounds.is_file() else len(self.y[split])

    def _classes(self) -> Iterator[str]:
        width = max(len("class"), *(len(name) for name in self.meta["classes"]))
        yield f"{'class':{width}}" + "".join(f"{split:>12}" for split in SPLITS)
        for number, name in enumerate(self.meta["classes"]):
            yield f"{name:{width}}" + "".join(f"{self.meta['counts'][split][number]:12,}" for split in SPLITS)

    def _targets(self) -> Iterator[str]:
        for split, y in self.y.items():
            yield f"target, {split}: {y.min():g} to {y.max():g}, mean {y.mean(dtype=np.float64):.6g}"

    def _ranges(self) -> Iterator[str]:
        """Of train: of columns, of features of a series, of channels."""
        found = self.meta["statistics"]
        names = [name for column in self.columns for name in column.features]
        names = names or [f"{'feature' if self.meta['kind'] == 'series' else 'channel'} {n}"
                          for n in range(len(found["mean"]))]  # fmt: skip
        width = max(len("train"), *(len(name) for name in names))
        yield f"{'train':{width}}" + "".join(f"{name:>12}" for name in ("minimum", "maximum", "mean", "std"))
        for number, name in enumerate(names):
            values = (found[key][number] for key in ("minimum", "maximum", "mean", "std"))
            yield f"{name:{width}}" + "".join(f"{value:12.5g}" for value in values)
        if self.meta["kind"] == "series":
            lengths = np.concatenate([(~np.isnan(x).all(axis=2)).sum(axis=1) for x in self.x.values()])
            yield f"steps: {lengths.min()} to {lengths.max()}"

    def _tokens(self) -> Iterator[str]:
        yield f"vocabulary: {self.meta['vocabulary']['size']:,} tokens"
        for title, name in (("tokens", "tokens"), ("of targets", "target_tokens")):
            if counted := self.meta.get(name):
                columns = ("all", "a text", "longest", "texts cut", "unknown")
                yield f"{title:10}" + "".join(f"{column:>12}" for column in columns)
                yield from (self._counted(split, counted[split]) for split in SPLITS)

    def _counted(self, split: str, found: dict[str, Any]) -> str:
        mean = found["all"] / self._count(split)
        values = f"{found['all']:12,}{mean:12.1f}{found['longest']:12,}{found['cut']:12,}{found['unknown']:12.2%}"
        return f"{split:10}{values}"

    def sheet(self, path: Path) -> str:
        """Draw samples of train as PNG; returns what there is to say of it, empty in most cases."""
        names = [*self.meta["classes"], *(t for c in self.columns for t in (c.name, *(c.names or [])))]
        samples = read_json(self.folder / dataset.SAMPLES)["train"] if self.meta["kind"] == "tokens" else []
        self.samples = [(label, " ".join(text.split())) for label, text in samples]
        names += [text for _, text in self.samples]
        known, missing = fonts.families(names)
        with matplotlib.rc_context({**style.SETTINGS, "font.family": known, "axes.unicode_minus": False}):
            draw = {"image": self._images, "series": self._series, "tabular": self._table}
            draw["tokens"] = self._texts
            figure = draw[self.meta["kind"]](lambda text: fonts.drawable(text, missing).replace("$", r"\$"))
            figure.suptitle(f"{self.meta['name']}: training items as they were read")
            figure.savefig(path, dpi=120, metadata={"Software": None})
        if not missing:
            return ""
        return f"no font here has {missing}; the sheet shows their numbers; install one, such as Debian's fonts-unifont"

    def _groups(self) -> list[tuple[str, np.ndarray]]:
        """Name and first training items of each class that is shown; of numbers, of all items."""
        y = np.asarray(self.y["train"])
        if not self.meta["classes"]:
            return [(f"{value:g}", np.array([number])) for number, value in enumerate(y[:CLASSES])]
        shown = enumerate(self.meta["classes"][:CLASSES])
        return [(name, np.flatnonzero(y == number)[:SAMPLES]) for number, name in shown]

    def _images(self, text: Any) -> Figure:
        groups, white = self._groups(), max(self.meta["statistics"]["maximum"])  # some have 16 shades, not 256
        figure = Figure(figsize=(1.2 + 0.95 * SAMPLES, 0.6 + 0.95 * len(groups)), layout="constrained")
        grid = figure.subplots(len(groups), SAMPLES, squeeze=False)
        for row, (name, chosen) in zip(grid, groups, strict=True):
            for place, axes in enumerate(row):
                axes.axis("off")
                if place < len(chosen):
                    pixels = np.asarray(self.x["train"][chosen[place]]).transpose(1, 2, 0)
                    grey = {"cmap": "gray", "vmin": 0, "vmax": white} if pixels.shape[2] == 1 else {}
                    axes.imshow(pixels if pixels.shape[2] in (1, 3) else pixels[..., :1], **grey)
            row[0].text(-0.1, 0.5, text(name), transform=row[0].transAxes, ha="right", va="center")
        return figure

    def _series(self, text: Any) -> Figure:
        groups = self._groups()
        wide = min(3, len(groups))
        tall = -(-len(groups) // wide)
        figure = Figure(figsize=(3.4 * wide, 1.8 * tall + 0.6), layout="constrained")
        grid = figure.subplots(tall, wide, squeeze=False).reshape(-1)
        for axes in grid[len(groups) :]:
            axes.axis("off")
        for axes, (name, chosen) in zip(grid, groups, strict=False):
            for item in np.asarray(self.x["train"][chosen[:3]]):
                axes.plot(item[:, 0], linewidth=0.9)
            axes.set_title(text(name))
        grid[0].set_ylabel("feature 0")
        return figure

    def _table(self, text: Any) -> Figure:
        columns = self.columns[:COLUMNS]
        lanes = -(-len(columns) // 4)
        figure = Figure(figsize=(12, 2.6 + 1.9 * lanes), layout="constrained")
        grid = figure.add_gridspec(1 + lanes, 4, height_ratios=[1.4] + [1] * lanes)
        self._rows(figure.add_subplot(grid[0, :]), columns, text)
        start = 0
        for number, column in enumerate(columns):
            axes = figure.add_subplot(grid[1 + number // 4, number % 4])
            width = column.width
            values = np.asarray(self.x["train"][:, start : start + width])
            if column.names:
                shown = [text(name)[:14] for name in column.names[:COLUMNS]]
                axes.barh(range(len(shown)), values.sum(axis=0)[:COLUMNS], color=style.COLOURS[0])
                axes.set_yticks(range(len(shown)), shown, fontsize=7)
            else:
                numbers = values[:, 0].astype(np.float64)
                axes.locator_params(axis="x", nbins=4)
                axes.hist(numbers, bins=min(30, len(np.unique(numbers))), color=style.COLOURS[0])
            axes.set_title(text(column.name)[:30])
            start += width
        return figure

    def _texts(self, text: Any) -> Figure:
        """The beginnings of some texts of each class."""
        lines = self.samples[: CLASSES * SHOWN]
        figure = Figure(figsize=(12, 0.6 + 0.24 * len(lines)), layout="constrained")
        axes = figure.subplots()
        axes.axis("off")
        for number, (target, shown) in enumerate(lines):
            place = 1 - (number + 0.5) / len(lines)
            axes.text(0.0, place, text(target)[:18], fontweight="bold", va="center", fontsize=8)
            axes.text(0.14, place, text(shown[:LETTERS]), va="center", fontsize=8)
        return figure

    def _rows(self, axes: Axes, columns: list[Column], text: Any) -> None:
        """The first training items, as a person writes them."""
        axes.axis("off")
        cells, letters = [], max(10, 120 // (len(columns) + 1))
        for item, target in zip(np.asarray(self.x["train"][:ROWS]), self.y["train"][:ROWS], strict=True):
            row, start = [], 0
            for column in columns:
                width = column.width
                part = item[start : start + width]
                row.append(text(column.names[int(part.argmax())])[:letters] if column.names else f"{part[0]:.5g}")
                start += width
            label = text(self.meta["classes"][target])[:letters] if self.meta["classes"] else f"{target:.5g}"
            cells.append([*row, label])
        titles = [*(text(column.name)[:letters] for column in columns), "target"]
        table = axes.table(cells, colLabels=titles, loc="center", cellLoc="right", edges="horizontal")
        table.auto_set_font_size(False)
        table.set_fontsize(7 if len(columns) > 8 else 9)
