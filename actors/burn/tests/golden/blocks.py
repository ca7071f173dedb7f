"""Blocks of random bytes in each format and the weights they stand for, by the Python package `gguf`: blocks.json.

Run: python blocks.py OUT_FOLDER. Needs gguf (which brings numpy); see docs/formats/golden-logits.md.
"""
import json, sys
import numpy as np
from gguf import GGMLQuantizationType as Q
from gguf.quants import dequantize

SCALES = {Q.Q4_0: [0], Q.Q4_1: [0, 2], Q.Q5_0: [0], Q.Q5_1: [0, 2], Q.Q8_0: [0], Q.Q4_K: [0, 2], Q.Q5_K: [0, 2], Q.Q6_K: [208]}
BYTES = {Q.F16: 64, Q.BF16: 64, Q.Q4_0: 18, Q.Q4_1: 20, Q.Q5_0: 22, Q.Q5_1: 24, Q.Q8_0: 34, Q.Q4_K: 144, Q.Q5_K: 176, Q.Q6_K: 210}
random, out = np.random.default_rng(7), []
for kind, size in BYTES.items():
    block = random.integers(0, 256, (1, size), dtype=np.uint8)
    numbers = random.normal(0, 1, 32).astype("<f4")
    if kind == Q.F16:
        block = numbers.astype("<f2").view(np.uint8)[None]
    elif kind == Q.BF16:
        block = (numbers.view("<u4") >> 16).astype("<u2").view(np.uint8)[None]
    for at, scale in zip(SCALES.get(kind, []), [-0.0123, 0.0456]):
        block[0, at:at + 2] = np.array([scale], "<f2").view(np.uint8)
    weights = dequantize(block if kind != Q.F16 else block.view("<f2"), kind)
    out.append({"format": kind.name, "bytes": block[0].tobytes().hex(), "weights": [float(w) for w in np.asarray(weights, "<f4").ravel()]})
json.dump(out, open(sys.argv[1] + "/blocks.json", "w"), separators=(",", ":"))
