from pathlib import Path

import pytest

from pipeline.report.table import references

FIGURE = "{data: d, model: m, metric: accuracy, value: 0.9, comparable: true, note: n, checked: source}"
ROOT = Path(__file__).parents[2]


def test_ours_are_valid() -> None:
    found = references.References(ROOT / "references")
    for data, model, value in (("fashion_mnist", "mlp", 0.8833), ("mnist", "lenet5", 0.9905)):
        published = found.of(data, model, "any")
        assert published and published[1].value == value
    assert found.of("fashion_mnist", "lenet5_1998", "any") is None
    for model in ("gru", "transformer_encoder"):
        baseline = found.of("japanese_vowels", model, "any")
        assert baseline and baseline[1].value == 0.949
    assert not [f for f in found.figures.values() if f[1].model == "resnet20"]


def test_a_figure_of_one_experiment_goes_before_that_of_its_model(tmp_path: Path) -> None:
    own = FIGURE.replace("model: m", "model: m, experiment: e").replace("0.9", "0.8")
    (tmp_path / "a.yaml").write_text(f"name: a\ncitation: c\ndoi: 10.1/x\nfigures: [{FIGURE}, {own}]")
    found = references.References(tmp_path)
    values = [p[1].value for key in ("e", "f") if (p := found.of("d", "m", key))]
    assert values == [0.8, 0.9]


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        (f"name: a\ncitation: c\nurl: https://a.org\nfigures: [{FIGURE}, {FIGURE}]", "a second figure for m on d"),
        (f"name: a\ncitation: c\nfigures: [{FIGURE}]", "needs a url or a doi"),
        ("name: a\ncitation: c\nurl: 'javascript:x'\nfigures: []", "url"),
        (f"name: a\ncitation: c\ndoi: 10.1/x\nyear: 1998\nfigures: [{FIGURE}]", "year"),
        (f"name: a\ncitation: c\ndoi: 10.1/x\nfigures: [{FIGURE.replace('accuracy', 'f9')}]", "unknown metric 'f9'"),
        (
            f"name: a\ncitation: c\ndoi: 10.1/x\nfigures: [{FIGURE.replace('0.9', '88.3')}]",
            "accuracy 88.3 is no fraction",
        ),
    ],
)
def test_refused(tmp_path: Path, text: str, complaint: str) -> None:
    (tmp_path / "bad.yaml").write_text(text)
    with pytest.raises(ValueError, match=f"(?s)bad.yaml.*{complaint}"):
        references.References(tmp_path)
