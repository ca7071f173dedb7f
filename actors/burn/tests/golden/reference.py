"""Independent reference: SmolLM2-135M-Instruct (GGUF Q4_1) and all-MiniLM-L6-v2 in NumPy.

Shares no code with the crate. Weights are dequantised exactly; everything after that is float64, so the figures
are exact to the digits written. Run: python reference.py MODEL.gguf MINILM_FOLDER OUT_FOLDER
Needs numpy and tokenizers (see docs/formats/golden-logits.md).
"""
import json, math, struct, sys
import numpy as np
from tokenizers import Tokenizer, AddedToken, models, pre_tokenizers, decoders

F = np.float64
SCALARS = {0: "B", 1: "b", 2: "H", 3: "h", 4: "I", 5: "i", 6: "f", 7: "?", 10: "Q", 11: "q", 12: "d"}


def read_gguf(path):
    raw = open(path, "rb").read()
    at = 0

    def take(fmt):
        nonlocal at
        value = struct.unpack_from("<" + fmt, raw, at)[0]
        at += struct.calcsize("<" + fmt)
        return value

    def text():
        nonlocal at
        n = take("Q")
        at += n
        return raw[at - n:at].decode()

    def value(kind):
        if kind == 8:
            return text()
        if kind == 9:
            inner, n = take("I"), take("Q")
            return [value(inner) for _ in range(n)]
        return take(SCALARS[kind])

    assert raw[:4] == b"GGUF"
    at = 4
    take("I")
    n_tensors, n_meta = take("Q"), take("Q")
    meta = {}
    for _ in range(n_meta):
        key = text()
        meta[key] = value(take("I"))
    infos = []
    for _ in range(n_tensors):
        name = text()
        dims = [take("Q") for _ in range(take("I"))]
        infos.append((name, dims, take("I"), take("Q")))
    align = meta.get("general.alignment", 32)
    base = (at + align - 1) // align * align
    tensors = {}
    for name, dims, kind, offset in infos:
        count = math.prod(dims)
        start = base + offset
        if kind == 0:
            w = np.frombuffer(raw, "<f4", count, start)
        elif kind == 1:
            w = np.frombuffer(raw, "<f2", count, start)
        elif kind == 3:  # Q4_1
            b = np.frombuffer(raw, np.dtype([("d", "<f2"), ("m", "<f2"), ("q", "u1", 16)]), count // 32, start)
            q = np.concatenate([b["q"] & 15, b["q"] >> 4], axis=1).astype(F)
            w = b["d"].astype(F)[:, None] * q + b["m"].astype(F)[:, None]
        elif kind == 8:  # Q8_0
            b = np.frombuffer(raw, np.dtype([("d", "<f2"), ("q", "i1", 32)]), count // 32, start)
            w = b["d"].astype(F)[:, None] * b["q"].astype(F)
        else:
            raise ValueError(f"{name}: type {kind}")
        tensors[name] = np.asarray(w, F).reshape(dims[::-1])
    return meta, tensors


def smol_tokenizer(meta):
    vocab = {t: i for i, t in enumerate(meta["tokenizer.ggml.tokens"])}
    merges = [tuple(m.split(" ")) for m in meta["tokenizer.ggml.merges"]]
    tok = Tokenizer(models.BPE(vocab=vocab, merges=merges))
    assert meta["tokenizer.ggml.pre"] == "smollm"
    tok.pre_tokenizer = pre_tokenizers.Sequence([
        pre_tokenizers.Digits(individual_digits=True), pre_tokenizers.ByteLevel(add_prefix_space=False)])
    tok.decoder = decoders.ByteLevel()
    special = [t for t, k in zip(meta["tokenizer.ggml.tokens"], meta["tokenizer.ggml.token_type"]) if k == 3]
    tok.add_special_tokens([AddedToken(t, special=True, normalized=False) for t in special])
    return tok


class Llama:
    def __init__(self, meta, w):
        g = lambda k: meta["llama." + k]
        self.w, self.n = w, g("block_count")
        self.heads, self.kv = g("attention.head_count"), g("attention.head_count_kv")
        self.eps, self.base = g("attention.layer_norm_rms_epsilon"), g("rope.freq_base")
        self.hd = g("embedding_length") // self.heads

    def norm(self, x, w):
        return x / np.sqrt((x * x).mean(-1, keepdims=True) + self.eps) * w

    def rope(self, x):  # (T, H, hd), neighbouring pairs turn together
        t = np.arange(x.shape[0])[:, None]
        angle = t / self.base ** (np.arange(0, self.hd, 2) / self.hd)
        c, s = np.cos(angle)[:, None], np.sin(angle)[:, None]
        a, b = x[..., 0::2], x[..., 1::2]
        return np.stack([a * c - b * s, a * s + b * c], -1).reshape(x.shape)

    def logits(self, ids):
        w, T = self.w, len(ids)
        x = w["token_embd.weight"][ids]
        mask = np.triu(np.full((T, T), -np.inf), 1)
        for i in range(self.n):
            p = lambda n: w[f"blk.{i}.{n}.weight"]
            h = self.norm(x, p("attn_norm"))
            q = self.rope((h @ p("attn_q").T).reshape(T, self.heads, self.hd))
            k = self.rope((h @ p("attn_k").T).reshape(T, self.kv, self.hd))
            v = (h @ p("attn_v").T).reshape(T, self.kv, self.hd)
            out = np.empty_like(q)
            for j in range(self.heads):
                g = j // (self.heads // self.kv)
                s = q[:, j] @ k[:, g].T / math.sqrt(self.hd) + mask
                s = np.exp(s - s.max(-1, keepdims=True))
                out[:, j] = s / s.sum(-1, keepdims=True) @ v[:, g]
            x = x + out.reshape(T, -1) @ p("attn_output").T
            h = self.norm(x, p("ffn_norm"))
            gate = h @ p("ffn_gate").T
            x = x + (gate / (1 + np.exp(-gate)) * (h @ p("ffn_up").T)) @ p("ffn_down").T
        x = self.norm(x[-1], w["output_norm.weight"])
        return w.get("output.weight", w["token_embd.weight"]) @ x


def chat(turns):  # the file's ChatML template, written out
    head = "" if turns[0]["role"] == "system" else (
        "<|im_start|>system\nYou are a helpful AI assistant named SmolLM, trained by Hugging Face<|im_end|>\n")
    return head + "".join(f"<|im_start|>{t['role']}\n{t['content']}<|im_end|>\n" for t in turns) + "<|im_start|>assistant\n"


PROMPTS = [
    ("capital", "chat", [{"role": "user", "content": "What is the capital of France?"}]),
    ("system", "chat", [{"role": "system", "content": "You answer in one short sentence."},
                        {"role": "user", "content": "Why is the sky blue?"}]),
    ("raw", "raw", "The quick brown fox jumps over the lazy dog. Once upon a time"),
    ("digits", "raw", "Total revenue in 2024: 1,234,567.89 EUR (+12.5 %).\n\tNext    line:  naïve café — 東京 😀 don't"),
    ("turns", "chat", [{"role": "user", "content": "Name a colour."}, {"role": "assistant", "content": "Blue."},
                       {"role": "user", "content": "Another one?"}]),
    ("long", "chat", [{"role": "user", "content": "Summarise these sales figures in two sentences.\n" + "\n".join(
        f"- {m} {r}: revenue {1000 + 37 * i * (j + 3)} EUR, {11 + i * 7 + j} orders"
        for i, m in enumerate(["July", "August", "September"]) for j, r in enumerate(["North", "South", "East", "West"]))}]),
]
TEXTS = [
    "The cat sits on the mat.",
    "Q3 revenue in the northern region grew by 12.5 % to 1,234,567 EUR.",
    "naïve café — 東京 😀",
    "Supervisors restart failed actors. " * 60,
]


def main(gguf, minilm, out):
    meta, w = read_gguf(gguf)
    tok, model, cases = smol_tokenizer(meta), Llama(meta, w), []
    for name, kind, prompt in PROMPTS:
        text = chat(prompt) if kind == "chat" else prompt
        ids = tok.encode(text, add_special_tokens=False).ids
        assert tok.decode(ids, skip_special_tokens=False) == text
        greedy, top, margin = [], None, math.inf
        for _ in range(24):
            logits = model.logits(ids + greedy)
            order = np.argsort(-logits, kind="stable")
            top = top or [[int(i), round(float(logits[i]), 5)] for i in order[:20]]
            margin = min(margin, logits[order[0]] - logits[order[1]])
            greedy.append(int(order[0]))
            if greedy[-1] == meta["tokenizer.ggml.eos_token_id"]:
                break
        print(name, len(ids), repr(tok.decode(greedy)), "margin", round(float(margin), 4))
        cases.append({"name": name, "kind": kind, "prompt": prompt, "prompt_ids": ids, "top_logits": top, "greedy_ids": greedy,
                      "smallest_margin": round(float(margin), 5)})
    json.dump(cases, open(out + "/smollm2.json", "w"), ensure_ascii=False, indent=None, separators=(",", ":"))
    json.dump([{"text": t, "ids": i, "embedding": [round(float(v), 7) for v in e]} for t, i, e in embed(minilm)],
              open(out + "/minilm.json", "w"), ensure_ascii=False, separators=(",", ":"))


def embed(folder):
    raw = open(folder + "/model.safetensors", "rb").read()
    n = struct.unpack("<Q", raw[:8])[0]
    w = {}
    for k, v in json.loads(raw[8:8 + n]).items():
        if k != "__metadata__" and v["dtype"] == "F32":
            a, b = v["data_offsets"]
            w[k] = np.frombuffer(raw[8 + n + a:8 + n + b], "<f4").reshape(v["shape"]).astype(F)
    w = {k.removeprefix("bert."): v for k, v in w.items()}
    erf = np.vectorize(math.erf)
    lin = lambda x, p: x @ w[p + ".weight"].T + w[p + ".bias"]

    def ln(x, p):
        c = x - x.mean(-1, keepdims=True)
        return c / np.sqrt((c * c).mean(-1, keepdims=True) + 1e-12) * w[p + ".weight"] + w[p + ".bias"]

    tok = Tokenizer.from_file(folder + "/tokenizer.json")
    tok.no_padding()
    tok.enable_truncation(256)
    for text in TEXTS:
        ids = tok.encode(text).ids
        T = len(ids)
        e = "embeddings."
        x = ln(w[e + "word_embeddings.weight"][ids] + w[e + "position_embeddings.weight"][:T]
               + w[e + "token_type_embeddings.weight"][0], e + "LayerNorm")
        for i in range(6):
            p = f"encoder.layer.{i}."
            q, k, v = (lin(x, p + "attention.self." + n).reshape(T, 12, 32).transpose(1, 0, 2) for n in ("query", "key", "value"))
            s = q @ k.transpose(0, 2, 1) / math.sqrt(32)
            s = np.exp(s - s.max(-1, keepdims=True))
            a = (s / s.sum(-1, keepdims=True) @ v).transpose(1, 0, 2).reshape(T, -1)
            x = ln(x + lin(a, p + "attention.output.dense"), p + "attention.output.LayerNorm")
            h = lin(x, p + "intermediate.dense")
            x = ln(x + lin(h * 0.5 * (1 + erf(h / math.sqrt(2))), p + "output.dense"), p + "output.LayerNorm")
        m = x.mean(0)
        yield text, ids, m / np.linalg.norm(m)


main(*sys.argv[1:])
