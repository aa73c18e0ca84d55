"""Networks that write sentences: what each has to do, and against others' implementations and the papers' equations."""

from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor, nn
from torch.nn import functional

from pipeline import introspection
from pipeline.data.spec import Vocabulary
from pipeline.models import lstm_attention, transformer
from pipeline.models._decoding import BOS, EOS, LONGER, beam_search
from tests.models.named import refused, scoring

TOKENS, WIDTH, HEADS, HIDDEN = 30, 16, 4, 24
SMALL: dict[str, tuple[ModuleType, dict[str, Any]]] = {
    "post-norm": (transformer, {"width": WIDTH, "heads": HEADS, "hidden": HIDDEN, "layers": 2}),
    "pre-norm": (transformer, {"width": WIDTH, "heads": HEADS, "hidden": HIDDEN, "layers": 2, "norm": "pre"}),
    "general": (lstm_attention, {"width": WIDTH, "hidden": HIDDEN, "layers": 2}),
    "dot": (lstm_attention, {"width": WIDTH, "hidden": HIDDEN, "layers": 1, "attention": "dot"}),
    "unfed": (lstm_attention, {"width": WIDTH, "hidden": HIDDEN, "layers": 1, "input_feeding": False}),
}
each = pytest.mark.parametrize("name", SMALL)


def build(name: str, seed: int = 0, **options: Any) -> Any:
    torch.manual_seed(seed)
    module, small = SMALL[name]
    return module.build((12,), TOKENS, Vocabulary(size=TOKENS), **small | options)


def sentences(lengths: list[int], seed: int = 0) -> Tensor:
    """(N, S), padded with 0."""
    x = torch.randint(4, TOKENS, (len(lengths), max(lengths)), generator=torch.Generator().manual_seed(seed))
    return x.masked_fill(torch.arange(max(lengths)) >= torch.tensor(lengths)[:, None], 0)


def pair() -> tuple[Tensor, Tensor]:
    """Source (3, 9) and target (3, 7), BOS first."""
    target = sentences([7, 2, 5], seed=1)
    target[:, 0] = BOS
    return sentences([9, 4, 1]), target


def inputs(network: Any, source: Tensor, target: Tensor) -> tuple[Tensor, list[Tensor]]:
    """Logits, and the vectors of tokens (N, S, D) and (N, T, D) that they come from."""
    seen: list[Tensor] = []
    hook = network.embedding.register_forward_hook(lambda module, given, made: seen.append(made))
    logits = network(source, target)
    hook.remove()
    assert len(seen) == 2
    return logits, seen


@each
def test_no_position_sees_a_later_one(name: str) -> None:
    logits, (_, target) = inputs(build(name).eval(), *pair())
    for t in range(logits.shape[1]):
        (gradient,) = torch.autograd.grad(logits[:, t].square().sum(), target, retain_graph=True)
        assert not gradient[:, t + 1 :].any(), "exactly 0"
        assert gradient[:, : t + 1].abs().sum(2).all(), "and what is not later counts"


@each
def test_padding_of_the_source_counts_for_nothing(name: str) -> None:
    network, (source, target) = build(name).eval(), pair()
    logits, (vectors, _) = inputs(network, source, target)
    (gradient,) = torch.autograd.grad(logits.square().sum(), vectors)
    assert not gradient[source == 0].any() and gradient[source > 0].abs().sum(1).all()
    with torch.no_grad():
        for n, length in enumerate([9, 4, 1]):
            alone = network(source[n : n + 1, :length], target[n : n + 1])
            torch.testing.assert_close(alone[0], logits[n], atol=1e-5, rtol=1e-5)
        longer = functional.pad(source, (0, 3))
        torch.testing.assert_close(network(longer, target), logits, atol=1e-5, rtol=1e-5)


@each
def test_steps_with_what_is_cached_give_the_logits_of_the_whole(name: str) -> None:
    """Two beams, the second of which writes something else and is then left for the first."""
    network, (source, target) = build(name).eval(), pair()
    with torch.no_grad():
        expected = network(source, target)
        cache = network.begin(network.encode(source), 2, target.shape[1])
        for t, tokens in enumerate(target.T):
            found = network.step(torch.stack([tokens, (tokens + t) % TOKENS], dim=1), cache)
            torch.testing.assert_close(found[:, 0], expected[:, t], atol=1e-5, rtol=1e-5)
            cache.follow(torch.zeros(3, 2, dtype=torch.long))


@each
def test_it_writes_by_the_search_that_it_was_built_with(name: str) -> None:
    source = sentences([9, 4, 1, 7])
    usual, other = build(name).eval(), build(name, beams=2, alpha=1.5).eval()
    longest = (source != 0).sum(1) + LONGER
    for network, search in ((usual, {"beams": 4, "alpha": 0.6}), (other, {"beams": 2, "alpha": 1.5})):
        tokens = beam_search(network, source, longest, **search).tokens.tolist()
        assert network.write(source) == [row[: row.index(EOS)] for row in tokens] == usual.write(source, **search)


