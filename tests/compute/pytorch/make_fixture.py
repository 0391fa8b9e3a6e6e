"""Writes the reference values of tests/compute/pytorch.test.ts: what PyTorch computes in float64.

    python tests/compute/pytorch/make_fixture.py        # any PyTorch from 1.13; one thread; deterministic

reference.json       per case: the model, the settings, and losses and gradient norms of 50 training steps
gradients.safetensors  CASE/PARAMETER: the gradient at the first batch, before any mask; rounded to float32

Weights, masks and batches follow from the case by formulas that give the same bits in JavaScript (see Draws here and
in pytorch.test.ts), so the files hold results only.
"""
import json
import math
import struct
import sys
from pathlib import Path

import torch

HERE = Path(__file__).parent
sys.dont_write_bytecode = True
sys.path.insert(0, str(HERE.parents[2] / "bench/pytorch"))
from decoders import Decoder, is_block_matrix, parameter_shapes  # noqa: E402

STEPS = 50
OPTIMIZER = {"beta1": 0.9, "beta2": 0.95, "epsilon": 1e-8, "weightDecay": 0.1}
COMMON = {"corpus": "marker-retrieval"}
SMALL = {**COMMON, "layers": 2, "width": 16, "heads": 2, "vocabulary": 13}
LLAMA = {**SMALL, "family": "llama", "feedForward": 24, "ropeTheta": 10000, "normEpsilon": 1e-6}
GPT2 = {**SMALL, "family": "gpt2", "feedForward": 64, "positions": 12, "normEpsilon": 1e-5}
BUILT_IN = {
    **COMMON, "family": "llama", "layers": 3, "width": 48, "heads": 2, "feedForward": 96, "vocabulary": 64,
    "ropeTheta": 10000, "normEpsilon": 1e-6,
}  # fmt: skip


def case(config, batch, sequence, learning_rate, clip_norm, seed):
    schedule = {"schedule": "warmup-cosine", "learningRate": learning_rate, "steps": STEPS}
    return {
        "config": config,
        "shape": {"batch": batch, "sequence": sequence},
        "seed": seed,
        "optimizer": {**OPTIMIZER, "clipNorm": clip_norm},
        "learningRate": {**schedule, "warmupSteps": 10, "decaySteps": 0, "floor": 0.1},
    }


CASES = {
    "llama": case(LLAMA, 3, 10, 0.01, 1.0, 1),
    "gpt2": case(GPT2, 3, 10, 0.01, 1.0, 2),
    "gpt2, all positions": case(GPT2, 4, 12, 0.01, 1.0, 3),
    "built-in": case(BUILT_IN, 16, 64, 0.003, 1.0, 4),
}
WITH_GRADIENTS = ["llama", "gpt2", "gpt2, all positions"]


class Draws:
    """Numbers in [0, 1): the linear congruential generator of Numerical Recipes."""

    def __init__(self, seed):
        self.state = seed

    def next(self):
        self.state = (self.state * 1664525 + 1013904223) % 2**32
        return self.state / 2**32


def start(config, seed):
    """Initial weights (float32 values, as float64) and masks (None for what has none), by name."""
    draws = Draws(seed)
    weights, masks = {}, {}
    for name, shape in parameter_shapes(config).items():
        centre = 1 if len(shape) == 1 and not name.endswith("bias") else 0
        values = [centre + (draws.next() - 0.5) * 0.6 for _ in range(math.prod(shape))]
        weights[name] = torch.tensor(values, dtype=torch.float64).float().double().view(shape)
    for name, shape in parameter_shapes(config).items():
        if is_block_matrix(name, shape):
            kept = [float(draws.next() < 0.5) for _ in range(math.prod(shape))]
            masks[name] = torch.tensor(kept, dtype=torch.float64).view(shape)
    return weights, masks


def batch_of(step, seed, vocabulary, batch, sequence):
    """Sequences that rise by a stride of their own, modulo the vocabulary: tokens and targets [batch, sequence]."""
    draws = Draws(1000 * seed + step)
    rows = []
    for _ in range(batch):
        first, stride = math.floor(draws.next() * vocabulary), 1 + math.floor(draws.next() * 3)
        rows.append([(first + stride * index) % vocabulary for index in range(sequence + 1)])
    tokens = torch.tensor(rows)
    return tokens[:, :-1], tokens[:, 1:]


