"""Networks against what their papers count, and against others' implementations."""

from typing import Any

import pytest
import torch
import torchvision
from torch import nn
from torch.nn import functional

from pipeline.models import (
    alexnet,
    alexnet_small,
    capsnet,
    capsnet_small,
    cnn,
    efficientnet,
    efficientnet_small,
    lenet5,
    lenet5_1998,
    lenet5_caffe,
    mlp,
    resnet,
    resnet_imagenet,
)


def parameters(network: nn.Module) -> int:
    return sum(p.numel() for p in network.parameters())


@pytest.mark.parametrize(
    ("module", "shape", "outputs", "options", "count"),
    [
        (lenet5, (1, 28, 28), 10, {}, 61_706),
        (lenet5, (1, 32, 32), 10, {}, 61_706),
        (lenet5_1998, (1, 32, 32), 10, {}, 60_000),  # C1 to F6; the codes of the output are fixed
        (lenet5_caffe, (1, 28, 28), 10, {}, 431_080),
        (alexnet, (3, 224, 224), 1000, {}, 61_100_840),
        (resnet, (3, 32, 32), 10, {"depth": 20}, 269_722),
        (resnet, (3, 32, 32), 10, {"depth": 56}, 853_018),
        (resnet, (3, 32, 32), 10, {"depth": 110}, 1_727_962),
        (resnet_imagenet, (3, 224, 224), 1000, {"depth": 18}, 11_689_512),
        (resnet_imagenet, (3, 224, 224), 1000, {"depth": 50}, 25_557_032),
        (efficientnet, (3, 224, 224), 1000, {"variant": "b0"}, 5_288_548),
        (efficientnet, (3, 600, 600), 1000, {"variant": "b7"}, 66_347_960),
        (capsnet, (1, 28, 28), 10, {}, 8_215_568),
        (capsnet, (1, 28, 28), 10, {"decoder": False}, 6_804_224),
        (capsnet_small, (1, 28, 28), 10, {}, 705_728),
    ],
    ids=lambda value: value.__name__.rpartition(".")[2] if hasattr(value, "__name__") else None,
)
def test_parameters_are_the_paper_s(
    module: Any, shape: tuple[int, ...], outputs: int, options: dict[str, Any], count: int
) -> None:
    assert parameters(module.build(shape, outputs, **options)) == count


def test_counts_by_hand() -> None:
    assert parameters(mlp.build((784,), 10, hidden=[64])) == 784 * 64 + 64 + 64 * 10 + 10
    assert parameters(cnn.build((1, 28, 28), 10)) == (9 * 32 + 32) + (32 * 13 * 13 * 100 + 100) + (100 * 10 + 10)
    two = cnn.build((3, 32, 32), 10, filters=[8, 16])
    assert parameters(two) == (27 * 8 + 8) + (72 * 16 + 16) + (16 * 6 * 6 * 100 + 100) + 1010
    convolutions = [9 * 16 + 16, 144 * 48 + 48, 432 * 96 + 96, 864 * 64 + 64, 576 * 64 + 64]
    assert parameters(alexnet_small.build((1, 28, 28), 10)) == sum(convolutions) + 576 * 256 + 256 + 256 * 257 + 2570


def test_widths_of_efficientnet_small_follow_the_rule_of_the_paper() -> None:
    """Multiples of 8, never more than a tenth below what was asked for."""
    network: Any = efficientnet_small.build((1, 28, 28), 10, width=0.5)
    widths = [stage[0].block[-1][0].out_channels for stage in network.features[1:-1]]
    assert widths == [8, 16, 24, 40, 56, 96, 160]


# LeNet-5 of 1998


def test_lenet5_1998_counts_layer_by_layer() -> None:
    network: Any = lenet5_1998.build((1, 28, 28), 10)
    counted = [parameters(layer) for layer in network if parameters(layer)]
    assert counted == [156, 12, 1_516, 32, 48_120, 10_164]


def test_lenet5_1998_connects_c3_by_table_1() -> None:
    """Against a dense convolution whose missing connections are zeros."""
    layer: Any = lenet5_1998.build((1, 28, 28), 10)[4]  # type: ignore[index]
    dense, place = torch.zeros(16, 6, 5, 5), 0
    table = ["012", "123", "234", "345", "450", "501", "0123", "1234", "2345", "3450", "4501", "5012"]
    for number, seen in enumerate([*table, "0134", "1245", "0235", "012345"]):
        for source in map(int, seen):
            dense[number, source] = layer.weight[place]
            place += 1
    x = torch.randn(2, 6, 14, 14)
    torch.testing.assert_close(layer(x), functional.conv2d(x, dense.detach(), layer.bias))


