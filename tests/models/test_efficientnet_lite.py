"""The shipped ImageNet weights in our EfficientNet-Lite, on the two photographs that scikit-learn brings."""

from pathlib import Path
from typing import Any

import pytest
import torch
from sklearn.datasets import load_sample_image
from torch.nn import functional

from pipeline.data import dataset, fetch
from pipeline.data.spec import Fetch
from pipeline.models import efficientnet_lite

CARDS = Path(efficientnet_lite.__file__).parent / "cards"
DAISY, PALACE = 985, 698  # of ImageNet's classes, in which there is no dahlia


def photograph(name: str, side: int) -> torch.Tensor:
    """The middle square of a photograph, (1, 3, side, side), of 0 to 255."""
    pixels = torch.tensor(load_sample_image(name)).permute(2, 0, 1)[None].float()
    size = min(pixels.shape[2:])
    top, left = ((n - size) // 2 for n in pixels.shape[2:])
    square = pixels[:, :, top : top + size, left : left + size]
    return functional.interpolate(square, (side, side), mode="bicubic", antialias=True)


@pytest.mark.slow
@pytest.mark.parametrize("variant", ["lite0", "lite1", "lite2"])
def test_shipped_weights_see_what_is_on_a_photograph(variant: Any, tmp_path: Path) -> None:
    """A palace in China, by all three; a flower by the first, the other two spread over many classes.

    Scaled as the authors do, and by `symmetric`, which differs from that by 0.008 at most.
    """
    fetch.run(Fetch(source=str(CARDS / f"efficientnet_{variant}.yaml"), card=True, digest=""), tmp_path, {})
    network = efficientnet_lite.build((3, 224, 224), 1000, variant=variant).eval()
    network.load_state_dict(efficientnet_lite.shipped(tmp_path, variant=variant))
    side = efficientnet_lite.SCALING[variant][2]
    shift, factor = dataset.scaling({"minimum": [0], "maximum": [255], "mean": [0], "std": [1]}, "symmetric", "none")
    with torch.no_grad():
        for scaled in (lambda x: (x - 127) / 128, lambda x: (x - shift[0]) * factor[0]):
            seen = {n: network(scaled(photograph(n, side))).argmax().item() for n in ("china.jpg", "flower.jpg")}
            assert seen["china.jpg"] == PALACE
            assert variant != "lite0" or seen["flower.jpg"] == DAISY
    other = {"lite0": "lite1", "lite1": "lite2", "lite2": "lite0"}[variant]
    with pytest.raises(ValueError, match="not the weights of this variant"):
        efficientnet_lite.shipped(tmp_path, variant=other)
