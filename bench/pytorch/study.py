"""A study as one would write it in PyTorch: every arm and seed from its start to its end, as many processes as there
are cores, the longest first. There is no cache, and no arm knows of another; within one, nothing is done twice.

  study.py PLAN.json   ->   one JSON object: what was done, and how every arm has ended

The plan (bench/study.ts writes it, from a pipeline.json) has the model, the language, and each arm's steps in their
order with their parameters: train, prune, detect-sw, eval. Processes compute on one thread each, with what is fastest
for peer.py: fused AdamW, and the kind of attention that the plan names. Losses and gradients of training are compiled
if the plan's variant says so: once per process, since all arms train on one shape. Passes without gradients are eager.
"""
import functools
import json
import math
import multiprocessing
import sys

sys.dont_write_bytecode = True
import environment  # noqa: E402

environment.enter()

import numpy as np  # noqa: E402  (the environment comes first)
import torch  # noqa: E402
import torch.nn.functional as F  # noqa: E402

from decoders import Decoder, is_block_matrix, parameter_shapes  # noqa: E402
from detection import Detection  # noqa: E402
from marker_retrieval import MarkerRetrieval  # noqa: E402
from optimizer import MaskedAdamW  # noqa: E402

# Batches that are drawn at once.
DRAWN = 128
# Of an embedding, under every scheme.
DEVIATION = 0.02
# What the random numbers are for.
INITIAL, TRAINING, HELD_OUT, SCANNED, JUDGED, PRUNED = range(6)


class Study:
    """What all arms of a process share."""

    def __init__(self, plan):
        self.config = plan["config"]
        self.attention = plan["attention"]
        self.variant = plan["variant"]
        self.language = MarkerRetrieval(plan["language"])

    @functools.cache
    def decoder(self, length):
        return Decoder(self.config, length, self.attention)

    @functools.cache
    def loss(self, length):
        """A function of weights, tokens and targets."""
        decoder = self.decoder(length)
        return torch.compile(decoder.__call__) if self.variant == "compile" else decoder

    @functools.cache
    def sample(self, purpose, seed, sequences, length):
        """A fixed sample of token ids."""
        drawn = self.language.draw(np.random.default_rng([seed, purpose]), sequences, length)
        return torch.from_numpy(drawn)

    @functools.cache
    def evaluation(self, seed, sequences, length):
        tokens = self.sample(HELD_OUT, seed, sequences, length)
        return tokens, torch.from_numpy(self.language.answerable(tokens[:, :-1].numpy()))

    def is_ordinary(self, tokens):
        return self.language.is_ordinary(tokens)


