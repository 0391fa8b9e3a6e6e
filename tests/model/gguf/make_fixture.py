"""Writes GGUF files that swp reads in tests:

- types.gguf has a tensor of every type that is read, and types.safetensors the same tensors as float32. The quantised
  blocks are random bytes, so that every nibble and odd scales occur; scales are finite.
- llama-*.gguf are models of tests/model/published.

Run by hand with the Python packages gguf, numpy, torch and safetensors:
    python tests/model/gguf/make_fixture.py
"""
import json
from pathlib import Path

import gguf
import numpy as np
from gguf import GGMLQuantizationType as T
from safetensors.numpy import save_file
from safetensors.torch import load_file

HERE = Path(__file__).parent
random = np.random.default_rng(15)


def half_bytes(count: int) -> np.ndarray:
    """Finite numbers of float16 of all sizes, subnormal ones and both zeros among them."""
    bits = random.integers(0, 1 << 16, count, dtype=np.uint16)
    bits[(bits & 0x7C00) == 0x7C00] &= 0x83FF
    bits[:2] = [0x0000, 0x8000]
    return bits.view(np.uint8).reshape(count, 2)


def blocks(rows: int, per_row: int, scales: int, bytes_: int) -> np.ndarray:
    count = rows * per_row
    parts = [half_bytes(count) for _ in range(scales)]
    parts.append(random.integers(0, 256, (count, bytes_), dtype=np.uint8))
    return np.concatenate(parts, axis=1).reshape(rows, -1)


def floats(shape: tuple[int, ...]) -> np.ndarray:
    return (random.standard_normal(shape) * 10.0 ** random.integers(-40, 38, shape)).astype(np.float32)


tensors = {
    "f32": (floats((3, 5)), T.F32),
    "f16": (half_bytes(6).view(np.float16).reshape(2, 3), T.F16),
    "bf16": ((floats((3, 3)).view(np.uint32) >> 16).astype(np.uint16).view(np.uint8), T.BF16),
    "q8_0": (blocks(3, 2, 1, 32), T.Q8_0),
    "q4_0": (blocks(2, 3, 1, 16), T.Q4_0),
    "q4_1": (blocks(5, 1, 2, 16), T.Q4_1),
}
writer = gguf.GGUFWriter(HERE / "types.gguf", "llama")
writer.add_uint32("llama.block_count", 30)
writer.add_float32("llama.attention.layer_norm_rms_epsilon", 1e-5)
writer.add_bool("tokenizer.ggml.add_bos_token", False)
writer.add_array("tokenizer.ggml.merges", ["Ġ t", "Ġ a"])
writer.add_array("tokenizer.ggml.token_type", [3, 1, 1])
for name, (data, kind) in tensors.items():
    writer.add_tensor(name, data, raw_dtype=kind)
writer.write_header_to_file()
writer.write_kv_data_to_file()
writer.write_tensors_to_file()
writer.close()

read = gguf.GGUFReader(HERE / "types.gguf")
save_file(
    {tensor.name: gguf.dequantize(tensor.data, tensor.tensor_type).astype(np.float32) for tensor in read.tensors},
    HERE / "types.safetensors",
)


def interleaved(rows: np.ndarray, heads: int) -> np.ndarray:
    """As LlamaModel.permute of llama.cpp's convert_hf_to_gguf.py does with queries and keys."""
    pairs = rows.reshape(heads, 2, rows.shape[0] // heads // 2, *rows.shape[1:])
    return np.ascontiguousarray(pairs.swapaxes(1, 2).reshape(rows.shape))


LAYER = {
    "input_layernorm": "attn_norm", "self_attn.q_proj": "attn_q", "self_attn.k_proj": "attn_k",
    "self_attn.v_proj": "attn_v", "self_attn.o_proj": "attn_output", "post_attention_layernorm": "ffn_norm",
    "mlp.gate_proj": "ffn_gate", "mlp.up_proj": "ffn_up", "mlp.down_proj": "ffn_down",
}
OTHERS = {
    "model.embed_tokens.weight": "token_embd.weight", "model.norm.weight": "output_norm.weight",
    "lm_head.weight": "output.weight",
}


def convert(name: str) -> None:
    """A model of tests/model/published as convert_hf_to_gguf.py would write it, tensors as float32."""
    folder = HERE.parent / "published" / name
    config = json.loads((folder / "config.json").read_text())
    heads, kv_heads = config["num_attention_heads"], config["num_key_value_heads"]
    head_dim = config.get("head_dim") or config["hidden_size"] // heads
    rope = config["rope_parameters"]
    writer = gguf.GGUFWriter(HERE / f"{name}.gguf", "llama")
    writer.add_block_count(config["num_hidden_layers"])
    writer.add_context_length(config["max_position_embeddings"])
    writer.add_embedding_length(config["hidden_size"])
    writer.add_feed_forward_length(config["intermediate_size"])
    writer.add_head_count(heads)
    writer.add_head_count_kv(kv_heads)
    writer.add_layer_norm_rms_eps(config["rms_norm_eps"])
    writer.add_rope_freq_base(rope["rope_theta"])
    writer.add_rope_dimension_count(head_dim)
    writer.add_key_length(head_dim)
    writer.add_value_length(head_dim)
    writer.add_vocab_size(config["vocab_size"])
    if rope["rope_type"] == "linear":
        writer.add_rope_scaling_type(gguf.RopeScalingType.LINEAR)
        writer.add_rope_scaling_factor(rope["factor"])
    for path in sorted(folder.glob("model*.safetensors")):
        for tensor, data in load_file(path).items():
            data = data.float().numpy()
            if ".q_proj." in tensor:
                data = interleaved(data, heads)
            if ".k_proj." in tensor:
                data = interleaved(data, kv_heads)
            if tensor.startswith("model.layers."):
                _, _, layer, rest = tensor.split(".", 3)
                kind, what = rest.rsplit(".", 1)
                tensor = f"blk.{layer}.{LAYER[kind]}.{what}"
            writer.add_tensor(OTHERS.get(tensor, tensor), data)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


for model in ["llama-sharded", "llama-tied-biased"]:
    convert(model)
