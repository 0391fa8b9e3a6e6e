"""Makes tokenizer.json of this folder from text.txt, and the ids that Hugging Face's own tokenizers give.

    pip install tokenizers==0.23.1; python make_tokenizer.py
"""

import json
import pathlib

from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers

here = pathlib.Path(__file__).parent
text = (here / "text.txt").read_text()
tokenizer = Tokenizer(models.BPE())
tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
    [pre_tokenizers.Digits(individual_digits=True), pre_tokenizers.ByteLevel(add_prefix_space=False)]
)
tokenizer.decoder = decoders.ByteLevel()
trainer = trainers.BpeTrainer(
    vocab_size=512,
    special_tokens=["<|endoftext|>"],
    initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
    show_progress=False,
)
tokenizer.train_from_iterator([text], trainer)
tokenizer.save(str(here / "tokenizer.json"))
(here / "tokenizer_config.json").write_text(
    json.dumps({"bos_token": "<|endoftext|>", "eos_token": "<|endoftext|>", "tokenizer_class": "PreTrainedTokenizerFast"}) + "\n"
)
samples = [text[1000:3000], "Größe, 1851 naïve\tCafé — “quoted”\r\n\n  x<|endoftext|>y 日本語 🐋🏽", "", " ", "a  b   c\n"]
ids = {"whole": tokenizer.encode(text).ids[-500:], "samples": [{"text": s, "ids": tokenizer.encode(s).ids} for s in samples]}
ids["count"] = len(tokenizer.encode(text).ids)
# White space of Unicode that is none of JavaScript's (U+0085), the reverse (U+FEFF), and letters beyond ASCII.
odd = "\u0085\u0085the  \u0085whale\ufeff \ufeff..,\u0085\u00e9t\u00e9 \u0663\u0663!?"
raw = {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": True, "use_regex": False}
words = {"Regex": r"\p{L}+"}
steps = [
    raw | {"use_regex": True},
    raw | {"use_regex": True, "add_prefix_space": True},
    {"type": "Whitespace"},
    {"type": "WhitespaceSplit"},
    {"type": "BertPreTokenizer"},
    *({"type": "Punctuation", "behavior": behavior} for behavior in ["Isolated", "Contiguous", "Removed"]),
    *({"type": "Split", "pattern": words, "behavior": b, "invert": True} for b in ["Isolated", "Removed"]),
    {"type": "Split", "pattern": {"String": "."}, "behavior": "Removed", "invert": False},
]
ids["cuts"] = []
for step in steps:
    cuts = {"type": "Sequence", "pretokenizers": [step] if step["type"] == "ByteLevel" else [step, raw]}
    made = json.loads(tokenizer.to_str()) | {"pre_tokenizer": cuts}
    ids["cuts"].append({"step": cuts, "text": odd, "ids": Tokenizer.from_str(json.dumps(made)).encode(odd).ids})
(here / "reference-ids.json").write_text(json.dumps(ids) + "\n")
print(ids["count"])
