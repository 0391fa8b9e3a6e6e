"""The decoders of src/model/decoder in PyTorch: the same mathematics, parameter names and [out, in] matrices.

Shared by the benchmark's peer (peer.py) and by the reference values of the tests (tests/compute/pytorch), so that
what is timed is what has been shown to agree. A model is a function of a dictionary of weights; its configuration has
the fields of ModelConfig (src/model/language-model.ts).
"""
import math

import torch
import torch.nn.functional as F


def parameter_shapes(config):
    """Name and shape of every parameter, in the order of the checkpoint."""
    width, feed_forward, vocabulary = config["width"], config["feedForward"], config["vocabulary"]
    shapes = {}
    if config["family"] == "llama":
        queries, keys = config["heads"] * head_width(config), key_value_heads(config) * head_width(config)
        shapes["model.embed_tokens.weight"] = [vocabulary, width]
        for layer in range(config["layers"]):
            block = f"model.layers.{layer}"
            shapes[f"{block}.input_layernorm.weight"] = [width]
            for name, rows in (("q", queries), ("k", keys), ("v", keys)):
                shapes[f"{block}.self_attn.{name}_proj.weight"] = [rows, width]
            shapes[f"{block}.self_attn.o_proj.weight"] = [width, queries]
            shapes[f"{block}.post_attention_layernorm.weight"] = [width]
            shapes[f"{block}.mlp.gate_proj.weight"] = [feed_forward, width]
            shapes[f"{block}.mlp.up_proj.weight"] = [feed_forward, width]
            shapes[f"{block}.mlp.down_proj.weight"] = [width, feed_forward]
        shapes["model.norm.weight"] = [width]
        if not config.get("tiedHead"):
            shapes["lm_head.weight"] = [vocabulary, width]
        return shapes

    def norm(name):
        shapes[f"{name}.weight"] = [width]
        shapes[f"{name}.bias"] = [width]

    def linear(name, outputs, inputs):
        shapes[f"{name}.weight"] = [outputs, inputs]
        shapes[f"{name}.bias"] = [outputs]

    shapes["transformer.wte.weight"] = [vocabulary, width]
    shapes["transformer.wpe.weight"] = [config["positions"], width]
    for layer in range(config["layers"]):
        block = f"transformer.h.{layer}"
        norm(f"{block}.ln_1")
        linear(f"{block}.attn.c_attn", 3 * width, width)
        linear(f"{block}.attn.c_proj", width, width)
        norm(f"{block}.ln_2")
        linear(f"{block}.mlp.c_fc", feed_forward, width)
        linear(f"{block}.mlp.c_proj", width, feed_forward)
    norm("transformer.ln_f")
    return shapes