class Arm:
    """One arm with one seed."""

    def __init__(self, study, run):
        self.study, self.run = study, run
        self.masks = {}
        # The super weights that are followed, once they have been sought.
        self.reference = None
        self.counts = {"trainingSteps": 0, "evaluated": 0, "passes": 0, "operations": 0}
        self.result = {"experiment": run["experiment"], "seed": run["seed"], "perplexities": [], "confirmed": []}
        self.do = {
            **{"init": self.start, "train": self.train, "prune": self.prune},
            **{"detect-sw": self.detect, "eval": self.evaluate},
        }

    def complete(self):
        for operation in self.run["operations"]:
            self.do[operation["stage"]](operation)
            self.counts["operations"] += 1
        return {**self.result, **self.counts}

    def start(self, operation):
        shapes = parameter_shapes(self.study.config)
        generator = torch.Generator().manual_seed(self.run["seed"])
        scheme = operation["scheme"]
        loaded = read_checkpoint(operation["checkpoint"]) if scheme == "pretrained" else None
        self.weights = {
            name: torch.nn.Parameter(loaded[name] if loaded else initial(name, shape, scheme, generator))
            for name, shape in shapes.items()
        }
        self.follows_start = scheme == "pretrained"

    def train(self, operation):
        loss_of = self.study.loss(operation["sequenceLength"])
        optimizer = MaskedAdamW(
            self.weights.values(),
            [self.weights[name] for name in self.masks],
            self.masks.values(),
            betas=(operation["beta1"], operation["beta2"]),
            epsilon=operation["epsilon"],
            decay=operation["weightDecay"],
            norm=operation["clipNorm"],
        )
        losses = []
        for rate, tokens in zip(operation["learningRates"], self.batches(operation)):
            loss = loss_of(self.weights, tokens[:, :-1], tokens[:, 1:])
            loss.backward()
            optimizer.set_rate(rate)
            optimizer.step()
            losses.append(loss.item())
        every = operation["curveEvery"]
        self.result.setdefault("curves", []).append(
            [sum(part) / len(part) for part in (losses[at : at + every] for at in range(0, len(losses), every))]
        )
        self.counts["trainingSteps"] += len(losses)

    def batches(self, operation):
        """Those after all that the arm has trained on."""
        batch, length, steps = operation["batchSize"], operation["sequenceLength"], len(operation["learningRates"])
        first = self.counts["trainingSteps"]
        for done in range(0, steps, DRAWN):
            count = min(DRAWN, steps - done)
            generator = np.random.default_rng([self.run["seed"], TRAINING, first + done])
            yield from torch.from_numpy(self.study.language.draw(generator, count * batch, length)).split(batch)

    @torch.no_grad()
    def prune(self, operation):
        """So many of the prunable weights that are left, by rising magnitude or at random."""
        prunable = {name: weight for name, weight in self.weights.items() if is_block_matrix(name, weight.shape)}
        groups = [list(prunable)] if operation["scope"] == "global" else [[name] for name in prunable]
        generator = torch.Generator().manual_seed(self.run["seed"] + 1000 * len(self.result["perplexities"]))
        for group in groups:
            scores, kept = {}, {}
            for name in group:
                weight = prunable[name]
                kept[name] = self.masks.get(name, torch.ones_like(weight))
                at_random = operation["criterion"] == "random"
                score = torch.rand(weight.shape, generator=generator) if at_random else weight.abs()
                scores[name] = torch.where(kept[name] == 0, math.inf, score)
            forced = self.mark(scores, operation["force"], -1.0)
            self.mark(scores, operation["protect"], math.inf)
            total = sum(mask.numel() for mask in kept.values())
            left = sum(int(mask.sum()) for mask in kept.values())
            count = max(forced, min(left, wanted(operation, left, total)))
            flat = torch.cat([score.flatten() for score in scores.values()])
            mask = torch.cat([mask.flatten() for mask in kept.values()])
            mask[flat.topk(count, largest=False).indices] = 0.0
            for name, part in zip(group, mask.split([prunable[name].numel() for name in group])):
                self.masks[name] = part.view_as(prunable[name])
                prunable[name] *= self.masks[name]

    def mark(self, scores, whose, score):
        """Gives the super weights that the arm follows a score of their own; says how many there are."""
        if whose == "none":
            return 0
        marked = 0
        for layer, row, column in self.reference:
            name = f"model.layers.{layer}.mlp.down_proj.weight"
            if name in scores and not math.isinf(scores[name][row, column]):
                scores[name][row, column] = score
                marked += 1
        return marked

    def detect(self, operation):
        length = operation["sequenceLength"]
        scanned, judged = (
            self.study.sample(purpose, operation["seed"], operation[f"{kind}Sequences"], length)
            for purpose, kind in ((SCANNED, "candidate"), (JUDGED, "causal"))
        )
        detection = Detection(self.study.decoder(length), self.weights, operation, self.study.is_ordinary)
        confirmed, functional = detection.run(scanned, judged, self.reference)
        if self.reference is None and (self.follows_start or self.counts["trainingSteps"] > 0):
            self.reference = confirmed
        self.result["confirmed"].append(len(confirmed))
        self.result.setdefault("functional", []).append(len(functional))
        self.counts["passes"] += detection.passes

    def evaluate(self, operation):
        length = operation["sequenceLength"]
        # What other steps use as well is made outside of the inference mode.
        decoder = self.study.decoder(length)
        tokens, answerable = self.study.evaluation(operation["seed"], operation["sequences"], length)
        losses, hits = [], 0
        with torch.inference_mode():
            for batch, asked in zip(tokens.split(operation["batchSize"]), answerable.split(operation["batchSize"])):
                targets = batch[:, 1:]
                logits = decoder.logits(self.weights, batch[:, :-1])
                losses.append(F.cross_entropy(logits.flatten(0, 1), targets.flatten(), reduction="none"))
                hits += ((logits.argmax(-1) == targets) & asked).sum().item()
            self.result["perplexities"].append(torch.cat(losses).double().mean().exp().item())
        self.result["retrieval"] = hits / answerable.sum().item()
        self.counts["evaluated"] += len(tokens)


def wanted(operation, left, total):
    """How many weights to prune: a half is rounded up."""
    share = {"remaining": left, "total": total, "cumulative": total}[operation["of"]]
    count = math.floor(operation["fraction"] * share + 0.5)
    return max(0, count - (total - left)) if operation["of"] == "cumulative" else count


def initial(name, shape, scheme, generator):
    if len(shape) == 1:
        return torch.ones(shape)
    if scheme == "xavier" and "embed" not in name:
        return (torch.rand(shape, generator=generator) * 2 - 1) * math.sqrt(6 / sum(shape))
    if scheme == "kaiming" and "embed" not in name:
        return torch.randn(shape, generator=generator) * math.sqrt(2 / shape[1])
    return torch.randn(shape, generator=generator) * DEVIATION


def read_checkpoint(path):
    """The tensors of a .safetensors file, all of them float32."""
    with open(path, "rb") as file:
        header = json.loads(file.read(int.from_bytes(file.read(8), "little")))
        data = bytearray(file.read())
    return {
        name: torch.frombuffer(data, dtype=torch.float32)[entry["data_offsets"][0] // 4 : entry["data_offsets"][1] // 4]
        .view(entry["shape"])
        .clone()
        for name, entry in header.items()
        if name != "__metadata__"
    }


def prepare(plan):
    global study
    torch.set_num_threads(1)
    torch.set_flush_denormal(True)
    study = Study(plan)


def complete(run):
    return Arm(study, run).complete()


def work_of(run):
    """About how long an arm takes: training steps count most."""
    return sum(len(operation.get("learningRates", ())) for operation in run["operations"]), len(run["operations"])


def main():
    with open(sys.argv[1]) as file:
        plan = json.load(file)
    # The first optimizer of a process loads a good part of PyTorch, for seconds: once, before there are several.
    torch.optim.AdamW([torch.zeros(1)])
    runs = sorted(plan["runs"], key=work_of, reverse=True)
    with multiprocessing.get_context("fork").Pool(plan["processes"], prepare, (plan,)) as pool:
        results = list(pool.imap_unordered(complete, runs))
    totals = {
        name: sum(result[name] for result in results) for name in ("trainingSteps", "evaluated", "passes", "operations")
    }
    print(json.dumps({"pytorch": torch.__version__, **totals, "runs": results}))


if __name__ == "__main__":
    main()
