#!/usr/bin/env bash
# One tokenizer.json, two ids for the same added token.
#
# The file gives each added token an id. The Rust library (what Python runs) does not use it: it counts on from the end
# of the vocabulary, without a word. The JavaScript library by the same makers uses it. So a file whose added tokens do not
# follow the vocabulary without a gap, such as one for a model whose rows were padded, means different ids to the two.
#
# Exit 0: seen as described. Exit 1: one of the libraries behaves otherwise now.
set -euo pipefail

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
npm init -y >npm.log
npm install --no-audit --no-fund --ignore-scripts --save-exact tokenizers@0.23.2 @huggingface/tokenizers@0.2.0 >>npm.log

cat >seen.cjs <<'EOF'
const rust = require('tokenizers');
const javascript = require('@huggingface/tokenizers');
const file = {
  version: '1.0', truncation: null, padding: null, normalizer: null, pre_tokenizer: null, post_processor: null,
  decoder: null,
  added_tokens: [
    { id: 8, content: '<pad>', single_word: false, lstrip: false, rstrip: false, normalized: false, special: true },
  ],
  model: {
    type: 'BPE', dropout: null, unk_token: null, continuing_subword_prefix: null, end_of_word_suffix: null,
    fuse_unk: false, byte_fallback: false, ignore_merges: false, vocab: { a: 0, b: 1 }, merges: [],
  },
};
(async () => {
  for (const name of ['tokenizers', '@huggingface/tokenizers']) {
    const { version } = JSON.parse(require('fs').readFileSync(`node_modules/${name}/package.json`, 'utf8'));
    console.log(name, version, 'on Node', process.version);
  }
  const encoding = await rust.Tokenizer.fromString(JSON.stringify(file)).encode('a<pad>b');
  const { ids } = new javascript.Tokenizer(file, {}).encode('a<pad>b');
  console.log('the file says that <pad> is 8');
  console.log('ids of "a<pad>b", Rust:      ', encoding.getIds().join(' '));
  console.log('ids of "a<pad>b", JavaScript:', ids.join(' '));
  process.exitCode = encoding.getIds().join() === '0,2,1' && ids.join() === '0,8,1' ? 0 : 1;
})();
EOF
node seen.cjs
