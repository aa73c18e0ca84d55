"""What a person sees: MLflow's pages in a real browser."""

import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from urllib.error import HTTPError
from urllib.request import Request, urlopen

import pytest
from mlflow import MlflowClient

from pipeline.tracking.commands import ui_command
from pipeline.tracking.store import address
from tests.tracking.conftest import Laboratory
from tests.tracking.servers import serving

BROWSER = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def url(published: Laboratory) -> Iterator[str]:
    with serving(lambda port: ui_command(port, published.roots), "/health", published.root) as url:
        yield url


def page(url: str, place: Path, *wanted: str) -> str:
    """Text of a page once it has drawn itself and shows all of `wanted`, at the third try at the latest."""
    if BROWSER is None:
        pytest.skip("no chromium here")
    text = ""
    quiet = ("--headless", "--no-sandbox", "--disable-gpu", "--disable-background-networking", "--no-first-run")
    for patience in (8000, 20_000, 40_000):  # virtual milliseconds: on a busy machine the first can be too few
        command = [BROWSER, *quiet, "--window-size=1600,2400", f"--user-data-dir={place}",
                   f"--virtual-time-budget={patience}", "--dump-dom", url]  # fmt: skip
        done = subprocess.run(command, capture_output=True, text=True, timeout=120)
        text = re.sub(r"<(script|style).*?</\1>|<[^>]+>", " ", done.stdout, flags=re.DOTALL)
        text = " ".join(text.split())
        if all(word in text for word in wanted):
            break
    absent = [word for word in wanted if word not in text]
    assert not absent, f"{url} does not show {absent}: {text[:3000]}"
    return text


def run_id(laboratory: Laboratory) -> str:
    api = MlflowClient(address(laboratory.roots.store), address(laboratory.roots.store))
    return str(api.get_model_version_by_alias("shapes-mlp", "laptop_champion").run_id)


def test_experiments(url: str, tmp_path: Path) -> None:
    page(f"{url}/#/experiments?workflowType=machine_learning", tmp_path, "shapes-laptop")


def test_the_table_of_runs(url: str, tmp_path: Path) -> None:
    page(f"{url}/#/experiments/1/runs?workflowType=machine_learning", tmp_path,
         "shapes_mlp seed 0", "shapes_mlp_int8 seed 1", "shapes_wild seed 0", "8 matching runs")  # fmt: skip


def test_a_run_with_its_values(url: str, tmp_path: Path, published: Laboratory) -> None:
    text = page(f"{url}/#/experiments/1/runs/{run_id(published)}?workflowType=machine_learning", tmp_path,
                "validation/accuracy", "recipe.lr", "run_key", "shapes-mlp", "Finished")  # fmt: skip
    assert "recipe quick, profile laptop" in text


def test_its_curves(url: str, tmp_path: Path, published: Laboratory) -> None:
    page(f"{url}/#/experiments/1/runs/{run_id(published)}/model-metrics?workflowType=machine_learning", tmp_path,
         "epoch", "train_accuracy", "(epoch/train_loss)", "Step")  # fmt: skip


def test_its_pictures(url: str, tmp_path: Path, published: Laboratory) -> None:
    page(f"{url}/#/experiments/1/runs/{run_id(published)}/artifacts?workflowType=machine_learning", tmp_path,
         "confusion_matrix.html", "learning_curve.png")  # fmt: skip


def test_a_registered_model_with_its_aliases(url: str, tmp_path: Path) -> None:
    page(f"{url}/#/models/shapes-mlp?workflowType=machine_learning", tmp_path,
         "laptop_champion", "laptop_smallest", "laptop_fastest", "Version 2")  # fmt: skip


def test_only_its_own_origin_is_let_in(url: str) -> None:
    def status(**headers: str) -> int:
        given = {"Content-Type": "application/json", **headers}
        try:
            with urlopen(Request(f"{url}/api/2.0/mlflow/experiments/search?max_results=1", headers=given)) as answer:
                return answer.status
        except HTTPError as refused:
            return refused.code

    assert status() == 200
    assert status(Host="somewhere.example") == 403

    create = Request(f"{url}/api/2.0/mlflow/experiments/create", b"{}",
                     {"Content-Type": "application/json", "Origin": "http://somewhere.example"})  # fmt: skip
    with pytest.raises(HTTPError) as refused:
        urlopen(create, timeout=20)
    assert refused.value.code == 403
