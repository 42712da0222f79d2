// The wide chip behind an AXI4 memory, for any FPGA with a DDR controller: what a board's top instantiates, and what
// `make` here estimates. Sizes are those of 370M (H 1024, I 2816, L 24, V 32000).
`default_nettype none

module mmf_axi #(
    parameter BYTES = 16,
    parameter CLOCK_HZ = 250_000_000,
    // 2 Mbaud at 250 MHz.
    parameter CLOCKS_PER_BIT = 125,
    parameter MAX_HIDDEN = 1024,
    parameter MAX_INTERMEDIATE = 4096,
    parameter STATE_WORDS = 32_768,
    parameter VECTOR_WORDS = 524_288
) (
    input wire i_clock,
    input wire i_reset,

    // UART, pins.
    input  wire i_uart_rx,
    output wire o_uart_tx,

    // AXI4, read master.
    output wire               o_axi_arvalid,
    input  wire               i_axi_arready,
    output wire [       31:0] o_axi_araddr,
    output wire [        7:0] o_axi_arlen,
    output wire [        2:0] o_axi_arsize,
    output wire [        1:0] o_axi_arburst,
    input  wire               i_axi_rvalid,
    output wire               o_axi_rready,
    input  wire [8*BYTES-1:0] i_axi_rdata,
    input  wire [        1:0] i_axi_rresp,
    input  wire               i_axi_rlast,

    // Starting or computing; no image to run, or an error response of the memory; a bad frame (pulse).
    output wire o_busy,
    output wire o_error,
    output wire o_bad_frame
);
  wire request_valid, request_ready, data_valid, data_ready;
  wire [31:0] request_address, request_bytes;
  wire [8*BYTES-1:0] data;
  wire no_image, port_error;
  mmf_chip #(
      .BYTES(BYTES),
      .CLOCK_HZ(CLOCK_HZ),
      .CLOCKS_PER_BIT(CLOCKS_PER_BIT),
      .MAX_HIDDEN(MAX_HIDDEN),
      .MAX_INTERMEDIATE(MAX_INTERMEDIATE),
      .STATE_WORDS(STATE_WORDS),
      .VECTOR_WORDS(VECTOR_WORDS),
      .IMAGE_ADDRESS(32'h0),
      .ADDRESS_BITS(32),
      .MAX_IMAGE_BYTES(32'h4000_0000),
      .BOARD("axi")
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
      .o_error(no_image),
      .o_bad_frame(o_bad_frame)
  );
  assign o_error = no_image | port_error;

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
      .o_axi_arvalid(o_axi_arvalid),
      .i_axi_arready(i_axi_arready),
      .o_axi_araddr(o_axi_araddr),
      .o_axi_arlen(o_axi_arlen),
      .o_axi_arsize(o_axi_arsize),
      .o_axi_arburst(o_axi_arburst),
      .i_axi_rvalid(i_axi_rvalid),
      .o_axi_rready(o_axi_rready),
      .i_axi_rdata(i_axi_rdata),
      .i_axi_rresp(i_axi_rresp),
      .i_axi_rlast(i_axi_rlast),
      .o_error(port_error)
  );
endmodule

`default_nettype wire
