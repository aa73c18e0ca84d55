"""Answers that are texts, from what judged them to the report."""

import json
from pathlib import Path
from typing import Any

from pipeline.cells import store
from pipeline.cells.cell import Cell
from pipeline.config import loading
from pipeline.data.spec import Budget
from pipeline.evaluate.spec import Evaluate
from pipeline.report.render.document import Table, Text, markdown
from pipeline.report.table import comparison, texts
from pipeline.report.table.references import References
from pipeline.results import files
from pipeline.results.collect import _write_texts
from pipeline.results.files import Result
from tests.data import pairs
from tests.sources import ROOT

ROWS = ("en_fr_transformer", "en_fr_lstm_attention", "iris_mlp")


def judged(seed: int, evaluator: str, result: dict[str, Any]) -> Cell:
    """A finished cell of an evaluator."""
    spec = Evaluate(
        data="counting", task="translation", budget=Budget(epochs=seed), threads=1, evaluator=evaluator, options={}
    )
    cell = Cell("evaluate", "pipeline.evaluate.evaluate", spec, Path(evaluator), ROWS[0], seed)
    cell.folder.mkdir(parents=True)
    store.seal(cell.folder, cell.key, {"result.json": result})
    return cell


def answered(wrong: int, count: int = 40) -> dict[str, Any]:
    """Of `count` items the first `wrong` in another order of words."""
    test = []
    for number in range(count):
        source, reference = (pairs.spoken(1234567 + 991 * number, words) for words in (pairs.ENGLISH, pairs.FRENCH))
        beam = " ".join(reversed(reference.split())) if number < wrong else reference
        test.append({"source": source, "reference": reference, "greedy": source, "beam": beam})
    return {"signature": "nrefs:1", "texts": test}


def blocks(*wrong: int) -> list[Any]:
    known = loading.load(ROOT / "params.yaml")
    found = {}
    for row, number in zip(ROWS, wrong, strict=False):
        made = answered(number)
        scores = [
            {"seed": str(seed), "split": "test", "metric": name, "value": str(value + seed), "status": "ok"}
            for seed in (int(number > 20), 2)
            for name, value in (("bleu", 30), ("copied_bleu", 4))
        ]
        found[row] = Result(
            scores, texts={"seed": int(number > 20), "signature": made["signature"], "test": made["texts"]}
        )
    rows = comparison.rows(known, "laptop", found | {"iris_svm": Result()}, References(ROOT / "references"))
    return texts.blocks(rows, found | {"iris_svm": Result()})


def test_the_first_seed_s_texts_are_kept(own_cells: Path, tmp_path: Path) -> None:
    silent = judged(1, "size", {"values": []})
    made = {1: [silent, silent, judged(1, "quality", answered(3))], 2: [silent, judged(2, "quality", answered(5))]}
    _write_texts(tmp_path, made)
    kept = json.loads((tmp_path / files.TEXTS).read_text())
    assert kept == {"seed": 1, "signature": "nrefs:1", "test": answered(3)["texts"]}
    _write_texts(tmp_path / "none", {0: [silent, silent]})
    assert not (tmp_path / "none").exists()


def test_ten_texts_stand_beside_source_and_reference() -> None:
    said, table = blocks(40, 0)
    assert isinstance(said, Text) and isinstance(table, Table)
    assert said.items[0] == "en_fr_transformer, test, means of 2 of 3 seeds: bleu 31.50, copied_bleu 5.50"
    assert (
        table.headers[3:] == ["en_fr_transformer, seed 1", "en_fr_lstm_attention, seed 0"]
        and len(table.rows) == texts.SHOWN
    )
    first = answered(40)["texts"][0]
    assert table.rows[0] == ["0", first["source"], first["reference"], first["beam"], first["reference"]]
    assert [row[0] for row in table.rows] == [str(number) for number in range(0, 40, 4)]
    assert first["beam"] in markdown([table])


def test_the_better_row_is_named_with_its_bootstrap() -> None:
    *_, said = blocks(40, 0)[0].items
    assert said.startswith("en_fr_transformer, seed 1, against en_fr_lstm_attention, seed 0: BLEU ")
    assert (
        "and 100.00, p = 0.00" in said and "Koehn 2004, 1,000 samples): en_fr_lstm_attention is better. nrefs:1" in said
    )
    *_, said = blocks(7, 7)[0].items
    assert "no evidence for an order" in said


def test_one_row_is_compared_with_none_and_rows_of_numbers_have_no_texts() -> None:
    assert [type(block) for block in blocks(3)] == [Text, Table] and len(blocks(3)[0].items) == 1
    assert blocks() == []


def test_of_three_rows_the_p_values_are_corrected() -> None:
    """Four wrong of forty are found where there is one comparison, with p = 0.035, and not where there are three."""
    *_, alone = blocks(4, 0)[0].items
    assert "1,000 samples): en_fr_lstm_attention is better" in alone
    *_, one, _, other = blocks(4, 0, 4)[0].items
    for said in (one, other):
        assert "p = 0.105" in said and "corrected for 3 comparisons (Holm 1979): no evidence for an order" in said