def head_width(config):
    return config.get("headWidth", config["width"] // config["heads"])


def key_value_heads(config):
    return config.get("keyValueHeads", config["heads"])


def is_block_matrix(name, shape):
    """Whether pruning may mask the tensor: the matrices of the blocks, not embeddings or the head."""
    return len(shape) == 2 and (".layers." in name or ".h." in name)


class Attention:
    """Causal attention of queries, keys and values [batch, heads, sequence, head width]."""

    def __init__(self, kind, sequence, dtype):
        self.kind = kind
        self.hidden = torch.full((sequence, sequence), -math.inf, dtype=dtype).triu(1)

    def __call__(self, queries, keys, values):
        if self.kind == "sdpa":
            return F.scaled_dot_product_attention(queries, keys, values, is_causal=True)
        batch, heads, sequence, width = queries.shape
        flat = (batch * heads, sequence, width)
        hidden = self.hidden.expand(batch * heads, sequence, sequence)
        scores = torch.baddbmm(hidden, queries.reshape(flat), keys.reshape(flat).transpose(1, 2), alpha=width**-0.5)
        return torch.bmm(scores.softmax(-1), values.reshape(flat)).view(batch, heads, sequence, width)


def mean_loss(logits, targets):
    """Mean cross-entropy in nats of `targets` [batch, sequence] under logits [batch, sequence, vocabulary]."""
    return F.cross_entropy(logits.view(-1, logits.shape[-1]), targets.reshape(-1))


class Decoder:
    """Mean cross-entropy in nats of `targets` [batch, sequence] given `tokens` [batch, sequence], both int64."""

    def __init__(self, config, sequence, attention="explicit", dtype=torch.float32):
        self.config = config
        # Is told of every down projection its layer, input and output, if somebody wants to know.
        self.observe = None
        self.attend = Attention(attention, sequence, dtype)
        if config["family"] == "llama":
            features = head_width(config)
            frequency = config["ropeTheta"] ** (-torch.arange(0, features, 2, dtype=torch.float64) / features)
            angle = torch.outer(torch.arange(sequence, dtype=torch.float64), frequency)
            self.cosine = torch.cat([angle.cos(), angle.cos()], 1).to(dtype)
            self.sine = torch.cat([angle.sin(), angle.sin()], 1).to(dtype)

    def __call__(self, weights, tokens, targets):
        return mean_loss(self.logits(weights, tokens), targets)

    def logits(self, weights, tokens):
        """[batch, sequence, vocabulary]"""
        return (self.llama if self.config["family"] == "llama" else self.gpt2)(weights, tokens)

    def per_head(self, x, heads):
        """[batch, sequence, width] -> [batch, heads, sequence, head width]"""
        return x.view(*x.shape[:2], heads, -1).transpose(1, 2)

    def for_group(self, x):
        """Heads of keys or values, each repeated for the heads of queries that share it."""
        group = self.config["heads"] // key_value_heads(self.config)
        return x if group == 1 else x.repeat_interleave(group, 1)

    def rotate(self, x):
        """Rotary position embedding (Su et al. 2021) in Hugging Face's layout: feature j is paired with j + half."""
        lower, upper = x.chunk(2, -1)
        return x * self.cosine + torch.cat((-upper, lower), -1) * self.sine

    def llama(self, weights, tokens):
        """RMSNorm with gain, rotary positions, grouped queries, SwiGLU, no biases, tied or own head."""

        def norm(x, name):
            scale = torch.rsqrt(x.square().mean(-1, keepdim=True) + self.config["normEpsilon"])
            return x * scale * weights[f"{name}.weight"]

        def linear(x, name):
            return F.linear(x, weights[f"{name}.weight"])

        few = key_value_heads(self.config)
        embedding = weights["model.embed_tokens.weight"]
        residual = F.embedding(tokens, embedding)
        for layer in range(self.config["layers"]):
            block = f"model.layers.{layer}"
            x = norm(residual, f"{block}.input_layernorm")
            queries, keys, values = (
                self.per_head(linear(x, f"{block}.self_attn.{name}_proj"), heads)
                for name, heads in (("q", self.config["heads"]), ("k", few), ("v", few))
            )
            mixed = self.attend(self.rotate(queries), self.for_group(self.rotate(keys)), self.for_group(values))
            residual = residual + linear(mixed.transpose(1, 2).flatten(2), f"{block}.self_attn.o_proj")
            x = norm(residual, f"{block}.post_attention_layernorm")
            x = F.silu(linear(x, f"{block}.mlp.gate_proj")) * linear(x, f"{block}.mlp.up_proj")
            written = linear(x, f"{block}.mlp.down_proj")
            if self.observe is not None:
                self.observe(layer, x, written)
            residual = residual + written
        head = embedding if self.config.get("tiedHead") else weights["lm_head.weight"]
        return F.linear(norm(residual, "model.norm"), head)

    def gpt2(self, weights, tokens):
        """The head is the embedding, unless there is a weight of its own for it."""

        def norm(x, name):
            gain, bias = weights[f"{name}.weight"], weights[f"{name}.bias"]
            return F.layer_norm(x, gain.shape, gain, bias, self.config["normEpsilon"])

        def linear(x, name):
            return F.linear(x, weights[f"{name}.weight"], weights[f"{name}.bias"])

        positions = weights["transformer.wpe.weight"][: tokens.shape[1]]
        residual = F.embedding(tokens, weights["transformer.wte.weight"]) + positions
        for layer in range(self.config["layers"]):
            block = f"transformer.h.{layer}"
            x = linear(norm(residual, f"{block}.ln_1"), f"{block}.attn.c_attn")
            mixed = self.attend(*(self.per_head(part, self.config["heads"]) for part in x.chunk(3, -1)))
            residual = residual + linear(mixed.transpose(1, 2).reshape(residual.shape), f"{block}.attn.c_proj")
            x = F.gelu(linear(norm(residual, f"{block}.ln_2"), f"{block}.mlp.c_fc"), approximate="tanh")
            residual = residual + linear(x, f"{block}.mlp.c_proj")
        head = weights.get("lm_head.weight", weights["transformer.wte.weight"])
        return F.linear(norm(residual, "transformer.ln_f"), head)
