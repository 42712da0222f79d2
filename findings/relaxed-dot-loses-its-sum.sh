#!/usr/bin/env bash
# WebAssembly's i32x4.relaxed_dot_i8x16_i7x16_add_s on Node 20: the sum that it should add to is lost, until the function
# has been called often.
#
# The instruction adds four products to each lane of its third operand: with all bytes 2 and 3 and a sum of 1000 it gives
# 1024. Nothing about it is relaxed here: the second operand stays within 0 … 127. Node 20 (V8 11.3, where the flag
# --experimental-wasm-relaxed-simd turns the proposal on) compiles a function twice: in its baseline compiler the result
# is 48, twice the products and no sum; optimised code of the same function in the same process gives 1024. So a self-test
# that runs long enough passes, and the first thousands of calls before it were wrong. Node 22 and 24 need no flag and are
# right in both compilers. The form without a sum, i16x8.relaxed_dot_i8x16_i7x16_s, is right on processors with AVX.
#
# Exit 0: seen as described. Exit 1: one of the versions behaves otherwise now.
set -euo pipefail

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"

cat >seen.cjs <<'EOT'
// (func (export "dot") (param i32 i32 i32) (result i32): lane 0 of the instruction over splats of the parameters
const bytes = Buffer.from(
  '0061736d0100000001080160037f7f7f017f0302010007070103646f7400000a160114002000fd0f2001fd0f2002fd11fd9302fd1b000b', 'hex');
const { dot } = new WebAssembly.Instance(new WebAssembly.Module(bytes)).exports;
const seen = [];
for (let call = 0; call < 2e7; call++) {
  const value = dot(2, 3, 1000);
  if (value !== seen.at(-1)) seen.push(value);
}
console.log(process.version, 'V8', process.versions.v8, 'results in order:', seen.join(' '));
process.exitCode = seen.join() === process.argv[2] ? 0 : 1;
EOT

check() { # version, flag, results
  mkdir "$1" && (cd "$1" && npm init -y >npm.log && npm install --no-audit --no-fund --save-exact "node@$1" >>npm.log 2>&1)
  "$1/node_modules/.bin/node" $2 seen.cjs "$3"
}
check 20.20.2 --experimental-wasm-relaxed-simd 48,1024
check 22.23.3 '' 1024
check 24.21.0 '' 1024
