// UART receiver, 8 data bits, no parity, 1 stop bit, least significant bit first. DIVISOR clocks a bit, at least 4
// (24 MHz / 8 = 3 Mbaud). Each bit is the majority of three samples around its middle; the next start bit is looked for
// from the middle of the stop bit on, so the two clocks may differ by 4 % at DIVISOR 8.
//
// A stop bit that is low is a framing error: o_error instead of o_valid, then the line must become high before the next
// start bit counts (a break is one error).
//
// Cost on iCE40: 24 LUTs.
`default_nettype none

module mmf_uart_rx #(
    parameter DIVISOR = 8
) (
    input wire i_clock,
    input wire i_reset,

    // Pin, not synchronised.
    input wire i_line,

    // Pulses; data with o_valid.
    output wire       o_valid,
    output wire       o_error,
    output wire [7:0] o_data
);

  localparam WIDTH = $clog2(DIVISOR);

  reg [1:0] line_r;
  // The last three samples.
  reg [2:0] samples_r;
  wire bit_value = samples_r[2] & samples_r[1] | samples_r[2] & samples_r[0] | samples_r[1] & samples_r[0];

  // 0 no byte, 1 start bit, 2 … 9 data bits, 10 stop bit, 11 low where the stop bit should be.
  reg [3:0] position_r;
  reg [WIDTH-1:0] wait_r;
  reg [7:0] data_r;
  reg valid_r, error_r;

  // The first low sample is seen one clock after it was taken; the majority holds one sample after the middle.
  localparam [31:0] TO_MIDDLE = DIVISOR / 2 - 1;
  localparam [31:0] TO_NEXT = DIVISOR - 1;

  always @(posedge i_clock) begin
    line_r <= {line_r[0], i_line};
    samples_r <= {samples_r[1:0], line_r[1]};
    wait_r <= wait_r - 1;
    valid_r <= 0;
    error_r <= 0;

    case (position_r)
      4'd0: begin
        wait_r <= TO_MIDDLE[WIDTH-1:0];
        if (~samples_r[0]) position_r <= 1;
      end
      4'd11: if (samples_r[0]) position_r <= 0;
      default:
      if (wait_r == 0) begin
        wait_r <= TO_NEXT[WIDTH-1:0];
        position_r <= position_r + 1;
        if (position_r == 1 & bit_value) position_r <= 0;
        if (position_r == 10) begin
          valid_r <= bit_value;
          error_r <= ~bit_value;
          if (bit_value) position_r <= 0;
        end else begin
          data_r <= {bit_value, data_r[7:1]};
        end
      end
    endcase

    if (i_reset) begin
      position_r <= 4'd11;
      samples_r <= 0;
      line_r <= 0;
    end
  end

  assign o_valid = valid_r;
  assign o_error = error_r;
  assign o_data = data_r;

endmodule

`default_nettype wire
