"""Independent reference: small models of each family in NumPy, float64, written from the papers and model cards.

Files are read and dequantised by the Python package `gguf`. Shares no code with the crate.
Run: python families.py FOLDER_WITH_MODELS OUT_FILE [NEW_IDS] (see docs/formats/golden-logits.md)
"""
import glob, json, math, os, sys
import numpy as np
from gguf import GGUFReader
from gguf.quants import dequantize
from tokenizers import Regex, Tokenizer, models, normalizers, pre_tokenizers

F = np.float64
PROMPTS = ["the other 12345 words: it's the theatre, thé\n\n  and <think> the rest of it goes on for longer than a window is wide, don't",
           "there"]
WORDS = r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|%s| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"


def value(field):
    return field.contents()


def bpe(meta, text):
    tokens, kinds = meta["tokenizer.ggml.tokens"], meta["tokenizer.ggml.token_type"]
    tok = Tokenizer(models.BPE(vocab={t: i for i, t in enumerate(tokens)}, merges=[tuple(m.split(" ")) for m in meta["tokenizer.ggml.merges"]],
                               ignore_merges=meta["tokenizer.ggml.pre"] == "llama-bpe"))
    digits = {"llama-bpe": r"\p{N}{1,3}", "qwen2": r"\p{N}"}.get(meta["tokenizer.ggml.pre"])
    if digits:
        tok.pre_tokenizer = pre_tokenizers.Sequence([pre_tokenizers.Split(Regex(WORDS % digits), "isolated"),
                                                     pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)])
    else:
        tok.pre_tokenizer = pre_tokenizers.Sequence([pre_tokenizers.Digits(individual_digits=True), pre_tokenizers.ByteLevel(add_prefix_space=False)])
    if meta["tokenizer.ggml.pre"] == "qwen2":
        tok.normalizer = normalizers.NFC()
    tok.add_tokens([t for t, k in zip(tokens, kinds) if k == 4])
    ids = tok.encode(text, add_special_tokens=False).ids
    return ([meta["tokenizer.ggml.bos_token_id"]] if meta["tokenizer.ggml.pre"] == "llama-bpe" else []) + ids


def pieces(meta, text):
    """SentencePiece's BPE the slow way: the best pair of all, again and again."""
    tokens, kinds, scores = (meta["tokenizer.ggml." + k] for k in ("tokens", "token_type", "scores"))
    named = [t for t, k in zip(tokens, kinds) if k == 4]
    known = {t: i for i, (t, k) in enumerate(zip(tokens, kinds)) if k in (1, 4)}
    ids = [meta["tokenizer.ggml.bos_token_id"]]

    def plain(run):
        parts = list(run.replace(" ", "▁"))
        while True:
            pairs = [(scores[known[a + b]], -i) for i, (a, b) in enumerate(zip(parts, parts[1:])) if a + b in known]
            if not pairs:
                break
            i = -max(pairs)[1]
            parts[i:i + 2] = [parts[i] + parts[i + 1]]
        for part in parts:
            ids.extend([known[part]] if part in known else [tokens.index(f"<0x{b:02X}>") for b in part.encode()])

    while text:
        at, _, name = min(((text.find(n), -len(n), n) for n in named if n in text), default=(len(text), 0, ""))
        plain(text[:at])
        if name:
            ids.append(tokens.index(name))
        text = text[at + len(name):]
    return ids


