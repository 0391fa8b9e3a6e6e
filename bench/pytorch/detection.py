"""Super weights of one model, as src/science/super-weights.ts seeks them: where the largest input and the largest
output of a down projection cross is a candidate, and zeroing it must cost far more than zeroing weights like it.

Simpler than there, and with fewer forward passes: only each layer's peak is a candidate, not what contributes to it
besides; no sets of weights are judged; no control is a twin; none is left out because its hidden unit is silent.
"""
import torch
import torch.nn.functional as F

TINY = 1e-30


class Detection:
    def __init__(self, decoder, weights, rule, is_ordinary):
        self.decoder, self.weights, self.rule, self.is_ordinary = decoder, weights, rule, is_ordinary
        self.effects = {}
        self.passes = 0

    @torch.inference_mode()
    def run(self, scanned, judged, reference):
        """Confirmed places (layer, row, column), and the reference places that still cost what super weights do.

        `scanned` and `judged` are token ids [sequences, length + 1]; without a `reference` (None) it is its own.
        """
        self.judged = judged
        self.baseline = self.mean_loss()
        candidates, confirmed = set(), []
        for _ in range(self.rule["rescans"] + 1):
            known = len(confirmed)
            for place, ratio in self.scan(scanned, confirmed):
                if place in candidates:
                    continue
                candidates.add(place)
                if ratio >= self.rule["spikeRatio"] and self.is_super(place, [*confirmed, *(reference or [])]):
                    confirmed.append(place)
            if len(confirmed) == known:
                break
        known = [*(reference or []), *confirmed]
        functional = [place for place in reference or confirmed if self.is_super(place, known)]
        self.ablate_largest()
        return confirmed, functional

    def batches(self, tokens):
        for batch in tokens.split(self.rule["batchSize"]):
            self.passes += 1
            yield batch[:, :-1], batch[:, 1:]

    def mean_loss(self):
        losses = []
        for tokens, targets in self.batches(self.judged):
            logits = self.decoder.logits(self.weights, tokens)
            losses.append(F.cross_entropy(logits.flatten(0, 1), targets.flatten(), reduction="none"))
        return torch.cat(losses).mean().item()

    def scan(self, tokens, zeroed):
        """Every layer's place, and the smaller of its two spikes' ratios to ordinary tokens."""
        seen = {}
        kept = [self.set(place, 0.0) for place in zeroed]
        for inputs, _ in self.batches(tokens):
            ordinary = self.is_ordinary(inputs).flatten()

            def observe(layer, read, written):
                seen.setdefault(layer, []).append([(x.flatten(0, 1).abs(), ordinary) for x in (read, written)])

            self.decoder.observe = observe
            self.decoder.logits(self.weights, inputs)
            self.decoder.observe = None
        for place, value in zip(zeroed, kept):
            self.set(place, value)
        for layer, parts in seen.items():
            (column, input_ratio), (row, output_ratio) = (self.peak([part[side] for part in parts]) for side in (0, 1))
            yield (layer, row, column), min(input_ratio, output_ratio)

    def peak(self, parts):
        """The channel with the largest magnitude, and that over a quantile of what ordinary tokens reach."""
        values = torch.cat([part for part, _ in parts])
        ordinary = torch.cat([kind for _, kind in parts])
        largest = values.amax(0)
        channel = largest.argmax()
        level = torch.quantile(values.amax(1)[ordinary], self.rule["ordinaryQuantile"])
        return channel.item(), (largest[channel] / level.clamp(min=TINY)).item()

    def matrix(self, layer):
        return self.weights[f"model.layers.{layer}.mlp.down_proj.weight"]

    def set(self, place, value):
        layer, row, column = place
        matrix = self.matrix(layer)
        before = matrix[row, column].item()
        matrix[row, column] = value
        return before

    def effect(self, place):
        """What zeroing the weight costs, in nats; of each place found out once."""
        if place not in self.effects:
            before = self.set(place, 0.0)
            self.effects[place] = self.mean_loss() - self.baseline if before != 0 else 0.0
            self.set(place, before)
        return self.effects[place]

    def is_super(self, place, known):
        effect = self.effect(place)
        if effect < self.rule["minimumEffect"]:
            return False
        worst = max((self.effect(control) for control in self.controls(place, known)), default=float("inf"))
        return effect >= self.rule["controlFactor"] * worst

    def controls(self, place, known):
        """The largest others of the matrix, of the row and of the column, and random ones: so many of each kind."""
        layer, row, column = place
        matrix, count = self.matrix(layer), self.rule["controlsPerKind"]
        rows, columns = matrix.shape
        free = matrix != 0
        for other_layer, other_row, other_column in [place, *known]:
            if other_layer == layer:
                free[other_row, other_column] = False
        generator = torch.Generator().manual_seed(self.rule["seed"] + (layer * rows + row) * columns + column)
        in_row, in_column = torch.zeros_like(free), torch.zeros_like(free)
        in_row[row], in_column[:, column] = True, True
        magnitudes = matrix.abs()
        for order, among in (
            (magnitudes, True),
            (magnitudes, in_row),
            (magnitudes, in_column),
            (torch.rand(matrix.shape, generator=generator) + TINY, True),
        ):
            scores = torch.where(free & among, order, 0.0).flatten()
            values, indices = scores.topk(min(count, scores.numel()))
            for index in indices[values > 0].tolist():
                free[index // columns, index % columns] = False
                yield layer, index // columns, index % columns

    def ablate_largest(self):
        """Zeroes the largest weights of all blocks, one by one."""
        count = self.rule["ablateLargest"]
        if count == 0:
            return
        matrices = [weight for name, weight in self.weights.items() if ".layers." in name and weight.dim() == 2]
        flat = [matrix.view(-1) for matrix in matrices]
        magnitudes = torch.cat([part.abs() for part in flat])
        ends = torch.tensor([part.numel() for part in flat]).cumsum(0)
        for index in magnitudes.topk(count).indices.tolist():
            which = int(torch.searchsorted(ends, index, right=True))
            part, place = flat[which], index - int(ends[which]) + flat[which].numel()
            before = part[place].item()
            part[place] = 0.0
            self.mean_loss()
            part[place] = before
