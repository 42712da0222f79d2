#!/usr/bin/env bash
# WebAssembly's i16x8.relaxed_dot_i8x16_i7x16_s in V8, on a processor without AVX: wrong until its function has been
# called often.
#
# The instruction adds two products of bytes to each lane: of vectors that are 2 and 3 everywhere it gives 12. Nothing
# about it is relaxed here: the second operand stays within 0 … 127. V8 compiles a function twice; where there is no AVX
# (Atoms, Celerons and Pentiums of many small computers, virtual processors such as QEMU's Nehalem; here --no-enable-avx
# stands for them), code of its baseline compiler gives 18, which is 2·3·3: the first operand is overwritten by the second
# before it is multiplied. Optimised code of the same function, in the same process, gives 12. So does the baseline
# compiler with AVX. Seen in V8 11.3 (Node 20, behind a flag), 12.4 (Node 22) and 13.6 (Node 24); the form that
# accumulates, i32x4.relaxed_dot_i8x16_i7x16_add_s, is right without AVX in the latter two. A self-test shows it, if it is
# short: the first call is the one to look at.
#
# Exit 0: seen as described. Exit 1: one of the versions behaves otherwise now.
set -euo pipefail

[ "$(uname -m)" = x86_64 ] || { echo 'this is about x86-64' && exit 1; }
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"

cat >seen.cjs <<'EOT'
// (func (export "dot") (param i32 i32) (result i32): lane 0 of the instruction over splats of the parameters
const bytes = Buffer.from(
  '0061736d0100000001070160027f7f017f0302010007070103646f7400000a120110002000fd0f2001fd0ffd9202fd18000b', 'hex');
const { dot } = new WebAssembly.Instance(new WebAssembly.Module(bytes)).exports;
const seen = [];
for (let call = 0; call < 2e7; call++) {
  const value = dot(2, 3);
  if (value !== seen.at(-1)) seen.push(value);
}
console.log(process.version, 'V8', process.versions.v8, ...process.execArgv, 'results in order:', seen.join(' '));
process.exitCode = seen.join() === process.argv[2] ? 0 : 1;
EOT

check() { # version, flag
  mkdir "$1" && (cd "$1" && npm init -y >npm.log && npm install --no-audit --no-fund --save-exact "node@$1" >>npm.log 2>&1)
  "$1/node_modules/.bin/node" $2 seen.cjs 12
  "$1/node_modules/.bin/node" $2 --no-enable-avx seen.cjs 18,12
}
check 20.20.2 --experimental-wasm-relaxed-simd
check 22.23.3 ''
check 24.21.0 ''