@each
def test_every_parameter_receives_a_gradient(name: str) -> None:
    network, (source, target) = build(name).train(), pair()
    functional.cross_entropy(network(source, target).flatten(0, 1), target.flatten()).backward()
    still = [
        n for n, p in network.named_parameters() if p.grad is None or not p.grad.isfinite().all() or not p.grad.any()
    ]
    assert not still


@each
def test_saved_and_loaded_it_gives_equal_outputs(name: str, tmp_path: Path) -> None:
    network, other, (source, target) = build(name).eval(), build(name, seed=1).eval(), pair()
    save_file(network.state_dict(), tmp_path / "w.safetensors")
    other.load_state_dict(load_file(tmp_path / "w.safetensors"))
    assert torch.equal(network(source, target), other(source, target))


@each
def test_half_the_bits_give_numbers(name: str) -> None:
    network, (source, target) = build(name).train(), pair()
    with torch.autocast("cpu", torch.bfloat16):
        loss = functional.cross_entropy(network(source, target).flatten(0, 1), target.flatten())
        assert network.step(target[:, :1], network.begin(network.encode(source), 1, 1)).isfinite().all()
    loss.backward()
    assert loss.isfinite() and all(p.grad.isfinite().all() for p in network.parameters())


def test_all_that_write_sentences_are_here_and_write_nothing_else() -> None:
    others = set(introspection.names("models")) - set(scoring())
    assert others == {module.__name__.rpartition(".")[2] for module, _ in SMALL.values()}
    for name in others:
        assert "it writes sentences" in str(refused(name)) and refused(name, "sentence") is None


@pytest.mark.parametrize("module", [transformer, lstm_attention])
def test_what_does_not_fit_is_named(module: Any) -> None:
    with pytest.raises(ValueError, match="needs `vocabulary`"):
        module.build((12,), TOKENS)
    with pytest.raises(ValueError, match="4 outputs, but both languages share one vocabulary of 30"):
        module.build((12,), 4, Vocabulary(size=TOKENS))


# the Transformer


def of_torch(ours: Any, norm: str) -> nn.Transformer:
    """torch's own with the weights of `ours`; after the last layer it normalises only where layers do it before."""
    options: Any = {"batch_first": True, "norm_first": norm == "pre", "dropout": 0.0}
    ends = [nn.LayerNorm(WIDTH) if norm == "pre" else None for _ in range(2)]
    encoder = nn.TransformerEncoder(
        nn.TransformerEncoderLayer(WIDTH, HEADS, HIDDEN, **options), 2, ends[0], enable_nested_tensor=False
    )
    decoder = nn.TransformerDecoder(nn.TransformerDecoderLayer(WIDTH, HEADS, HIDDEN, **options), 2, ends[1])
    theirs = nn.Transformer(WIDTH, HEADS, custom_encoder=encoder, custom_decoder=decoder, batch_first=True)
    state = {}

    def copy(target: str, source: nn.Module) -> None:
        state.update({f"{target}.{n}": p for n, p in source.named_parameters()})

    for side in ("encoder", "decoder"):
        for number, layer in enumerate(getattr(ours, side)):
            place = f"{side}.layers.{number}"
            for part, attention in (("self_attn", layer.attention), ("multihead_attn", layer.cross)):
                if attention is not None:
                    for kind in ("weight", "bias"):
                        parts = [getattr(p, kind) for p in (attention.query, attention.memory)]
                        state[f"{place}.{part}.in_proj_{kind}"] = torch.cat(parts)
                    copy(f"{place}.{part}.out_proj", attention.out)
            copy(f"{place}.linear1", layer.network[0])
            copy(f"{place}.linear2", layer.network[2])
            for i, residual in enumerate(layer.residuals):
                copy(f"{place}.norm{i + 1}", residual.norm)
        copy(f"{side}.norm", ours.norms[side == "decoder"])
    theirs.load_state_dict(state)
    return theirs.eval()


@pytest.mark.parametrize("norm", ["post", "pre"])
def test_outputs_are_those_of_torch_s_transformer(norm: str) -> None:
    ours, (source, target) = build(f"{norm}-norm").eval(), pair()
    for parameter in ours.parameters():
        if parameter.ndim == 1:  # biases and norms start as if they were not there
            parameter.data.add_(torch.randn_like(parameter) * 0.1)
    theirs = of_torch(ours, norm)
    padding = torch.zeros(source.shape).masked_fill(source == 0, -torch.inf)
    causal = nn.Transformer.generate_square_subsequent_mask(target.shape[1])
    with torch.no_grad():
        states = theirs(
            ours.embed(source, 0),
            ours.embed(target, 0),
            tgt_mask=causal,
            src_key_padding_mask=padding,
            memory_key_padding_mask=padding,
        )
        expected = states @ ours.embedding.weight.T
        torch.testing.assert_close(ours(source, target), expected, atol=1e-5, rtol=1e-5)


