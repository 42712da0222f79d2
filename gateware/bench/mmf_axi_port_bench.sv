// The AXI port against DDR4 behind AXI4: random requests, stalls on every channel, an error response; then how much of
// the port's bandwidth a long request gets.
// variants: -GBYTES=8; -GBYTES=16; -GBYTES=32 -GBURST=16 -GDEPTH=64; -GBYTES=64; -GBYTES=16 -GBURST=256
`default_nettype none

module mmf_axi_port_bench #(
    parameter BYTES = 16,
    parameter DEPTH = 512,
    parameter BURST = 64
);
  localparam SIZE = 1 << 22;

  reg clock = 0, reset = 1;
  initial forever #2 clock = ~clock;

  reg request_valid = 0, data_ready = 0;
  reg [31:0] request_address = 0, request_bytes = 0;
  wire request_ready, data_valid, error;
  wire [8*BYTES-1:0] data;
  wire arvalid, arready, rvalid, rready, rlast;
  wire [31:0] araddr;
  wire [7:0] arlen;
  wire [2:0] arsize;
  wire [1:0] arburst, rresp;
  wire [8*BYTES-1:0] rdata;

  // Channels stall by chance; a burst that the memory has seen stays.
  integer address_chance = 100, answer_chance = 100, ready_chance = 100;
  reg address_open = 1, answer_open = 1;
  always @(posedge clock) begin
    address_open <= $urandom_range(99) < address_chance || (arvalid && address_open && !arready);
    answer_open <= $urandom_range(99) < answer_chance;
    data_ready <= $urandom_range(99) < ready_chance;
  end

  mmf_axi_port #(.BYTES(BYTES), .DEPTH(DEPTH), .BURST(BURST)) port (
      .i_clock(clock), .i_reset(reset),
      .i_request_valid(request_valid), .o_request_ready(request_ready),
      .i_request_address(request_address), .i_request_bytes(request_bytes),
      .o_data_valid(data_valid), .i_data_ready(data_ready), .o_data(data),
      .o_axi_arvalid(arvalid), .i_axi_arready(arready && address_open), .o_axi_araddr(araddr), .o_axi_arlen(arlen),
      .o_axi_arsize(arsize), .o_axi_arburst(arburst),
      .i_axi_rvalid(rvalid && answer_open), .o_axi_rready(rready), .i_axi_rdata(rdata), .i_axi_rresp(rresp),
      .i_axi_rlast(rlast), .o_error(error)
  );
  dram_model #(.BYTES(BYTES), .SIZE(SIZE)) dram (
      .i_clock(clock), .i_reset(reset),
      .i_axi_arvalid(arvalid && address_open), .o_axi_arready(arready), .i_axi_araddr(araddr), .i_axi_arlen(arlen),
      .i_axi_arsize(arsize), .i_axi_arburst(arburst),
      .o_axi_rvalid(rvalid), .i_axi_rready(rready && answer_open), .o_axi_rdata(rdata), .o_axi_rresp(rresp),
      .o_axi_rlast(rlast)
  );

  // A beat changes for no other reason than that it was taken; the address too while it waits at the port.
  reg data_waited = 0, address_waited = 0;
  reg [8*BYTES-1:0] data_before;
  reg [39:0] address_before;
  integer longest = 0, under_way = 0;
  always @(posedge clock) begin
    if (data_waited && (!data_valid || data != data_before)) $fatal(1, "data changed while they waited");
    data_waited <= data_valid && !data_ready && !reset;
    data_before <= data;
    if (address_waited && (!arvalid || {araddr, arlen} != address_before)) $fatal(1, "address changed while it waited");
    address_waited <= arvalid && !(arready && address_open) && !reset;
    address_before <= {araddr, arlen};
    if (reset) under_way <= 0;
    else begin
      under_way <= under_way + (arvalid && arready && address_open ? 32'(arlen) + 1 : 0)
                   - (data_valid && data_ready ? 1 : 0);
      if (under_way > DEPTH + 1) $fatal(1, "%0d beats were asked for, more than there is room", under_way);
      if (32'(arlen) + 1 > longest && arvalid) longest <= 32'(arlen) + 1;
      if (!rready) $fatal(1, "an answer must wait");
    end
  end

  // Beats in the order in which they must come.
  reg [31:0] expected[0:1048575];
  integer expected_in = 0, expected_out = 0, clocks = 0, first_taken = -1, last_taken = 0;
  reg [8*BYTES-1:0] want;
  always @(posedge clock) begin
    clocks <= clocks + 1;
    if (data_valid && data_ready && !reset) begin
      if (expected_out == expected_in) $fatal(1, "a beat that nobody asked for");
      for (integer i = 0; i < BYTES; i = i + 1) want[8*i+:8] = dram.memory[expected[expected_out%1048576]+i];
      if (data !== want) $fatal(1, "beat %0d, at %h: %h, not %h", expected_out, expected[expected_out%1048576], data, want);
      expected_out = expected_out + 1;
      last_taken <= clocks;
      if (first_taken < 0) first_taken <= clocks;
    end
  end

  task automatic ask(input [31:0] address, input [31:0] bytes);
    while (expected_in - expected_out > 500000) @(negedge clock);
    @(negedge clock);
    request_valid = 1;
    request_address = address;
    request_bytes = bytes;
    #1;
    while (!request_ready) begin
      @(negedge clock);
      #1;
    end
    for (reg [31:0] a = address & ~(BYTES - 1); a < address + bytes; a = a + BYTES) begin
      expected[expected_in%1048576] = a;
      expected_in = expected_in + 1;
    end
    @(posedge clock);
    #1 request_valid = 0;
  endtask

  task automatic drain;
    while (expected_out != expected_in) @(negedge clock);
    repeat (50) @(negedge clock);
    if (data_valid || expected_out != expected_in) $fatal(1, "beats too many");
  endtask

  task automatic start;
    reset = 1;
    repeat (4) @(negedge clock);
    reset = 0;
    @(negedge clock);
  endtask

  task automatic chances(input integer address, input integer answer, input integer ready);
    address_chance = address;
    answer_chance = answer;
    ready_chance = ready;
  endtask

  // Share of the peak, from the first beat that is taken to the last.
  real share;
  integer begun;
  task automatic measure(input [31:0] address, input [31:0] bytes);
    start;
    first_taken = -1;
    begun = clocks;
    ask(address, bytes);
    begun = clocks - begun;
    drain;
    share = 100.0 * (bytes / BYTES) / (last_taken - first_taken + 1);
  endtask

  reg [31:0] at, bytes;
  integer waiting;
  initial begin
    for (integer i = 0; i < SIZE; i = i + 1) dram.memory[i] = 8'(i * 7 + (i >> 8) * 13 + (i >> 16) * 29);
    for (integer round = 0; round < 6; round = round + 1) begin
      start;
      at = 0;
      case (round)
        0: chances(100, 100, 100);
        1: chances(20, 100, 100);
        2: chances(100, 30, 100);
        3: chances(100, 100, 20);
        4: chances(50, 50, 50);
        default: chances(10, 90, 60);
      endcase
      for (integer i = 0; i < 300; i = i + 1) begin
        case ($urandom_range(3))
          0: bytes = 1 + $urandom_range(2 * BYTES);
          1: bytes = 1 + $urandom_range(9000);
          2: bytes = 4096 * (1 + $urandom_range(1));
          default: bytes = 1;
        endcase
        case ($urandom_range(3))
          0: at = $urandom_range(SIZE - 20000);
          1: at = 4096 * $urandom_range(1000);
          2: at = 4096 * (1 + $urandom_range(1000)) - 1 - $urandom_range(BYTES);
          default: ;  // goes on where the last one ended
        endcase
        if (at + bytes > SIZE) at = 0;
        ask(at, bytes);
        at = at + bytes;
        if ($urandom_range(5) == 0) repeat ($urandom_range(200)) @(negedge clock);
      end
      chances(100, 100, 100);
      drain;
      if (error) $fatal(1, "an error from nowhere");
    end
    if (longest != (BURST < 4096 / BYTES ? BURST : 4096 / BYTES)) $fatal(1, "longest burst %0d", longest);

    // The queue fills while the reader is away, and no further.
    start;
    ready_chance = 0;
    repeat (3) @(negedge clock);
    ask(0, 4 * DEPTH * BYTES);
    repeat (DEPTH + 400) @(negedge clock);
    if (under_way < DEPTH + 1 - BURST || under_way > DEPTH + 1) $fatal(1, "%0d beats ahead", under_way);
    ready_chance = 100;
    drain;

    // One error response in the middle of a stream; it stays.
    dram.fault_address = 32'd70000;
    ask(60000, 9000);
    drain;
    if (error) $fatal(1, "an error too early");
    ask(69000, 2000);
    drain;
    if (!error) $fatal(1, "an error was not seen");
    ask(0, 100);
    drain;
    if (!error) $fatal(1, "an error was forgotten");
    dram.fault_address = 32'hffff_ffff;
    start;
    if (error) $fatal(1, "an error survives reset");

    measure(32'd4096, SIZE - 8192);
    $display("%0d bytes wide, queue of %0d, bursts of %0d: %0.1f %% of peak (%0d activations, %0d refreshes)", BYTES,
             DEPTH, longest, share, dram.activations, dram.refreshes);
    if (share < 92.0 && DEPTH >= 256) $fatal(1, "too little");
    measure(32'd4096 * 3 + 5, SIZE - 40000);
    $display("from an odd address: %0.1f %%", share);
    if (share < 91.0 && DEPTH >= 256) $fatal(1, "too little");

    // A reader that is away for 60 clocks of 1,000: the queue hides refreshes behind them, or them behind refreshes.
    start;
    first_taken = -1;
    fork
      begin
        ask(0, SIZE);
        drain;
      end
      while (expected_in == 0 || expected_out != expected_in || first_taken < 0) begin
        repeat (940) @(negedge clock);
        ready_chance = 0;
        repeat (60) @(negedge clock);
        ready_chance = 100;
      end
    join
    share = 100.0 * (SIZE / BYTES) / (last_taken - first_taken + 1);
    $display("with a reader that takes 94.0 %%: %0.1f %%", share);
    $display("PASS");
    $finish(0);
  end

  initial begin
    repeat (6000000) @(posedge clock);
    $fatal(1, "time-out: %0d of %0d beats", expected_out, expected_in);
  end
endmodule

`default_nettype wire
