"""A process that runs one model in PyTorch on one thread, as fast as PyTorch can, steered over stdin and stdout.

One JSON object per line each way:
  {"config": ..., "batch": 16, "sequence": 64, "work": "training" | "forward", "variant": "eager" | "compile",
   "masked": true, "model": "own" | "transformers", "attention": "explicit" | "sdpa" | null}
      ->  {"description": "PyTorch 2.15.0, ...", "attention": the kind, "probed": milliseconds of the best of some units}
  {"units": 10}
      ->  {"milliseconds": mean per unit, "cpuMilliseconds": the same of the processor, "loss": last loss,
           "peakBytes": largest resident size so far}

A unit of training is forward, cross-entropy, backward, masking of the gradients, clipping to norm 1, AdamW, masking of
the weights. Half of every block matrix is masked, or nothing. A unit of forward is the loss and the likeliest token at
every position. What can be done in more than one way is tried, and the fastest kept. `own` is decoders.py;
`transformers` is Hugging Face's LlamaForCausalLM of the same configuration.
"""
import json
import resource
import sys
import time

sys.dont_write_bytecode = True
import environment  # noqa: E402

INTEL_KERNELS = environment.enter()

import torch  # noqa: E402  (the environment comes first)
import torch.nn.functional as F  # noqa: E402

from decoders import (  # noqa: E402
    Decoder,
    head_width,
    is_block_matrix,
    key_value_heads,
    mean_loss,
    parameter_shapes,
)
from optimizer import MaskedAdamW  # noqa: E402

BATCHES = 64


class Training:
    def __init__(self, source, masked):
        self.source = source
        matrices = source.block_matrices() if masked else []
        masks = [torch.randint(2, weight.shape, generator=source.generator).float() for weight in matrices]
        self.optimizer = MaskedAdamW(source.weights.values(), matrices, masks)
        self.fused = self.optimizer.fused

    def unit(self):
        loss = self.loss_of(*self.source.next_batch())
        loss.backward()
        self.optimizer.step()
        return loss.item()

    def use(self, logits_of, variant):
        self.loss_of = compiled(lambda tokens, targets: mean_loss(logits_of(tokens), targets), variant)


class Forward:
    def __init__(self, source, masked):
        self.source = source
        self.fused = None

    @torch.inference_mode()
    def unit(self):
        losses, predictions = self.outputs_of(*self.source.next_batch())
        return losses.mean().item()

    def use(self, logits_of, variant):
        def outputs(tokens, targets):
            logits = logits_of(tokens)
            rows = logits.view(-1, logits.shape[-1])
            return F.cross_entropy(rows, targets.reshape(-1), reduction="none"), rows.argmax(-1)

        self.outputs_of = compiled(outputs, variant)


WORK = {"training": Training, "forward": Forward}


def compiled(function, variant):
    return torch.compile(function) if variant == "compile" else function


class Source:
    """The weights of a model, and random tokens."""

    def __init__(self, request):
        self.config, self.sequence = request["config"], request["sequence"]
        self.generator = torch.Generator().manual_seed(0)
        shapes = parameter_shapes(self.config)
        self.weights = {name: torch.nn.Parameter(initial(name, shape, self.generator)) for name, shape in shapes.items()}
        shape = (BATCHES, request["batch"], self.sequence + 1)
        drawn = torch.randint(self.config["vocabulary"], shape, generator=self.generator)
        self.batches = [(tokens[:, :-1].contiguous(), tokens[:, 1:].contiguous()) for tokens in drawn]
        self.taken = 0

    def block_matrices(self):
        return [weight for name, weight in self.weights.items() if is_block_matrix(name, weight.shape)]

    def next_batch(self):
        self.taken += 1
        return self.batches[self.taken % BATCHES]

    def logits_of(self, model, attention):
        """A function from tokens to logits."""
        if model == "transformers":
            return self.transformers(attention)
        decoder = Decoder(self.config, self.sequence, attention)
        return lambda tokens: decoder.logits(self.weights, tokens)

    def transformers(self, attention):
        from transformers import LlamaConfig, LlamaForCausalLM

        kind = {"explicit": "eager", "sdpa": "sdpa"}[attention]
        config = LlamaConfig(
            vocab_size=self.config["vocabulary"],
            hidden_size=self.config["width"],
            intermediate_size=self.config["feedForward"],
            num_hidden_layers=self.config["layers"],
            num_attention_heads=self.config["heads"],
            num_key_value_heads=key_value_heads(self.config),
            head_dim=head_width(self.config),
            rms_norm_eps=self.config["normEpsilon"],
            rope_theta=self.config["ropeTheta"],
            tie_word_embeddings=bool(self.config.get("tiedHead")),
            attn_implementation=kind,
            use_cache=False,
        )
        with torch.device("meta"):
            model = LlamaForCausalLM(config)
        model.to_empty(device="cpu")
        model.tie_weights()
        model.model.rotary_emb = type(model.model.rotary_emb)(config)
        # The model's parameters are the weights: no second copy.
        for name, weight in self.weights.items():
            *path, last = name.split(".")
            module = model.get_submodule(".".join(path))
            setattr(module, last, weight)
        model.tie_weights()
        return lambda tokens: model(input_ids=tokens, use_cache=False).logits


