"""Tiny random checkpoints as transformers writes them, with what transformers computes from them.

    python3 -m pip install torch==2.15.0 transformers==5.24.0 safetensors==0.8.0
    python3 tests/model/published/make-fixtures.py

Each folder holds a model as `save_pretrained` leaves it, and reference.safetensors: token ids [2, 10] as numbers,
`logits` [18, vocabulary] of all but the last token of each row, and `gradient:NAME` of the mean loss, matrices [out, in],
by the names that swp has.
"""

import shutil
from pathlib import Path

import torch
from safetensors.torch import save_file
from transformers import GPT2Config, GPT2LMHeadModel, LlamaConfig, LlamaForCausalLM
from transformers.pytorch_utils import Conv1D

HERE = Path(__file__).parent
LLAMA = dict(vocab_size=40, hidden_size=16, intermediate_size=20, num_hidden_layers=2, num_attention_heads=4,
             max_position_embeddings=64, bos_token_id=0, eos_token_id=1)
GPT2 = dict(vocab_size=40, n_embd=16, n_layer=2, n_head=4, n_positions=12, bos_token_id=0, eos_token_id=1)

LLAMA3_ROPE = dict(rope_type="llama3", factor=8.0, low_freq_factor=1.0, high_freq_factor=4.0,
                   original_max_position_embeddings=32, rope_theta=100.0)
LINEAR_ROPE = dict(rope_type="linear", factor=4.0, rope_theta=50.0)

MODELS = {
    "llama-grouped": LlamaForCausalLM(LlamaConfig(**LLAMA, num_key_value_heads=2)),
    "llama-tied-biased": LlamaForCausalLM(LlamaConfig(
        **LLAMA, num_key_value_heads=1, head_dim=6, tie_word_embeddings=True, attention_bias=True, mlp_bias=True,
        rope_parameters=LINEAR_ROPE)),
    "llama3-rope": LlamaForCausalLM(LlamaConfig(**LLAMA, rope_parameters=LLAMA3_ROPE)),
    "llama-sharded": LlamaForCausalLM(LlamaConfig(**LLAMA, num_key_value_heads=2, rms_norm_eps=1e-5)),
    "gpt2-tanh": GPT2LMHeadModel(GPT2Config(**GPT2)),
    "gpt2-bare": GPT2LMHeadModel(GPT2Config(
        **GPT2, n_inner=20, activation_function="gelu", scale_attn_by_inverse_layer_idx=True)),
}
STORED = {"llama-sharded": torch.bfloat16, "gpt2-tanh": torch.float16}


def randomise(model: torch.nn.Module, seed: int, dtype: torch.dtype) -> None:
    """Numbers large enough for every part to show in the logits, which the stored type holds exactly."""
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for parameter in model.parameters():
            noise = torch.randn(parameter.shape, generator=generator)
            is_gain = parameter.dim() == 1 and bool((parameter == 1).all())
            parameter.copy_((1 + 0.2 * noise if is_gain else 0.3 * noise).to(dtype).float())


for seed, (name, model) in enumerate(MODELS.items()):
    dtype = STORED.get(name, torch.float32)
    randomise(model, seed, dtype)
    model.eval()
    ids = torch.randint(40, (2, 10), generator=torch.Generator().manual_seed(100 + seed))
    logits = model(ids[:, :-1]).logits.reshape(-1, 40)
    torch.nn.functional.cross_entropy(logits, ids[:, 1:].reshape(-1)).backward()

    turned = {f"{place}.weight" for place, module in model.named_modules() if isinstance(module, Conv1D)}
    reference = {"tokens": ids.float(), "logits": logits.detach().contiguous()}
    for place, parameter in model.named_parameters():
        gradient = parameter.grad.t() if place in turned else parameter.grad
        reference[f"gradient:{place}"] = gradient.contiguous()

    folder = HERE / name
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    save_file(reference, folder / "reference.safetensors")
    stored = model.transformer if name == "gpt2-bare" else model
    stored.to(dtype).save_pretrained(folder, max_shard_size="6KB" if name == "llama-sharded" else "1GB")
    (folder / "generation_config.json").unlink(missing_ok=True)
