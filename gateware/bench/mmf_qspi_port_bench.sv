// The QSPI port against a strict flash, with pads as iCE40's and delays of board, pads and flash.
// variants: -GDTR=0; -GDTR=1; -GDTR=0 -GFAST=1 -GLEFT=235 -GQUAD=1; -GDTR=1 -GFAST=1 -GLEFT=237; -GDTR=1 -GLEFT=237 -GQUAD=1; -GDTR=0 -GGAP=3
//
// Random requests, some that go on where the last one ended, readers that stall; then how long a jump and a byte
// take. The flash model checks the protocol. At last the FPGA restarts in the middle of reads, and its loader, which
// knows nothing of four lines, reads the bitstream.
`default_nettype none
`timescale 1ns / 1ps

module mmf_qspi_port_bench #(
    parameter DTR = 0,
    // Delays at their shortest.
    parameter FAST = 0,
    // In which continuous mode the flash was left (EBh 235, EDh 237), and whether it has quad enabled.
    parameter LEFT = 0,
    parameter QUAD = 0,
    parameter GAP = 1
);
  localparam real HALF = 1000.0 / 48.0;  // 24 MHz
  // Clock to pad, pad to register, flash tCLQX and tCLQV: data sheet figures, or nearly nothing.
  localparam real PAD_OUT = FAST ? 0.5 : 5.0;
  localparam real PAD_IN = FAST ? 0.2 : 2.0;
  localparam real HOLD = 1.5;
  localparam real VALID = FAST ? 2.0 : 7.0;

  reg clock = 0, reset = 1;
  // The lines as a register sees them at the edge.
  reg [3:0] arrived;
  initial forever begin
    #(HALF - PAD_IN) arrived = lines;
    #(PAD_IN) clock = ~clock;
  end

  reg request_valid = 0, data_ready = 0;
  reg [31:0] request_address = 0, request_bytes = 0;
  wire request_ready, data_valid;
  wire [7:0] data;
  wire select_n, sck_0, sck_1;
  wire [3:0] io_out, io_enable;
  reg [3:0] in_0, in_1, in_fall;

  mmf_qspi_port #(.DTR(DTR), .GAP_CLOCKS(GAP)) port (
      .i_clock(clock), .i_reset(reset),
      .i_request_valid(request_valid), .o_request_ready(request_ready),
      .i_request_address(request_address), .i_request_bytes(request_bytes),
      .o_data_valid(data_valid), .i_data_ready(data_ready), .o_data(data),
      .o_select_n(select_n), .o_sck_0(sck_0), .o_sck_1(sck_1), .o_io_out(io_out), .o_io_enable(io_enable),
      .i_io_in_0(in_0), .i_io_in_1(in_1)
  );

  // ---- Pads: registers, then delays ----------------------------------------------------------------------------
  reg pad_select_n = 1, sck_rise = 0, sck_fall = 0;
  reg [3:0] pad_out = 0, pad_enable = 0;
  reg pin_select_n = 1, pin_sck = 0;
  reg [3:0] pin_out = 0, pin_enable = 0;
  always @(posedge clock) begin
    pad_select_n <= select_n;
    pad_out <= io_out;
    pad_enable <= io_enable;
    sck_rise <= sck_0;
  end
  always @(negedge clock) sck_fall <= sck_1;
  // The multiplexer of a double rate output follows the registers, so that it has no glitch.
  always @(posedge clock) pin_sck <= #(PAD_OUT) sck_0;
  always @(negedge clock) pin_sck <= #(PAD_OUT) sck_1;
  always @(posedge clock) begin
    pin_select_n <= #(PAD_OUT) select_n;
    pin_out <= #(PAD_OUT) io_out;
    pin_enable <= #(PAD_OUT) io_enable;
  end

  wire [3:0] flash_out, flash_enable;
  reg [3:0] line_out = 0, line_enable = 0;
  // ---- The FPGA's own loader, which has the pins while the FPGA is not configured ------------------------------
  reg loads = 0, loader_select_n = 1, loader_sck = 0, loader_out = 0;
  // Registers with a first value: a wire would have an edge at time 0.
  reg bus_select_n = 1, bus_sck = 0;
  always @* bus_select_n = loads ? loader_select_n : pin_select_n;
  always @* bus_sck = loads ? loader_sck : pin_sck;
  wire [3:0] bus_out = loads ? {3'b111, loader_out} : pin_out;
  // IO 1 is its input, IO 2 and 3 are pulled up.
  wire [3:0] bus_enable = loads ? 4'b0001 : pin_enable;

  task automatic loader_sends(input [31:0] bits, input integer count);
    for (integer n = count - 1; n >= 0; n = n - 1) begin
      loader_out = bits[n];
      #50 loader_sck = 1;
      #50 loader_sck = 0;
    end
  endtask

  task automatic loader_reads(input [7:0] read, input [23:0] address);
    reg [7:0] got;
    loader_select_n = 0;
    #100 loader_sends({24'd0, read}, 8);
    loader_sends({8'd0, address}, 24);
    if (read == 8'h0b) loader_sends(0, 8);
    for (integer i = 0; i < 8; i = i + 1) begin
      for (integer n = 7; n >= 0; n = n - 1) begin
        #50 got[n] = lines[1];
        loader_sck = 1;
        #50 loader_sck = 0;
      end
      if (got !== flash.memory[address + 24'(i)]) $fatal(1, "the loader reads %h at %h", got, address + 24'(i));
    end
    #100 loader_select_n = 1;
    #100;
  endtask

  // The FPGA loses its configuration now: select is pulled up, the loader wakes the flash and reads.
  task automatic restart;
    flash.may_be_cut = 1;
    reset = 1;
    request_valid = 0;
    repeat (4) @(negedge clock);
    flash.may_be_cut = 0;
    loads = 1;
    #1000 loader_select_n = 0;
    #100 loader_sends(32'hab, 8);
    #100 loader_select_n = 1;
    #5000 loader_reads(8'h0b, 24'h000000);
    loader_reads(8'h03, 24'h012345);
    loads = 0;
    expected_out = expected_in;
    @(negedge clock) reset = 0;
  endtask

  wire [3:0] lines = (bus_out & bus_enable) | (line_out & ~bus_enable & line_enable) | ~(bus_enable | line_enable);
  flash_model #(.POWERED_DOWN(LEFT == 0), .QUAD_ENABLED(QUAD != 0 || LEFT != 0), .CONTINUOUS(LEFT)) flash (
      .i_select_n(bus_select_n), .i_sck(bus_sck), .i_io(lines), .i_io_enable(bus_enable),
      .o_io(flash_out), .o_io_enable(flash_enable)
  );
  // Between tCLQX and tCLQV the lines are anything. Each edge of SCK starts that, even if the data stay.
  always @(posedge bus_sck, negedge bus_sck) begin
    #0.001;
    if (flash_enable == 4'hf) begin
      line_out <= #(HOLD) 4'($urandom);
      line_out <= #(VALID) flash_out;
    end else line_out <= #(VALID) flash_out;
    line_enable <= #(HOLD) flash_enable;
  end
  always @(posedge bus_select_n) line_enable <= #(7.0) 4'h0;

  // A register at the falling edge; the fabric sees it at the rising one.
  always @(posedge clock) in_0 <= arrived;
  always @(negedge clock) in_fall <= arrived;
  always @* in_1 = in_fall;

  // ---- Reader ----------------------------------------------------------------------------------------------------
  // What is expected, in order.
  reg [23:0] expected[0:65535];
  integer expected_in = 0, expected_out = 0;
  integer ready_chance = 100, taken = 0, clocks = 0;
  integer first_taken = 0, last_taken = 0, requested_at = 0;
  always @(posedge clock) begin
    clocks <= clocks + 1;
    if (data_valid && data_ready) begin
      if (expected_out == expected_in) $fatal(1, "a byte that nobody asked for");
      if (data !== flash.memory[expected[expected_out % 65536]]) begin
        $fatal(1, "byte %0d, at %h: %h, not %h", taken, expected[expected_out % 65536], data,
               flash.memory[expected[expected_out % 65536]]);
      end
      expected_out = expected_out + 1;
      taken <= taken + 1;
      last_taken <= clocks;
      if (first_taken < 0) first_taken <= clocks;
    end
    data_ready <= $urandom_range(99) < ready_chance;
  end
  // Data are stable while they wait.
  reg waited = 0;
  reg [7:0] waited_data;
  always @(posedge clock) begin
    if (waited && (!data_valid || data != waited_data)) $fatal(1, "data changed while they waited");
    waited <= data_valid && !data_ready && !reset;
    waited_data <= data;
  end

  task automatic ask(input [23:0] address, input integer bytes);
    while (expected_in - expected_out > 60000 - bytes) @(negedge clock);
    @(negedge clock);
    request_valid = 1;
    request_address = {8'($urandom), address};
    request_bytes = bytes;
    #1;
    while (!request_ready) begin
      @(negedge clock);
      #1;
    end
    for (integer i = 0; i < bytes; i = i + 1) begin
      expected[expected_in % 65536] = address + 24'(i);
      expected_in = expected_in + 1;
    end
    requested_at = clocks;
    @(posedge clock);
    #1 request_valid = 0;
  endtask

  task automatic drain;
    while (expected_out != expected_in) @(negedge clock);
    repeat (3) @(negedge clock);
  endtask

  task automatic start;
    reset = 1;
    request_valid = 0;
    repeat (4) @(negedge clock);
    expected_out = expected_in;
    @(negedge clock) reset = 0;
  endtask

  // Clocks from request to first byte, and between bytes.
  real per_byte;
  integer jump;
  task automatic measure(input [23:0] address, input integer bytes);
    ready_chance = 100;
    repeat (3) @(negedge clock);
    first_taken = -1;
    ask(address, bytes);
    jump = requested_at;
    drain;
    jump = first_taken - jump;
    per_byte = (last_taken - first_taken) * 1.0 / (bytes - 1);
  endtask

  integer bytes;
  reg [23:0] at;
  initial begin
    for (integer i = 0; i < (1 << 24); i = i + 1) flash.memory[i] = 8'(i * 7 + (i >> 8) * 13 + (i >> 16) * 29);
    for (integer round = 0; round < 3; round = round + 1) begin
      start;
      at = 24'($urandom);
      for (integer i = 0; i < 400; i = i + 1) begin
        case (i % 50)
          0: ready_chance = 100;
          10: ready_chance = 50;
          20: ready_chance = 20;
          30: ready_chance = 5;
          40: ready_chance = 90;
          default: ;
        endcase
        if ($urandom_range(1) == 0) at = $urandom_range(9) == 0 ? 24'hffffff - 24'($urandom_range(20)) : 24'($urandom);
        bytes = $urandom_range(3) == 0 ? 1 : 1 + $urandom_range(40);
        ask(at, bytes);
        at = at + 24'(bytes);
        if ($urandom_range(3) == 0) repeat ($urandom_range(60)) @(negedge clock);
      end
      ready_chance = 100;
      drain;
    end

    measure(24'h123456, 2000);
    $display("%0s rate: a jump takes %0d clocks to its first byte, then %0.3f clocks a byte", DTR ? "double" : "single",
             jump, per_byte);
    if (per_byte != (DTR ? 1.0 : 2.0)) $fatal(1, "%0.3f clocks a byte", per_byte);
    if (jump > (DTR ? 29 : 27) + GAP - 1) $fatal(1, "a jump of %0d clocks", jump);

    // A reader that pauses loses nothing but its pauses.
    ready_chance = 50;
    first_taken = -1;
    ask(24'h300000, 4000);
    drain;
    $display("a reader that is ready half of the time: %0.3f clocks a byte", (last_taken - first_taken) / 3999.0);
    if (last_taken - first_taken > 3999 * (DTR ? 2.2 : 2.5)) $fatal(1, "too slow");

    for (integer i = 0; i < 40; i = i + 1) begin
      ask(24'($urandom), 20);
      repeat ($urandom_range(60)) @(negedge clock);
      restart;
      ask(24'h100000, 20);
      drain;
    end
    $display("PASS");
    $finish(0);
  end

  initial begin
    repeat (2000000) @(posedge clock);
    $fatal(1, "time-out: %0d of %0d bytes", expected_out, expected_in);
  end
endmodule

`default_nettype wire
