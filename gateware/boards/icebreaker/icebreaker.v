// iCEBreaker: an iCE40UP5K, 16 MiB of QSPI flash, an FT2232H whose channel B is the UART. Clock: 12 MHz → 24 MHz.
//
// Lamps: green is on while the chip waits for a token, off while it starts or computes; red is on without a model to run.
// The button starts it anew.
`default_nettype none

module icebreaker (
    input wire CLK,
    input wire BTN_N,

    // UART, named from here: 3 Mbaud.
    input  wire RX,
    output wire TX,

    output wire FLASH_SCK,
    output wire FLASH_SSB,
    inout  wire FLASH_IO0,
    inout  wire FLASH_IO1,
    inout  wire FLASH_IO2,
    inout  wire FLASH_IO3,

    output wire LEDG_N,
    output wire LEDR_N
);
  // ---- Clock and start -----------------------------------------------------------------------------------------------
  wire clock, locked;
  SB_PLL40_PAD #(
      .FEEDBACK_PATH("SIMPLE"),
      // 12 MHz · 64 / 2^5; the oscillator runs at 768 MHz.
      .DIVR(4'd0),
      .DIVF(7'd63),
      .DIVQ(3'd5),
      .FILTER_RANGE(3'd1)
  ) u_pll (
      .PACKAGEPIN(CLK),
      .PLLOUTGLOBAL(clock),
      .LOCK(locked),
      .RESETB(1'b1),
      .BYPASS(1'b0)
  );

  // Block memories give nothing in the first 3 us after configuration. Registers are 0 then.
  reg [7:0] start_r = 0;
  reg reset_r = 0, button_r = 0;
  always @(posedge clock) begin
    button_r <= BTN_N;
    if (!locked || !button_r) start_r <= 0;
    else if (!start_r[7]) start_r <= start_r + 1;
    reset_r <= !start_r[7];
  end

  // ---- Chip ------------------------------------------------------------------------------------------------------------
  wire request_valid, request_ready, data_valid, data_ready;
  wire [31:0] request_address, request_bytes;
  wire [7:0] data;
  wire busy, error;
  /* verilator lint_off PINCONNECTEMPTY */  // no lamp for noise
  mmf_chip u_chip (
      .i_clock(clock),
      .i_reset(reset_r),
      .i_uart_rx(RX),
      .o_uart_tx(TX),
      .o_request_valid(request_valid),
      .i_request_ready(request_ready),
      .o_request_address(request_address),
      .o_request_bytes(request_bytes),
      .i_data_valid(data_valid),
      .o_data_ready(data_ready),
      .i_data(data),
      .o_busy(busy),
      .o_error(error),
      .o_bad_frame()
  );
  /* verilator lint_on PINCONNECTEMPTY */
  assign LEDG_N = busy | error;
  assign LEDR_N = !error;

  // ---- Flash -----------------------------------------------------------------------------------------------------------
  wire select_n, sck_0, sck_1;
  wire [3:0] io_out, io_enable, io_in_0, io_in_1;
  mmf_qspi_port u_port (
      .i_clock(clock),
      .i_reset(reset_r),
      .i_request_valid(request_valid),
      .o_request_ready(request_ready),
      .i_request_address(request_address),
      .i_request_bytes(request_bytes),
      .o_data_valid(data_valid),
      .i_data_ready(data_ready),
      .o_data(data),
      .o_select_n(select_n),
      .o_sck_0(sck_0),
      .o_sck_1(sck_1),
      .o_io_out(io_out),
      .o_io_enable(io_enable),
      .i_io_in_0(io_in_0),
      .i_io_in_1(io_in_1)
  );
  // Output registered.
  SB_IO #(
      .PIN_TYPE(6'b0101_01)
  ) u_select (
      .PACKAGE_PIN(FLASH_SSB),
      .OUTPUT_CLK(clock),
      .D_OUT_0(select_n)
  );
  // Output at both edges.
  SB_IO #(
      .PIN_TYPE(6'b0100_01)
  ) u_sck (
      .PACKAGE_PIN(FLASH_SCK),
      .OUTPUT_CLK(clock),
      .D_OUT_0(sck_0),
      .D_OUT_1(sck_1)
  );
  // Output and enable registered, input at both edges.
  SB_IO #(
      .PIN_TYPE(6'b1101_00)
  ) u_io[3:0] (
      .PACKAGE_PIN({FLASH_IO3, FLASH_IO2, FLASH_IO1, FLASH_IO0}),
      .OUTPUT_CLK(clock),
      .INPUT_CLK(clock),
      .OUTPUT_ENABLE(io_enable),
      .D_OUT_0(io_out),
      .D_IN_0(io_in_0),
      .D_IN_1(io_in_1)
  );
endmodule

`default_nettype wire
