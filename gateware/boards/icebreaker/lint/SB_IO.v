// Ports of a cell of the FPGA, for lint.
`default_nettype none
/* verilator lint_off UNUSEDSIGNAL */
/* verilator lint_off UNDRIVEN */
/* verilator lint_off UNUSEDPARAM */
module SB_IO #(
    parameter PIN_TYPE = 6'b0
) (
    inout  wire PACKAGE_PIN,
    input  wire OUTPUT_CLK,
    input  wire INPUT_CLK,
    input  wire OUTPUT_ENABLE,
    input  wire D_OUT_0,
    input  wire D_OUT_1,
    output wire D_IN_0,
    output wire D_IN_1
);
endmodule
`default_nettype wire
