// variants: -GDIVISOR=8; -GDIVISOR=13; -GDIVISOR=208
// UART: bytes from the transmitter, and from a sender whose clock is up to 3 % fast or slow, with glitches of one clock;
// framing errors and breaks.
`default_nettype none
`timescale 1ps / 1ps

module mmf_uart_bench #(
    parameter DIVISOR = 8
);

  localparam int CLOCK_PS = 41_666;  // 24 MHz
  reg clock = 0;
  always #(CLOCK_PS / 2) clock = ~clock;
  reg reset = 1;

  reg tx_valid = 0;
  reg [7:0] tx_data = 0;
  wire tx_ready, tx_line;
  mmf_uart_tx #(
      .DIVISOR(DIVISOR)
  ) tx (
      .i_clock(clock),
      .i_reset(reset),
      .i_valid(tx_valid),
      .o_ready(tx_ready),
      .i_data(tx_data),
      .o_line(tx_line)
  );

  reg line = 1, from_tx = 0;
  wire rx_valid, rx_error;
  wire [7:0] rx_data;
  mmf_uart_rx #(
      .DIVISOR(DIVISOR)
  ) rx (
      .i_clock(clock),
      .i_reset(reset),
      .i_line(from_tx ? tx_line : line),
      .o_valid(rx_valid),
      .o_error(rx_error),
      .o_data(rx_data)
  );

  byte unsigned sent[$], received[$];
  int errors = 0;
  always @(posedge clock) begin
    if (rx_valid && rx_error) $fatal(1, "a byte and an error at once");
    if (rx_valid) received.push_back(rx_data);
    if (rx_error) errors++;
  end

  task automatic send(input byte unsigned value, input int bit_ps, input bit stop, input bit glitches);
    bit [9:0] bits = {stop, value, 1'b0};
    for (int i = 0; i < 10; i++) begin
      line = bits[i];
      if (glitches && DIVISOR > 8) begin
        #(bit_ps / 2) line = ~bits[i];
        #(CLOCK_PS - 100) line = bits[i];
        #(bit_ps - bit_ps / 2 - CLOCK_PS + 100);
      end else begin
        #(bit_ps);
      end
    end
  endtask

  task automatic expect_received(input int expected_errors);
    #(3 * DIVISOR * CLOCK_PS);
    if (received != sent) $fatal(1, "%p came, not %p", received, sent);
    if (errors != expected_errors) $fatal(1, "%0d errors, not %0d", errors, expected_errors);
    received = {};
    sent = {};
    errors = 0;
  endtask

  int percents[5] = '{1000, 970, 1030, 990, 1010};
  int falling = 0;
  realtime fell_at;
  initial begin
    repeat (5) @(negedge clock);
    reset  = 0;
    errors = 0;
    #(20 * DIVISOR * CLOCK_PS);

    // Transmitter: waits between bytes or does not; the line in bits of DIVISOR clocks.
    from_tx = 1;
    for (int i = 0; i < 300; i++) begin
      if (i % 5 == 0) repeat ($urandom_range(3 * DIVISOR)) @(negedge clock);
      @(negedge clock);
      tx_valid = 1;
      tx_data  = i < 256 ? 8'(i) : 8'($urandom);
      while (!tx_ready) @(negedge clock);
      sent.push_back(tx_data);
      @(negedge clock);
      tx_valid = 0;
      tx_data  = 8'(~tx_data);
    end
    #(12 * DIVISOR * CLOCK_PS);
    expect_received(0);
    // 10 bits a byte, back to back.
    tx_valid = 1;
    tx_data  = 8'h55;
    @(negedge tx_line);
    fell_at = $realtime;
    repeat (50) @(negedge tx_line);
    if ($realtime - fell_at != 100.0 * DIVISOR * 2 * (CLOCK_PS / 2)) $fatal(1, "10 bytes take %t", $realtime - fell_at);
    tx_valid = 0;
    #(30 * DIVISOR * CLOCK_PS);
    received = {};
    from_tx  = 0;

    // Another clock.
    foreach (percents[p]) begin
      for (int i = 0; i < 100; i++) begin
        byte unsigned value;
        value = 8'($urandom);
        sent.push_back(value);
        send(value, DIVISOR * CLOCK_PS / 1000 * percents[p], 1, percents[p] == 1000);
        if (i % 7 == 0) #($urandom_range(2 * DIVISOR * CLOCK_PS));
      end
      expect_received(0);
    end

    // A spike is no start bit.
    if (DIVISOR > 8) begin
      repeat (20) begin
        line = 0;
        #(DIVISOR * CLOCK_PS / 4) line = 1;
        #(2 * DIVISOR * CLOCK_PS);
      end
      expect_received(0);
    end

    // A low stop bit is an error, and so is a break, once.
    send(8'h41, DIVISOR * CLOCK_PS, 0, 0);
    line = 1;
    #(2 * DIVISOR * CLOCK_PS);
    sent.push_back(8'h42);
    send(8'h42, DIVISOR * CLOCK_PS, 1, 0);
    expect_received(1);
    line = 0;
    #(100 * DIVISOR * CLOCK_PS) line = 1;
    #(2 * DIVISOR * CLOCK_PS);
    sent.push_back(8'h43);
    send(8'h43, DIVISOR * CLOCK_PS, 1, 0);
    expect_received(1);

    $display("PASS");
    $finish;
  end

  initial begin
    #(64'd20_000 * DIVISOR * CLOCK_PS) $fatal(1, "timeout");
  end

endmodule
