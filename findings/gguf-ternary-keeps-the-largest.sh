#!/usr/bin/env bash
# GGUF's ternary types make other trits of a latent weight than the models were trained with, and most of them zero.
#
# Models with ternary weights (BitNet b1.58, the MatMul-free LM) are published with the latent weights of their training,
# and a trit is round(w / mean|W|), clamped, with the mean of a whole matrix. The package gguf 0.19.0 (llama.cpp's own)
# writes TQ1_0 and TQ2_0 with round(w / max|w|) of each block of 256: what is less than half of the largest becomes 0. Of
# weights from a normal distribution 69 % are ±1 by the first rule, and 13 % by the second; fewer than half of all trits
# agree. No warning is printed, and the types are the ones made for such models. Who writes the trits times their mean
# keeps every one of them (the second line); the scale is rounded to a half float.
#
# Exit 0: seen as described. Exit 1: the package behaves otherwise now.
set -euo pipefail

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
python3 -m venv python
python/bin/pip install --quiet --disable-pip-version-check gguf==0.19.0 numpy==2.4.6

cat >seen.py <<'EOT'
import sys
from importlib.metadata import version
import numpy as np
from gguf import GGMLQuantizationType, quants

latent = (np.random.default_rng(1).standard_normal((256, 1024)) * 0.02).astype(np.float32)
mean = np.abs(latent).mean()
trained = np.clip(np.round(latent / mean), -1, 1)
print(f"gguf {version('gguf')}, numpy {np.__version__}; trits that are not zero in training: {np.mean(trained != 0):.3f}")

def trits(weights, type):
    return np.sign(quants.dequantize(quants.quantize(weights, type), type))

right = True
for type in (GGMLQuantizationType.TQ1_0, GGMLQuantizationType.TQ2_0):
    direct = trits(latent, type)
    prepared = trits((trained * mean).astype(np.float32), type)
    not_zero, agree, kept = np.mean(direct != 0), np.mean(direct == trained), np.mean(prepared == trained)
    print(f"{type.name}: of latent weights {not_zero:.3f} not zero, {agree:.3f} as trained; of prepared ones {kept:.3f} as trained")
    right &= not_zero < 0.15 and agree < 0.5 and kept == 1
sys.exit(0 if right else 1)
EOT
python/bin/python seen.py
