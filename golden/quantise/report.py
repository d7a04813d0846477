"""Damage by layer of a quantised checkpoint: every layer's output beside the float model's, on the same images."""

from __future__ import annotations

import argparse
import math
from collections import defaultdict
from pathlib import Path

import torch
from torch import Tensor, nn

from golden.model import checkpoint
from golden.model.transformer import Transformer
from golden.quantise import source
from golden.quantise.calibrate import watch
from golden.quantise.damage import Trial
from golden.quantise.quantised import QuantisedTransformer
from golden.quantise.steps import positive
from golden.quantise.table import table

HEAD = ("layer", "bits", "signal to noise", "weights clipped", "weights zero", "operand clipped", "operand zero")
OPERANDS = {"query": "norm_attention_step", "key": "norm_attention_step", "value": "norm_attention_step",
            "projection": "attention_step", "expand": "norm_hidden_step", "contract": "hidden_step"}


class Outputs:
    """Keeps what the layers of a model give, (B, T, O) by name, until they are taken."""

    def __init__(self, model: nn.Module, layers: tuple[str, ...]):
        self.found: dict[str, Tensor] = {}
        for name in layers:
            model.get_submodule(name).register_forward_hook(self.hook(name))

    def hook(self, name: str) -> object:
        def keep(module: nn.Module, arguments: tuple, output: Tensor) -> None:
            self.found[name] = output
        return keep


class Counts:
    """Counts an activation's values that are cut off, and those that become zero, by part; an ``Observer``."""

    def __init__(self) -> None:
        self.counts: dict[tuple[nn.Module, str], Tensor] = defaultdict(lambda: torch.zeros(3, dtype=torch.int64))

    def __call__(self, module: nn.Module, key: str, x: Tensor) -> None:
        self.counts[module, key] += shares(x, getattr(module, key), module.limits_of(key))

    def share(self, module: nn.Module, key: str) -> tuple[float, float]:
        """Shares clipped and zero of all values seen."""
        clipped, zero, total = self.counts[module, key].tolist()
        return clipped / total, zero / total


def shares(x: Tensor, step: Tensor, limits: tuple[int, int]) -> Tensor:
    """Counts (clipped, zero, all) of values: clipped ones round to an integer beyond the limits."""
    nearest = (x / positive(step.detach())).round()
    clipped = (nearest < limits[0]) | (nearest > limits[1])
    return torch.tensor([int(clipped.sum()), int((nearest == 0).sum()), x.numel()])


def layer_names(model: Transformer) -> tuple[str, ...]:
    """Every layer that is quantised, in the model's order."""
    blocks = [f"blocks.{n}.{name}" for n in range(model.config.blocks) for name in checkpoint.BLOCK_LINEARS]
    return ("convolution", *blocks, "decoder")


def operand(model: QuantisedTransformer, layer: str) -> tuple[nn.Module, str] | None:
    """Module and part that give a layer's left operand; the convolution's has no step."""
    if layer == "convolution":
        return None
    if layer == "decoder":
        return model.decoder, "norm_step"
    block, _, name = layer.rpartition(".")
    return model.get_submodule(block), OPERANDS[name]


def decibels(signal: float, noise: float) -> float | None:
    """Signal-to-noise ratio in dB; None where there is no noise, or no signal."""
    return 10 * math.log10(signal / noise) if signal and noise else None


@torch.no_grad()
def report(model: QuantisedTransformer, plain: Transformer, trial: Trial) -> dict[str, dict]:
    """Figures by layer, in the model's order.

    The noise is a layer's output less the float model's, so it holds what earlier layers did to its input too.
    """
    names, counts = layer_names(model), Counts()
    exact, found = Outputs(plain, names), Outputs(model, names)
    power: dict[str, list[float]] = {name: [0.0, 0.0] for name in names}
    watch(model, counts)
    try:
        for batch in trial.batches():
            plain(*batch)
            model(*batch)
            for name, sums in power.items():
                sums[0] += float(exact.found[name].square().sum())
                sums[1] += float((found.found[name] - exact.found[name]).square().sum())
    finally:
        watch(model, None)
    figures = {}
    for name, (signal, noise) in power.items():
        layer, left = model.get_submodule(name), operand(model, name)
        clipped, zero, total = shares(layer.rows().detach(), layer.weight_step[:, None], layer.limits).tolist()
        seen = counts.share(*left) if left else (None, None)
        figures[name] = {"bits": layer.bits["weight"], "signal_to_noise_db": decibels(signal, noise),
                         "weights_clipped": clipped / total, "weights_zero": zero / total,
                         "operand_clipped": seen[0], "operand_zero": seen[1]}
    return figures


def rows(figures: dict[str, dict]) -> list[tuple[object, ...]]:
    """Of the terminal's table, the noisiest layer first."""
    def ratio(name: str) -> float:
        found = figures[name]["signal_to_noise_db"]
        return math.inf if found is None else found

    def told(name: str) -> str:
        return "-" if ratio(name) == math.inf else f"{ratio(name):.1f} dB"

    return [(name, figures[name]["bits"], told(name), *(figures[name][key] for key in (
        "weights_clipped", "weights_zero", "operand_clipped", "operand_zero"))) for name in sorted(figures, key=ratio)]


def run(options: argparse.Namespace) -> None:
    """Measure, print the table, and write the file."""
    source.prepare(options)
    found = source.load(source.source_path(options, "quantised"), ("quantised",))
    beside = options.checkpoint.with_name("float.safetensors") if options.checkpoint else None
    plain = source.load(options.float or beside or source.source_path(options), ("float",))
    if plain.config != found.config:
        raise checkpoint.CheckpointError(f"the float checkpoint is of {plain.config} and the quantised one of "
                                         f"{found.config}; expected both of one model: name the float one with --float")
    model = QuantisedTransformer(found.config, found.eight_bit).eval()
    model.load_state_dict(found.tensors)
    exact = source.float_model(plain)
    trial = Trial(exact, *source.first(source.pictures(options, found).test, options.images))
    whole = trial.damage(model)
    figures = report(model, exact, trial)
    print(table(HEAD, rows(figures)))
    print(f"all quantised: velocity error {100 * whole.velocity:.2f} %, loss {trial.loss + whole.loss:.4f}; "
          f"float: loss {trial.loss:.4f}")
    source.write_json(options.json, {"model": found.config.name, "images": options.images,
                                     "eight_bit": found.eight_bit, "float_loss": trial.loss, "all": whole.rounded(),
                                     "layers": figures})
    print(f"wrote {options.json}")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Options of the command."""
    source.add_source(parser)
    parser.add_argument("--float", type=Path, help="its float checkpoint (default: float.safetensors beside it)")
    parser.add_argument("--json", type=Path, default=Path("build/report.json"), help="file of all figures")
