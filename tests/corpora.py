"""Small corpora that are made here, one of classes and one of tags, and a project with a row for each kind of model.

Every class has words of its own among words of all, and what a word is tagged depends on the one before it.
"""

import subprocess
import sys
from pathlib import Path

import numpy as np

from bench import scratch

OWN = {
    "coffee": ["arabica", "beans", "roast", "harvest", "brew"],
    "ship": ["cargo", "harbour", "vessel", "tanker", "crew"],
    "wheat": ["grain", "acres", "flour", "silo", "crop"],
}
COMMON = ["the", "price", "of", "rose", "said", "a", "report", "in", "March", "and", "was", "low"]
NOUNS, VERBS = ["dog", "cat", "walk", "plan", "sail"], ["walk", "plan", "sail", "see", "hear"]
SECTIONS = """
profile: laptop
profiles:
  laptop: {seeds: [0], threads: 1, precision: 32-true, cell_minutes: 5.0}
data:
  news:
    source: news
    reader: text_table
    options: {text: text, label: topic}
    task: classification
    split: {validation: 0.2}
    tokens: words
    budget: {laptop: {samples: 70, epochs: 12}}
  treebank:
    source: treebank
    reader: conllu
    task: tagging
    split: {validation: 0.2}
    tokens: words
    budget: {laptop: {samples: 50, epochs: 15}}
tokenizers:
  words: {by: words, length: 24}
  letters: {by: characters, length: 60}
recipes:
  quick: {kind: gradient, batch_size: 8, lr: 0.01}
  solver: {kind: fit}
experiments:
  news_cnn: {data: news, model: models/text_cnn, recipe: quick, args: {maps: 8, embedding: 16}}
  news_lstm: {data: news, model: models/lstm, recipe: quick, args: {hidden: 16, embedding: 16, bidirectional: true}}
  news_letters: {data: news, model: models/text_cnn, recipe: quick, tokens: letters, args: {maps: 16, embedding: 16}}
  news_svm: {data: news, model: classical/svm, recipe: solver, view: tfidf}
  treebank_lstm:
    {data: treebank, model: models/lstm, recipe: quick,
     args: {hidden: 16, embedding: 16, bidirectional: true, pool: none}}
  treebank_crf: {data: treebank, model: models/lstm_crf, recipe: quick, args: {hidden: 16, embedding: 16}}
variants:
  news_cnn_int8: {of: news_cnn, steps: [{method: onnx}, {method: static_int8, calibration_samples: 32}]}
  news_lstm_int8: {of: news_lstm, steps: [{method: onnx}, {method: static_int8, calibration_samples: 32}]}
  treebank_lstm_int8: {of: treebank_lstm, steps: [{method: onnx}, {method: static_int8, calibration_samples: 32}]}
evaluators: {quality: {}, calibration: {}, size: {}}
search:
  news_cnn: {trials: 3, set: {lr: {low: 0.001, high: 0.1, log: true}}, args: {maps: {choices: [4, 8]}}}
"""

WORK = """
from pipeline.build import repro, steps
from pipeline.build.selection import Selection
from pipeline.config import loading
from pipeline.run.plan import Plan
selection = Selection(Plan(loading.load()))
assert not repro.fill(selection, 1)[0]
steps.show_rows(selection, [*selection.experiments, *selection.variants])
"""


def make(folder: Path) -> None:
    """A project with all its rows trained, compressed and evaluated."""
    write(folder)
    run(folder, "-c", WORK)


def run(folder: Path, *words: str) -> str:
    """What Python says in a project's folder, with these words after its name; it has to end well."""
    settings, words = scratch.environment() | {"PYTHONPATH": str(scratch.ROOT)}, (sys.executable, *words)
    done = subprocess.run(words, cwd=folder, env=settings, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def write(folder: Path) -> None:
    """The corpora and params.yaml of a project, with nothing made of them."""
    rng = np.random.default_rng(0)
    for split, count in (("train", 96), ("test", 30)):
        (folder / "news").mkdir(exist_ok=True)
        (folder / "treebank").mkdir(exist_ok=True)
        topics = [[*OWN][n % len(OWN)] for n in range(count)]
        rows = [f"{_text(rng, topic)},{topic}\n" for topic in topics]
        (folder / "news" / f"{split}.csv").write_text("text,topic\n" + "".join(rows))
        (folder / "treebank" / f"{split}.conllu").write_text("\n".join(_sentence(rng) for _ in range(count)))
    (folder / "params.yaml").write_text(SECTIONS)


def _text(rng: np.random.Generator, topic: str) -> str:
    length = int(rng.integers(2, 22))
    words = [str(rng.choice(OWN[topic] if rng.random() < 0.3 else COMMON)) for _ in range(length)]
    return " ".join([*words, str(rng.choice(OWN[topic]))])


def _sentence(rng: np.random.Generator) -> str:
    """`the dog to walk`: after `the` a noun, after `to` a verb."""
    words: list[tuple[str, str]] = []
    for _ in range(int(rng.integers(1, 6))):
        noun = bool(rng.integers(2))
        words.append(("the", "DET") if noun else ("to", "PART"))
        words.append((str(rng.choice(NOUNS if noun else VERBS)), "NOUN" if noun else "VERB"))
    rows = (f"{n}\t{word}\t_\t{tag}" + "\t_" * 6 for n, (word, tag) in enumerate(words, 1))
    return "\n".join(rows) + "\n"