def test_lenet5_1998_answers_with_distances_to_codes_and_trains_on_equation_9() -> None:
    network: Any = lenet5_1998.build((1, 28, 28), 10)
    x, y = torch.randn(3, 1, 28, 28), torch.tensor([2, 7, 0])
    features, codes = network[:-1](x), network[-1].codes
    assert codes.shape == (10, 84) and set(codes.unique().tolist()) == {-1.0, 1.0}
    assert len({tuple(code.tolist()) for code in codes}) == 10
    penalties = (features[:, None] - codes).square().sum(2)
    torch.testing.assert_close(network(x), -penalties)
    j = torch.tensor(lenet5_1998.RUBBISH)
    by_hand = penalties[range(3), y] + torch.log(torch.exp(-j) + torch.exp(-penalties).sum(1))
    torch.testing.assert_close(network.training_loss(x, y)[0], by_hand.mean())


def test_lenet5_1998_subsamples_by_a_trained_sum() -> None:
    layer = lenet5_1998.Subsampling(2)
    x = torch.randn(1, 2, 4, 4)
    expected = x[0, 1, 2:, :2].sum() * layer.coefficient[1, 0, 0] + layer.bias[1, 0, 0]
    torch.testing.assert_close(layer(x)[0, 1, 1, 0], expected)


# AlexNet and ResNet


def test_alexnet_normalises_responses_as_the_paper_does() -> None:
    """b = a / (k + alpha * sum of a^2 over 5 neighbouring maps)^beta, section 3.3, where torch divides alpha by 5."""
    network: Any = alexnet.build((3, 224, 224), 10, local_response_norm=True)
    kinds = [type(layer).__name__ for layer in network.features][:8]
    assert kinds == ["Conv2d", "ReLU", "LocalResponseNorm", "MaxPool2d"] * 2
    a = torch.randn(1, 7, 2, 2) * 30
    squares = functional.pad(a.square(), (0, 0, 0, 0, 2, 2)).unfold(1, 5, 1).sum(-1)
    torch.testing.assert_close(network.features[2](a), a / (2 + 1e-4 * squares) ** 0.75)


@pytest.mark.parametrize("depth", [18, 50])
def test_resnet_for_large_images_is_torchvision_s(depth: Any) -> None:
    ours, theirs = (
        resnet_imagenet.build((3, 64, 64), 10, depth=depth),
        torchvision.models.get_model(f"resnet{depth}", num_classes=10),
    )
    theirs.load_state_dict(ours.state_dict())
    x = torch.randn(2, 3, 64, 64)
    assert torch.equal(ours.eval()(x), theirs.eval()(x))


def test_resnet_shortcut_a_subsamples_and_pads_with_zeros() -> None:
    network: Any = resnet.build((1, 8, 8), 2).eval()
    block = next(m for m in network if getattr(getattr(m, "conv1", None), "stride", (1, 1)) == (2, 2))
    for convolution in (block.conv1, block.conv2):
        nn.init.zeros_(convolution.weight)
    x = torch.rand(1, 16, 8, 8)
    with torch.no_grad():
        out = block(x)
    torch.testing.assert_close(out[:, :16], x[:, :, ::2, ::2])
    assert not out[:, 16:].any()


def test_resnet_shortcut_b_is_a_convolution_where_the_size_changes() -> None:
    extra = parameters(resnet.build((3, 32, 32), 10, shortcut="B")) - parameters(resnet.build((3, 32, 32), 10))
    assert extra == (16 * 32 + 64) + (32 * 64 + 128)


# what does not fit


def test_sizes_that_do_not_fit_are_named() -> None:
    with pytest.raises(ValueError, match="8 x 8; it takes 28 x 28 or 32 x 32"):
        lenet5.build((1, 8, 8), 10)


@pytest.mark.parametrize("module", [alexnet, alexnet_small, capsnet, capsnet_small, cnn, lenet5_caffe])
def test_the_smallest_size_that_is_named_works_and_one_less_does_not(module: Any) -> None:
    with pytest.raises(ValueError, match="are too small; the smallest that works is") as caught:
        module.build((1, 1, 1), 3)
    side = int(str(caught.value).rpartition(" ")[2])
    assert module.build((1, side, side), 3).eval()(torch.rand(2, 1, side, side)).shape == (2, 3)
    with pytest.raises(ValueError, match=str(side)):
        module.build((1, side, side - 1), 3)
