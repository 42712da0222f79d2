#!/usr/bin/env bash
# A decoder with byte fallback takes back characters that were complete.
#
# Tokenizers in the style of Llama spell rare characters with a token for each byte. The published library decides on a
# whole run of such tokens: one byte that does not fit turns every character of the run into U+FFFD, a sign a byte. So
# decode(ids) does not begin with decode(ids without the last), and a program that shows what decode gives after each
# token has shown text that the library no longer stands by.
#
# Exit 0: seen as described. Exit 1: the library behaves otherwise now.
set -euo pipefail

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
npm init -y >npm.log
npm install --no-audit --no-fund --ignore-scripts --save-exact tokenizers@0.23.2 >>npm.log

cat >seen.cjs <<'EOF'
const { Tokenizer } = require('tokenizers');
const bytes = Array.from({ length: 256 }, (_, b) => `<0x${b.toString(16).toUpperCase().padStart(2, '0')}>`);
const tokenizer = Tokenizer.fromString(JSON.stringify({
  version: '1.0', truncation: null, padding: null, added_tokens: [], normalizer: null, pre_tokenizer: null,
  post_processor: null,
  decoder: { type: 'Sequence', decoders: [{ type: 'ByteFallback' }, { type: 'Fuse' }] },
  model: {
    type: 'BPE', dropout: null, unk_token: null, continuing_subword_prefix: null, end_of_word_suffix: null,
    fuse_unk: false, byte_fallback: true, ignore_merges: false, merges: [],
    vocab: Object.fromEntries(bytes.map((token, id) => [token, id])),
  },
}));
(async () => {
  console.log('tokenizers', require('tokenizers/package.json').version, 'on Node', process.version);
  // é is C3 A9; F0 begins another character, as the next token of a model would.
  const before = await tokenizer.decode([0xc3, 0xa9], true);
  const after = await tokenizer.decode([0xc3, 0xa9, 0xf0], true);
  console.log('decode of C3 A9:   ', JSON.stringify(before));
  console.log('decode of C3 A9 F0:', JSON.stringify(after));
  process.exitCode = before === 'é' && after === '\ufffd\ufffd\ufffd' ? 0 : 1;
})();
EOF
node seen.cjs