class Model:
    def __init__(self, path):
        reader = GGUFReader(path)
        self.meta = {k: value(f) for k, f in reader.fields.items()}
        self.w = {t.name: dequantize(t.data, t.tensor_type).astype(F).reshape([int(n) for n in t.shape[::-1]]) for t in reader.tensors}
        self.family = self.meta["general.architecture"]

    def get(self, key, other=None):
        return self.meta.get(f"{self.family}.{key}", other)

    def norm(self, x, name):
        return x / np.sqrt((x * x).mean(-1, keepdims=True) + self.get("attention.layer_norm_rms_epsilon")) * self.w[name + ".weight"]

    def rope(self, x, base, slower):  # (T, H, dim)
        half = x.shape[-1] // 2
        speed = base ** (-np.arange(half) / half) / slower / self.w.get("rope_freqs.weight", np.ones(half))
        angle = np.arange(x.shape[0])[:, None] * speed
        c, s = np.cos(angle)[:, None], np.sin(angle)[:, None]
        if self.family == "llama":  # neighbours
            a, b = x[..., 0::2], x[..., 1::2]
            return np.stack([a * c - b * s, a * s + b * c], -1).reshape(x.shape)
        a, b = x[..., :half], x[..., half:]
        return np.concatenate([a * c - b * s, b * c + a * s], -1)

    def logits(self, ids):
        w, T = self.w, len(ids)
        heads, kv, dim = self.get("attention.head_count"), self.get("attention.head_count_kv"), self.get("attention.key_length")
        gemma = self.family == "gemma3"
        x = w["token_embd.weight"][ids] * (math.sqrt(self.get("embedding_length")) if gemma else 1)
        ago = np.arange(T)[:, None] - np.arange(T)[None]
        for i in range(self.get("block_count")):
            p = f"blk.{i}."
            local = gemma and (i + 1) % 6 != 0
            seen = (ago >= 0) & (ago < self.get("attention.sliding_window")) if local else ago >= 0
            base, slower = (1e4, 1) if local else (self.get("rope.freq_base"), self.get("rope.scaling.factor", 1))
            h = self.norm(x, p + "attn_norm")
            part = lambda n, count: (h @ w[p + n + ".weight"].T + w.get(p + n + ".bias", 0)).reshape(T, count, dim)
            q, k, v = part("attn_q", heads), part("attn_k", kv), part("attn_v", kv)
            if p + "attn_q_norm.weight" in w:
                q, k = self.norm(q, p + "attn_q_norm"), self.norm(k, p + "attn_k_norm")
            q, k = self.rope(q, base, slower), self.rope(k, base, slower)
            k, v = np.repeat(k, heads // kv, 1), np.repeat(v, heads // kv, 1)
            s = np.where(seen, np.einsum("thd,shd->hts", q, k) / math.sqrt(dim), -np.inf)
            s = np.exp(s - s.max(-1, keepdims=True))
            out = np.einsum("hts,shd->thd", s / s.sum(-1, keepdims=True), v).reshape(T, -1) @ w[p + "attn_output.weight"].T
            x = x + (self.norm(out, p + "post_attention_norm") if gemma else out)
            h = self.norm(x, p + "ffn_norm")
            g = h @ w[p + "ffn_gate.weight"].T
            g = g * 0.5 * (1 + np.tanh(math.sqrt(2 / math.pi) * (g + 0.044715 * g ** 3))) if gemma else g / (1 + np.exp(-g))
            out = (g * (h @ w[p + "ffn_up.weight"].T)) @ w[p + "ffn_down.weight"].T
            x = x + (self.norm(out, p + "post_ffw_norm") if gemma else out)
        return w.get("output.weight", w["token_embd.weight"]) @ self.norm(x[-1], "output_norm")


if __name__ == "__main__":
    cases, new = [], int(sys.argv[3]) if len(sys.argv) > 3 else 0
    for path in sorted(glob.glob(sys.argv[1] + "/*.gguf")):
        model = Model(path)
        for prompt in PROMPTS:
            ids = (pieces if model.meta["tokenizer.ggml.model"] == "llama" else bpe)(model.meta, prompt)
            logits = model.logits(ids)
            order = np.argsort(-logits, kind="stable")[:20]
            name = os.path.basename(path)[:-5]
            print(name, len(ids), [round(float(logits[i]), 3) for i in order[:3]], "stray", round(float(logits.std()), 3))
            case = {"model": name, "prompt": prompt, "prompt_ids": [int(i) for i in ids], "top_logits": [[int(i), round(float(logits[i]), 5)] for i in order]}
            if new:
                greedy, margin = [], math.inf
                while len(greedy) < new:
                    first, second = np.argsort(-logits, kind="stable")[:2]
                    margin = min(margin, float(logits[first] - logits[second]))
                    greedy.append(int(first))
                    logits = model.logits(ids + greedy)
                case.update(greedy_ids=greedy, smallest_margin=round(margin, 5))
                print(greedy, margin)
            cases.append(case)
    json.dump(cases, open(sys.argv[2], "w"), ensure_ascii=False, separators=(",", ":"))