def test_tokens_are_scaled_and_have_positions() -> None:
    network = build("post-norm").eval()
    x = network.embed(torch.tensor([[5, 6]]), 3)[0, 1]
    torch.testing.assert_close(x, network.embedding.weight[6] * WIDTH**0.5 + network.positions.table[4])
    with pytest.raises(ValueError, match="63 tokens, but it is built for 62 at most"):
        network(sentences([12]), sentences([63]))


def test_the_base_size_has_63_082_496_parameters() -> None:
    """Table 3 says 65 million. 6 layers of each kind, and 37,000 tokens, which stand once."""
    with torch.device("meta"):
        network = transformer.build((100,), 37_000, Vocabulary(size=37_000))
    attention, hidden, norm = 4 * (512 * 512 + 512), 512 * 2048 + 2048 + 2048 * 512 + 512, 2 * 512
    by_hand = 37_000 * 512 + 6 * (attention + hidden + 2 * norm) + 6 * (2 * attention + hidden + 3 * norm)
    assert sum(p.numel() for p in network.parameters()) == by_hand == 63_082_496


def test_weights_start_xavier_each_matrix_on_its_own() -> None:
    network = build("post-norm")
    for part in [p for p in network.modules() if isinstance(p, transformer.Attention)]:
        for weight in (part.query.weight, *part.memory.weight.chunk(2), part.out.weight):
            bound = (6 / (2 * WIDTH)) ** 0.5
            assert 0.9 * bound < weight.abs().max() <= bound
    assert 0.9 < (network.embedding.weight * network.scale).std() < 1.1


# LSTM with attention


@pytest.mark.parametrize("name", ["dot", "general"])
def test_a_step_is_the_paper_s(name: str) -> None:
    """Section 3.1 (score, weights, context, equation 5) and 3.3, for the second token of a sentence."""
    network = build(name, layers=1).eval()
    source, target = sentences([5]), torch.tensor([[BOS, 9]])
    with torch.no_grad():
        states, _, (h, c) = network.encode(source)
        fed = torch.zeros(1, HIDDEN)
        for token in target[0]:
            x = torch.cat([network.embedding.weight[token], fed[0]])[None, None]
            _, (h, c) = network.decoder(x, (h, c))
            mapped = states[0] if name == "dot" else states[0] @ network.keys.weight.T
            weights = torch.stack([h[0, 0] @ row for row in mapped]).softmax(0)
            context = (weights[:, None] * states[0]).sum(0)
            fed = torch.tanh(network.combine.weight @ torch.cat([context, h[0, 0]]))[None]
        torch.testing.assert_close(network(source, target)[0, 1], network.output.weight @ fed[0])


def test_the_decoder_starts_where_both_directions_end() -> None:
    states, there, (h, _) = build("dot").eval().encode(sentences([6, 2]))
    half = HIDDEN // 2
    torch.testing.assert_close(h[-1, 1], torch.cat([states[1, 1, :half], states[1, 0, half:]]))
    assert there.sum(1).tolist() == [6, 2]


def test_a_step_of_the_decoder_is_a_step_of_its_layers_dropped_out_between_them() -> None:
    network = build("general", dropout=0.4).eval()
    states, x = torch.randn(2, 2, 3, HIDDEN), torch.randn(3, WIDTH + HIDDEN)
    top, after = network.decode(x, list(states))
    expected, last = network.decoder(x[:, None], tuple(states))
    assert torch.allclose(top, expected[:, 0], atol=1e-6)
    assert all(torch.allclose(a, b, atol=1e-6) for a, b in zip(after, last, strict=True))
    dropped, trained = network.train().decode(x, list(states))
    assert torch.equal(trained[0][0], after[0][0]) and not torch.allclose(dropped, top, atol=1e-3)


def test_lstm_parameters_by_hand() -> None:
    def cell(inputs: int, units: int) -> int:
        return 4 * units * (inputs + units + 2)

    encoder = 2 * cell(WIDTH, HIDDEN // 2) + 2 * cell(HIDDEN, HIDDEN // 2)
    decoder = cell(WIDTH + HIDDEN, HIDDEN) + cell(HIDDEN, HIDDEN)
    attention, tables = HIDDEN * HIDDEN + 2 * HIDDEN * HIDDEN, TOKENS * WIDTH + TOKENS * HIDDEN
    assert sum(p.numel() for p in build("general").parameters()) == encoder + decoder + attention + tables