def learning_rate_at(step, settings):
    """Linear warm-up, then half a cosine down to the floor at the last step."""
    rate, warmup, floor = settings["learningRate"], settings["warmupSteps"], settings["floor"]
    if step < warmup:
        return rate * (step + 1) / warmup
    progress = (step - warmup) / (settings["steps"] - warmup - 1)
    return rate * (floor + (1 - floor) * 0.5 * (1 + math.cos(math.pi * progress)))


def gradients(decoder, weights, batch):
    leaves = {name: weight.clone().requires_grad_() for name, weight in weights.items()}
    decoder(leaves, *batch).backward()
    return {name: leaf.grad for name, leaf in leaves.items()}


def trajectory(case, dtype):
    """Losses before, and norms of the masked gradient at, every step."""
    optimizer_settings = case["optimizer"]
    weights, masks = start(case["config"], case["seed"])
    weights = {name: (weight * masks.get(name, 1)).to(dtype).requires_grad_() for name, weight in weights.items()}
    masks = {name: mask.to(dtype) for name, mask in masks.items()}
    decays = {name: optimizer_settings["weightDecay"] if weight.dim() == 2 else 0.0 for name, weight in weights.items()}
    optimizer = torch.optim.AdamW(
        [{"params": [weight], "weight_decay": decays[name]} for name, weight in weights.items()],
        betas=(optimizer_settings["beta1"], optimizer_settings["beta2"]),
        eps=optimizer_settings["epsilon"],
    )
    decoder = Decoder(case["config"], case["shape"]["sequence"], dtype=dtype)
    losses, norms = [], []
    for step in range(STEPS):
        optimizer.zero_grad()
        loss = decoder(weights, *batch_of(step, case["seed"], case["config"]["vocabulary"], **case["shape"]))
        loss.backward()
        for name, mask in masks.items():
            weights[name].grad.mul_(mask)
        norm = torch.nn.utils.clip_grad_norm_(weights.values(), optimizer_settings["clipNorm"])
        for group in optimizer.param_groups:
            group["lr"] = learning_rate_at(step, case["learningRate"])
        optimizer.step()
        with torch.no_grad():
            for name, mask in masks.items():
                weights[name].mul_(mask)
        losses.append(loss.item())
        norms.append(norm.item())
    return losses, norms


def first_gradients(case):
    weights, _ = start(case["config"], case["seed"])
    decoder = Decoder(case["config"], case["shape"]["sequence"], dtype=torch.float64)
    batch = batch_of(0, case["seed"], case["config"]["vocabulary"], **case["shape"])
    result = gradients(decoder, weights, batch)
    if case["config"]["family"] == "gpt2":
        # The two uses of the tied matrix apart.
        embedding = "transformer.wte.weight"
        untied = gradients(decoder, {**weights, "lm_head.weight": weights[embedding]}, batch)
        result["as embedding"], result["as head"] = untied[embedding], untied["lm_head.weight"]
    return result


def write_safetensors(path, tensors):
    header, data = {}, b""
    for name, tensor in tensors.items():
        values = tensor.flatten().tolist()
        part = struct.pack(f"<{len(values)}f", *values)
        header[name] = {"dtype": "F32", "shape": list(tensor.shape), "data_offsets": [len(data), len(data) + len(part)]}
        data += part
    text = json.dumps(header, separators=(",", ":"))
    text += " " * (-len(text) % 8)
    path.write_bytes(struct.pack("<Q", len(text)) + text.encode() + data)


def main():
    torch.set_num_threads(1)
    reference = {"torch": torch.__version__.split("+")[0], "cases": {}}
    for name, settings in CASES.items():
        losses, norms = trajectory(settings, torch.float64)
        clipped = sum(norm > settings["optimizer"]["clipNorm"] for norm in norms)
        in_float32, _ = trajectory(settings, torch.float32)
        deviation = max(abs(a / b - 1) for a, b in zip(in_float32, losses))
        print(f"{name}: loss {losses[0]:.3f} to {losses[-1]:.3f}, {clipped} of {STEPS} steps clipped, float32 off by {deviation:.1e}")
        rounded = {"losses": [float(f"{loss:.10g}") for loss in losses], "gradientNorms": [float(f"{norm:.8g}") for norm in norms]}
        reference["cases"][name] = {**settings, **rounded}
    (HERE / "reference.json").write_text(json.dumps(reference, indent=1) + "\n")
    tensors = {f"{name}/{key}": value for name in WITH_GRADIENTS for key, value in first_gradients(CASES[name]).items()}
    write_safetensors(HERE / "gradients.safetensors", tensors)


if __name__ == "__main__":
    main()
