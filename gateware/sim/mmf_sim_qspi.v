// The small chip on its board, for mmf_sim.cpp: the chip, its flash port, the pads of an iCE40 and the flash. No delays.
`default_nettype none

module mmf_sim_qspi #(
    parameter DTR = 0,
    parameter CLOCK_HZ = 24_000_000,
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
  wire [7:0] data;
  /* verilator lint_off PINCONNECTEMPTY */  // lamps
  mmf_chip #(
      .CLOCK_HZ(CLOCK_HZ),
      .CLOCKS_PER_BIT(CLOCKS_PER_BIT),
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

  wire select_n, sck_0, sck_1;
  wire [3:0] io_out, io_enable;
  reg [3:0] in_0_r, in_1_r;
  mmf_qspi_port #(
      .DTR(DTR)
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
      .o_select_n(select_n),
      .o_sck_0(sck_0),
      .o_sck_1(sck_1),
      .o_io_out(io_out),
      .o_io_enable(io_enable),
      .i_io_in_0(in_0_r),
      .i_io_in_1(in_1_r)
  );

  // Pads: registers at both edges of the clock.
  reg pin_select_n = 1, pin_sck = 0;
  reg [3:0] pin_out = 0, pin_enable = 0;
  wire [3:0] flash_out, flash_enable;
  wire [3:0] lines = pin_out & pin_enable | flash_out & ~pin_enable & flash_enable | ~(pin_enable | flash_enable);
  always @(posedge i_clock, negedge i_clock) begin
    pin_sck <= i_clock ? sck_0 : sck_1;
    if (i_clock) begin
      pin_select_n <= select_n;
      pin_out <= io_out;
      pin_enable <= io_enable;
      in_0_r <= lines;
    end else begin
      in_1_r <= lines;
    end
  end
  flash_model #(
      .TIMES(0)
  ) u_flash (
      .i_select_n(pin_select_n),
      .i_sck(pin_sck),
      .i_io(lines),
      .i_io_enable(pin_enable),
      .o_io(flash_out),
      .o_io_enable(flash_enable)
  );
endmodule

`default_nettype wire
