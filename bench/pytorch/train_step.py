"""A process that trains one model in PyTorch on one thread, as fast as PyTorch can, steered over stdin and stdout.

One JSON object per line each way:
  {"config": ..., "batch": 16, "sequence": 64, "variant": "eager" | "compile"}  ->  {"description": "PyTorch 2.15.0, ..."}
  {"steps": 10}  ->  {"milliseconds": mean per step, "loss": last loss, "peakBytes": largest resident size so far}

A step is forward, cross-entropy, backward, masking of the gradients, clipping to norm 1, AdamW, masking of the weights.
Half of every block matrix is masked. What can be done in more than one way is tried, and the fastest kept.
"""
import json
import resource
import sys
import time

sys.dont_write_bytecode = True
import environment  # noqa: E402

INTEL_KERNELS = environment.enter()

import torch  # noqa: E402  (the environment comes first)

from decoders import Decoder, is_block_matrix, parameter_shapes  # noqa: E402

BATCHES = 64
CLIP_NORM = 1.0


class Training:
    def __init__(self, config, batch, sequence):
        generator = torch.Generator().manual_seed(0)
        shapes = parameter_shapes(config)
        self.weights = {name: initial(name, shape, generator).requires_grad_() for name, shape in shapes.items()}
        self.parameters = list(self.weights.values())
        self.masked = [self.weights[name] for name, shape in shapes.items() if is_block_matrix(name, shape)]
        self.masks = [torch.randint(2, weight.shape, generator=generator).float() for weight in self.masked]
        with torch.no_grad():
            torch._foreach_mul_(self.masked, self.masks)
        drawn = torch.randint(config["vocabulary"], (BATCHES, batch, sequence + 1), generator=generator)
        self.tokens, self.targets = drawn[:, :, :-1].contiguous(), drawn[:, :, 1:].contiguous()
        self.fused = version() >= (2, 4)
        self.optimizer = torch.optim.AdamW(
            [
                {"params": [weight for weight in self.parameters if weight.dim() == 2], "weight_decay": 0.1},
                {"params": [weight for weight in self.parameters if weight.dim() == 1], "weight_decay": 0.0},
            ],
            lr=1e-3,
            betas=(0.9, 0.95),
            eps=1e-8,
            **({"fused": True} if self.fused else {"foreach": True}),
        )
        self.steps = 0
        self.loss_of = None

    def step(self):
        index = self.steps % BATCHES
        self.steps += 1
        loss = self.loss_of(self.weights, self.tokens[index], self.targets[index])
        loss.backward()
        with torch.no_grad():
            torch._foreach_mul_([weight.grad for weight in self.masked], self.masks)
            gradients = [weight.grad for weight in self.parameters]
            norm = torch.linalg.vector_norm(torch.stack(torch._foreach_norm(gradients)))
            if self.fused:
                # Divides the gradients inside the fused kernel: one pass less than clip_grad_norm_.
                self.optimizer.grad_scale = (norm / CLIP_NORM).clamp(min=1.0)
            elif norm > CLIP_NORM:
                torch._foreach_mul_(gradients, CLIP_NORM / norm.item())
        self.optimizer.step()
        with torch.no_grad():
            torch._foreach_mul_(self.masked, self.masks)
        self.optimizer.zero_grad(set_to_none=True)
        return loss.item()

    def run(self, steps):
        """Milliseconds per step, and the last loss."""
        start = time.perf_counter()
        for _ in range(steps):
            loss = self.step()
        return (time.perf_counter() - start) * 1e3 / steps, loss


def initial(name, shape, generator):
    if len(shape) == 2:
        return torch.randn(shape, generator=generator) * 0.02
    return torch.zeros(shape) if name.endswith("bias") else torch.ones(shape)


def version():
    return tuple(int(part) for part in torch.__version__.split(".")[:2])


def fastest(request):
    """A training with the faster kind of attention, and that kind's name."""
    training = Training(request["config"], request["batch"], request["sequence"])
    kinds = ["explicit", "sdpa"] if hasattr(torch.nn.functional, "scaled_dot_product_attention") else ["explicit"]
    decoders = {kind: Decoder(request["config"], request["sequence"], kind) for kind in kinds}
    if request["variant"] == "compile":
        decoders = {kind: torch.compile(decoder) for kind, decoder in decoders.items()}
    times = {}
    for kind, training.loss_of in decoders.items():
        times[kind] = probe(training)
    kind = min(times, key=times.get)
    training.loss_of = decoders[kind]
    return training, kind


def probe(training):
    """The fastest of some steps, in milliseconds: at least three, about half a second."""
    training.run(2)
    first, _ = training.run(1)
    return min(training.run(1)[0] for _ in range(max(3, min(50, int(500 / first)))))


def describe(variant, training, attention):
    build = torch.__config__.show()
    blas = next((part[10:] for part in build.replace(",", "\n").replace(" ", "\n").split("\n") if part.startswith("BLAS_INFO=")), "?")
    capability = next((line.split(": ")[1] for line in build.split("\n") if "CPU capability" in line), "?")
    optimizer = "fused" if training.fused else "foreach"
    kernels = " with its Intel kernels" if INTEL_KERNELS and torch.backends.mkl.is_available() else ""
    return (
        f"PyTorch {torch.__version__}, {variant}, {torch.get_num_threads()} thread, BLAS {blas}{kernels}, {capability}, "
        f"{optimizer} AdamW, {attention} attention"
    )


def main():
    torch.set_num_threads(1)
    torch.set_flush_denormal(True)
    training = None
    for line in sys.stdin:
        request = json.loads(line)
        if training is None:
            training, attention = fastest(request)
            reply = {"description": describe(request["variant"], training, attention)}
        else:
            milliseconds, loss = training.run(request["steps"])
            peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
            reply = {"milliseconds": milliseconds, "loss": loss, "peakBytes": peak}
        print(json.dumps(reply), flush=True)


if __name__ == "__main__":
    main()
