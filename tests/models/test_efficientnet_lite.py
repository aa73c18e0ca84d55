"""The shipped ImageNet weights in our EfficientNet-Lite, on the two photographs that scikit-learn brings."""

from pathlib import Path
from typing import Any

import pytest
import torch
from sklearn.datasets import load_sample_image
from torch.nn import functional

from pipeline.data import fetch
from pipeline.models import efficientnet_lite

CARDS = Path(efficientnet_lite.__file__).parent / "cards"
DAISY, PALACE = 985, 698  # of ImageNet's classes, in which there is no dahlia


def photograph(name: str, side: int) -> torch.Tensor:
    """The middle square of a photograph, (1, 3, side, side), as the weights expect it."""
    pixels = torch.tensor(load_sample_image(name)).permute(2, 0, 1)[None].float()
    size = min(pixels.shape[2:])
    top, left = ((n - size) // 2 for n in pixels.shape[2:])
    square = pixels[:, :, top : top + size, left : left + size]
    return (functional.interpolate(square, (side, side), mode="bicubic", antialias=True) - 127) / 128


@pytest.mark.parametrize("variant", ["lite0", "lite1", "lite2"])
def test_shipped_weights_see_what_is_on_a_photograph(variant: Any, tmp_path: Path) -> None:
    """A palace in China, by all three; a flower by the first, the other two spread over many classes."""
    fetch.run({"source": str(CARDS / f"efficientnet_{variant}.yaml"), "card": True}, tmp_path, {})
    network = efficientnet_lite.build((3, 224, 224), 1000, variant=variant).eval()
    efficientnet_lite.load_shipped(network, str(tmp_path / "weights.pth"))
    side = efficientnet_lite.SCALING[variant][2]
    with torch.no_grad():
        seen = {name: network(photograph(name, side)).argmax().item() for name in ("china.jpg", "flower.jpg")}
    assert seen["china.jpg"] == PALACE
    assert variant != "lite0" or seen["flower.jpg"] == DAISY
    other = {"lite0": "lite1", "lite1": "lite2", "lite2": "lite0"}[variant]
    with pytest.raises(ValueError, match="not the weights of this variant"):
        wrong = efficientnet_lite.build((3, 224, 224), 1000, variant=other)  # type: ignore[arg-type]
        efficientnet_lite.load_shipped(wrong, str(tmp_path / "weights.pth"))