def timed(work, units):
    """Milliseconds per unit by the clock and of the processor, and the last loss."""
    start, cpu_start = time.perf_counter(), time.process_time()
    for _ in range(units):
        loss = work.unit()
    return (time.perf_counter() - start) * 1e3 / units, (time.process_time() - cpu_start) * 1e3 / units, loss


def initial(name, shape, generator):
    if len(shape) == 2:
        return torch.randn(shape, generator=generator) * 0.02
    return torch.zeros(shape) if name.endswith("bias") else torch.ones(shape)


def fastest(request):
    """The work with the fastest kind of attention, that kind's name, and its time."""
    source = Source(request)
    chosen = request.get("attention")
    # PyTorch has it since 2.0.
    kinds = [chosen] if chosen else ["explicit", "sdpa"] if hasattr(F, "scaled_dot_product_attention") else ["explicit"]
    functions = {kind: source.logits_of(request.get("model", "own"), kind) for kind in kinds}
    work = WORK[request.get("work", "training")](source, request.get("masked", True))
    times = {}
    for kind, logits_of in functions.items():
        work.use(logits_of, request["variant"])
        times[kind] = probe(work)
    kind = min(times, key=times.get)
    if kind != kinds[-1]:
        work.use(functions[kind], request["variant"])
    return work, kind, times[kind]


def probe(work):
    """The fastest of some units, in milliseconds of the processor: at least three, about half a second."""
    timed(work, 2)
    first, _, _ = timed(work, 1)
    return min(timed(work, 1)[1] for _ in range(max(3, min(50, int(500 / first)))))


def describe(request, work, attention):
    build = torch.__config__.show()
    blas = next((part[10:] for part in build.replace(",", "\n").replace(" ", "\n").split("\n") if part.startswith("BLAS_INFO=")), "?")
    capability = next((line.split(": ")[1] for line in build.split("\n") if "CPU capability" in line), "?")
    optimizer = "" if work.fused is None else "fused AdamW, " if work.fused else "foreach AdamW, "
    kernels = " with its Intel kernels" if INTEL_KERNELS and torch.backends.mkl.is_available() else ""
    model = "transformers, " if request.get("model") == "transformers" else ""
    return (
        f"PyTorch {torch.__version__}, {model}{request['variant']}, {torch.get_num_threads()} thread, BLAS {blas}{kernels}, "
        f"{capability}, {optimizer}{attention} attention"
    )


def main():
    torch.set_num_threads(1)
    torch.set_flush_denormal(True)
    work = None
    for line in sys.stdin:
        request = json.loads(line)
        if work is None:
            work, attention, probed = fastest(request)
            reply = {"description": describe(request, work, attention), "attention": attention, "probed": probed}
        else:
            milliseconds, cpu_milliseconds, loss = timed(work, request["units"])
            peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
            reply = {"milliseconds": milliseconds, "cpuMilliseconds": cpu_milliseconds, "loss": loss, "peakBytes": peak}
        print(json.dumps(reply), flush=True)


if __name__ == "__main__":
    main()
