#!/usr/bin/env bash
# nextpnr-ice40 takes a multiplier without registers for a register of 0.1 ns.
#
# The SB_MAC16 of an iCE40UP5K is used here without any of its registers: from its inputs to its outputs it is logic, and
# takes nanoseconds. In the timing report the way from the registers in front of it to the register behind it does not
# exist: one path ends at its inputs, another begins at its outputs with "clk-to-q 0.1 ns". So "Max frequency" leaves the
# multiplication out, and a design whose critical path goes through a DSP can fail in hardware at a clock that passed.
# Lattice's data sheet has the figures (FPGA-DS-02008); add them by hand to the paths that the report shows.
#
# Runs the builds of yosys and nextpnr for WebAssembly, from npm: 261 MB are installed.
#
# Exit 0: seen as described. Exit 1: nextpnr counts otherwise now.
set -euo pipefail

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
npm init -y >npm.log
npm install --no-audit --no-fund --ignore-scripts --save-exact @yowasp/yosys@0.55.944 @yowasp/nextpnr-ice40@0.8.621 >>npm.log 2>&1

cat >seen.mjs <<'EOT'
import { runYosys } from '@yowasp/yosys';
import { runNextpnrIce40 } from '@yowasp/nextpnr-ice40';

const design = `
module top (input clk, input a, input b, output reg y);
  reg [15:0] ra, rb;
  wire [31:0] product;
  always @(posedge clk) begin
    ra <= {ra[14:0], a};
    rb <= {rb[14:0], b};
    y <= ^product;
  end
  // Outputs 11 is the product itself; A, B, C, D and the product have no registers.
  SB_MAC16 #(.TOPOUTPUT_SELECT(2'b11), .BOTOUTPUT_SELECT(2'b11)) multiplier (
    .CLK(clk), .CE(1'b1), .A(ra), .B(rb), .C(16'd0), .D(16'd0), .O(product),
    .AHOLD(1'b0), .BHOLD(1'b0), .CHOLD(1'b0), .DHOLD(1'b0), .OHOLDTOP(1'b0), .OHOLDBOT(1'b0), .IRSTTOP(1'b0),
    .IRSTBOT(1'b0), .ORSTTOP(1'b0), .ORSTBOT(1'b0), .OLOADTOP(1'b0), .OLOADBOT(1'b0), .ADDSUBTOP(1'b0),
    .ADDSUBBOT(1'b0), .CI(1'b0), .ACCUMCI(1'b0), .SIGNEXTIN(1'b0));
endmodule`;
const quiet = { stdout: null, stderr: null };
const netlist = await runYosys(
  ['-q', '-p', 'read_verilog design.v; synth_ice40 -top top -json design.json'], { 'design.v': design }, quiet);
const placed = await runNextpnrIce40(
  ['--up5k', '--package', 'sg48', '--json', 'design.json', '--report', 'report.json', '--freq', '24', '--seed', '1',
   '--pcf-allow-unconstrained'], netlist, quiet);
const file = placed['report.json'];
const report = JSON.parse(typeof file === 'string' ? file : new TextDecoder().decode(file));
const steps = report.critical_paths.flatMap(({ path }) => path);
const start = steps.find(({ type, from }) => type === 'clk-to-q' && from.cell.includes('multiplier'));
const through = steps.filter(({ type, from }) => type === 'logic' && from.cell.includes('multiplier'));
const [clock] = Object.values(report.fmax);
console.log('yosys 0.55.944, nextpnr-ice40 0.8.621 (YoWASP)');
console.log(`the critical path begins at ${start?.from.cell}.${start?.from.port}: ${start?.type} ${start?.delay.toFixed(3)} ns`);
console.log(`steps through the multiplier: ${through.length}; max frequency ${clock?.achieved.toFixed(1)} MHz`);
process.exitCode = start !== undefined && Math.abs(start.delay - 0.1) < 0.001 && through.length === 0 ? 0 : 1;
EOT
node seen.mjs
