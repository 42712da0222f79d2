#!/usr/bin/env bash
# A WebAssembly memory with 64-bit addresses: the word that asks for one changed, and the old word is ignored in silence.
#
# Node 22 (with --experimental-wasm-memory64, which modules need there) wants { index: 'i64' } and numbers, Node 24 wants { address: 'i64' } and BigInts. Each ignores the other's key, as
# unknown keys of a dictionary are, and makes a memory with 32-bit addresses of the same first size: nothing fails until a
# module that imports 64 bits is linked, or until more than 4 GiB are wanted (models of 2 bits a weight reach that at
# 17 billion weights).
#
# Exit 0: seen as described. Exit 1: one of the versions behaves otherwise now.
set -euo pipefail

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"

cat >seen.cjs <<'EOT'
// (module (import "m" "m" (memory i64 1))): links with a memory of 64-bit addresses only
const module64 = new WebAssembly.Module(Buffer.from('0061736d010000000208' + '01016d016d020401', 'hex'));
function make(key, initial) {
  try {
    const memory = new WebAssembly.Memory({ initial, [key]: 'i64' });
    try {
      new WebAssembly.Instance(module64, { m: { m: memory } });
      return '64 bits';
    } catch {
      return '32 bits';
    }
  } catch (error) {
    return error.constructor.name;
  }
}
const seen = ['index', 'address'].flatMap((key) => [make(key, 1), make(key, 1n)]);
console.log(process.version, 'index with 1, 1n; address with 1, 1n:', seen.join(', '));
process.exitCode = seen.join() === process.argv[2] ? 0 : 1;
EOT

check() { # version, what is made
  mkdir "$1" && (cd "$1" && npm init -y >npm.log && npm install --no-audit --no-fund --save-exact "node@$1" >>npm.log 2>&1)
  "$1/node_modules/.bin/node" $2 seen.cjs "$3"
}
check 22.23.3 --experimental-wasm-memory64 '64 bits,TypeError,32 bits,TypeError'
check 24.21.0 '' '32 bits,TypeError,TypeError,64 bits'
