"""A network's blocks from input to head: which are trained, and at which rate."""

import pytest
import torch
from torch import nn

from pipeline.models import efficientnet_lite, resnet, transformer_encoder
from pipeline.training.blocks import blocks, head_name, layer_wise, thaw


def test_networks_fall_into_blocks_from_input_to_head() -> None:
    found = blocks(resnet.build((1, 28, 28), 10, depth=8))
    assert [type(block[0]).__name__ for block in found] == ["Conv2d", "Block", "Block", "Block", "Linear"]
    found = blocks(transformer_encoder.build((1, 28, 28), 10, layers=2))
    assert [type(block[0]).__name__ for block in found] == ["Patches", "Learned", "Layer", "Layer", "Linear"]
    assert type(found[3][1]) is nn.LayerNorm, "a norm goes with the layer before it"
    lite = blocks(efficientnet_lite.build((3, 48, 48), 10))
    assert len(lite) == 1 + 16 + 1 + 1
    for body in (resnet.build((1, 28, 28), 10, depth=8), efficientnet_lite.build((3, 48, 48), 10)):
        inside = [p for block in blocks(body) for module in block for p in module.parameters()]
        assert {id(p) for p in inside} == {id(p) for p in body.parameters()} and len(inside) == len(set(inside))


def test_a_network_without_a_body_or_a_dense_end_has_no_head() -> None:
    assert head_name(resnet.build((1, 28, 28), 10, depth=8)) == "8"
    for body in (nn.Linear(3, 2), nn.Sequential(nn.Linear(3, 2), nn.Softmax(1))):
        with pytest.raises(ValueError, match="ends with a dense one has a body to keep"):
            head_name(body)


def test_rates_fall_from_block_to_block_and_schedules_scale_each() -> None:
    """Rate x 0.5 ** (blocks below the head), in groups that decay and groups that do not."""
    body = resnet.build((1, 28, 28), 10, depth=8, width=4)
    gains = [p for p in body.parameters() if p.ndim < 2]
    groups = [{"params": [p for p in body.parameters() if p.ndim > 1]}, {"params": gains, "weight_decay": 0.0}]
    optimizer = torch.optim.AdamW(groups, 0.08, weight_decay=0.1)
    layer_wise(optimizer, body, 0.5)
    rates = {id(p): (g["lr"], g["weight_decay"]) for g in optimizer.param_groups for p in g["params"]}
    for depth, block in enumerate(reversed(blocks(body))):
        for module in block:
            for p in module.parameters():
                assert rates[id(p)] == (0.08 * 0.5**depth, 0.1 if p.ndim > 1 else 0.0)
    assert len(rates) == len(list(body.parameters())) and optimizer.param_groups[0]["lr"] == 0.08
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, 10)
    for _ in range(5):
        optimizer.step()
        schedule.step()
    halved = sorted({round(g["lr"], 9) for g in optimizer.param_groups}, reverse=True)
    assert halved == [0.04, 0.02, 0.01, 0.005, 0.0025]


def test_a_body_thaws_from_the_top() -> None:
    body = resnet.build((1, 28, 28), 10, depth=8, width=4)
    for count in range(1, 7):
        thaw(body, count)
        open_ = [all(p.requires_grad for m in block for p in m.parameters()) for block in blocks(body)]
        shut = [not any(p.requires_grad for m in block for p in m.parameters()) for block in blocks(body)]
        assert open_ == [place >= 5 - count for place in range(5)] and shut == [not o for o in open_]
        assert [block[0].training for block in blocks(body)] == open_
