// The wide chip, for mmf_sim.cpp: the chip, its AXI port and a DRAM with the image from byte 0 on.
`default_nettype none

module mmf_sim_axi #(
    parameter BYTES = 16,
    parameter CLOCK_HZ = 250_000_000,
    parameter CLOCKS_PER_BIT = 8
) (
    input  wire       i_clock,
    input  wire       i_reset,
    input  wire       i_uart_rx,
    output wire       o_uart_tx,
    // Starting or computing; a token is under way; where its program is; the port gives a beat.
    output wire       o_busy,
    output wire       o_computing,
    output wire [6:0] o_instruction,
    output wire       o_beat
);
  wire request_valid, request_ready, data_valid, data_ready;
  wire [31:0] request_address, request_bytes;
  wire [8*BYTES-1:0] data;
  // Sizes up to those of 1.3B, so that one simulator takes every image that fits the DRAM.
  /* verilator lint_off PINCONNECTEMPTY */  // lamps
  mmf_chip #(
      .BYTES(BYTES),
      .CLOCK_HZ(CLOCK_HZ),
      .CLOCKS_PER_BIT(CLOCKS_PER_BIT),
      .MAX_HIDDEN(2048),
      .MAX_INTERMEDIATE(8192),
      .STATE_WORDS(131_072),
      .VECTOR_WORDS(1_048_576),
      .IMAGE_ADDRESS(32'h0),
      .ADDRESS_BITS(32),
      .MAX_IMAGE_BYTES(32'h0800_0000),
      .BOARD("axi"),
      .SERIAL("RTL")
  ) u_chip (
      .i_clock(i_clock),
      .i_reset(i_reset),
      .i_uart_rx(i_uart_rx),
      .o_uart_tx(o_uart_tx),
      .o_request_valid(request_valid),
      .i_request_ready(request_ready),
      .o_request_address(request_address),
      .o_request_bytes(request_bytes),
      .i_data_valid(data_valid),
      .o_data_ready(data_ready),
      .i_data(data),
      .o_busy(o_busy),
      .o_error(),
      .o_bad_frame()
  );
  /* verilator lint_on PINCONNECTEMPTY */
  assign o_computing = u_chip.core_busy;
  // The counter moves on when an instruction is issued.
  wire at_rest = u_chip.u_core.sequencer.state_r == 2;
  reg [6:0] instruction_r;
  always @(posedge i_clock) instruction_r <= o_instruction;
  assign o_instruction = at_rest ? u_chip.u_core.sequencer.counter_r[6:0] : instruction_r;
  assign o_beat = data_valid & data_ready;

  wire arvalid, arready, rvalid, rready, rlast, port_error;
  wire [31:0] araddr;
  wire [7:0] arlen;
  wire [2:0] arsize;
  wire [1:0] arburst, rresp;
  wire [8*BYTES-1:0] rdata;
  mmf_axi_port #(
      .BYTES(BYTES)
  ) u_port (
      .i_clock(i_clock),
      .i_reset(i_reset),
      .i_request_valid(request_valid),
      .o_request_ready(request_ready),
      .i_request_address(request_address),
      .i_request_bytes(request_bytes),
      .o_data_valid(data_valid),
      .i_data_ready(data_ready),
      .o_data(data),
      .o_axi_arvalid(arvalid),
      .i_axi_arready(arready),
      .o_axi_araddr(araddr),
      .o_axi_arlen(arlen),
      .o_axi_arsize(arsize),
      .o_axi_arburst(arburst),
      .i_axi_rvalid(rvalid),
      .o_axi_rready(rready),
      .i_axi_rdata(rdata),
      .i_axi_rresp(rresp),
      .i_axi_rlast(rlast),
      .o_error(port_error)
  );
  always @(posedge i_clock) if (port_error) $fatal(1, "the port saw an error response");

  dram_model #(
      .BYTES(BYTES),
      .SIZE(1 << 27)
  ) u_dram (
      .i_clock(i_clock),
      .i_reset(i_reset),
      .i_axi_arvalid(arvalid),
      .o_axi_arready(arready),
      .i_axi_araddr(araddr),
      .i_axi_arlen(arlen),
      .i_axi_arsize(arsize),
      .i_axi_arburst(arburst),
      .o_axi_rvalid(rvalid),
      .i_axi_rready(rready),
      .o_axi_rdata(rdata),
      .o_axi_rresp(rresp),
      .o_axi_rlast(rlast)
  );
endmodule

`default_nettype wire
