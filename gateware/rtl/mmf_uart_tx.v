// UART transmitter, 8 data bits, no parity, 1 stop bit, least significant bit first. DIVISOR clocks a bit, at least 2.
//
// Cost on iCE40: 21 LUTs.
`default_nettype none

module mmf_uart_tx #(
    parameter DIVISOR = 8
) (
    input wire i_clock,
    input wire i_reset,

    input  wire       i_valid,
    output wire       o_ready,
    input  wire [7:0] i_data,

    // Pin, straight from a register.
    output wire o_line
);

  localparam WIDTH = $clog2(DIVISOR);
  localparam [31:0] LAST = DIVISOR - 1;

  // What is on the line and what follows. Ones follow the stop bit; the sender is idle when only they are left, so
  // counting needs no second register.
  reg [ 8:0] shift_r;
  reg [ 3:0] left_r;
  reg [WIDTH-1:0] wait_r;
  reg line_r;

  assign o_ready = left_r == 0 & wait_r == 0;
  assign o_line = line_r;

  always @(posedge i_clock) begin
    if (wait_r != 0) begin
      wait_r <= wait_r - 1;
    end else if (left_r != 0) begin
      {shift_r, line_r} <= {1'b1, shift_r};
      left_r <= left_r - 1;
      wait_r <= LAST[WIDTH-1:0];
    end else if (i_valid) begin
      {shift_r, line_r} <= {1'b1, i_data, 1'b0};
      left_r <= 9;
      wait_r <= LAST[WIDTH-1:0];
    end
    if (i_reset) begin
      left_r <= 0;
      wait_r <= 0;
      line_r <= 1;
    end
  end

endmodule

`default_nettype wire
