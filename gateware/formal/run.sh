#!/bin/sh
# Proves the assertions in the modules (`ifdef FORMAL`) by temporal induction: sh gateware/formal/run.sh [FOLDER]
#
# The base case starts from reset, the step from any state in which the assertions held. A proof that fails ends with
# exit code 1. Values of data and the contents of memories are outside of what is proved.
set -e
cd "${1:-$(dirname "$0")/../rtl}"
prove() {
  echo "$1 $2"
  yosys -q -p "
    read_verilog -formal $1.v; chparam $2 $1; prep -flatten -top $1; $3; opt_clean -purge; async2sync; opt_clean -purge
    sat -verify -tempinduct -prove-asserts -set-assumes -set-at 1 i_reset 1 -maxsteps 8 -seq 1 $1"
}
prove mmf_axi_port "-set BYTES 64 -set DEPTH 32 -set BURST 16" "delete w:o_data w:i_axi_rdata"
prove mmf_qspi_port "-set DTR 0" "delete w:o_data"
prove mmf_qspi_port "-set DTR 1" "delete w:o_data"
echo proved
