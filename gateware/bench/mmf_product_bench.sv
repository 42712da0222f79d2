// variants: -GBYTES=1 -GMAX_COLUMNS=768; -GBYTES=4; -GBYTES=16
// Products of chance shapes, weights and activations against 64-bit sums of decoded digits, with stalls on both sides;
// the largest sums of all; resets amid a product; and the promise of a beat each clock, counted.
// -GBYTES=64 passes too, but takes minutes to build.
`default_nettype none

module mmf_product_bench #(
    parameter BYTES = 1,
    parameter MAX_COLUMNS = 8192,
    parameter SEED = 1
);
  localparam int LEVELS = $clog2(BYTES);
  localparam int MAX_BEATS = MAX_COLUMNS / BYTES;

  logic clock = 0, reset = 1;
  always #5 clock = !clock;

  logic start = 0, q = 0, data_valid = 0, row_ready = 0;
  logic [13:0] beats = 0;
  logic [16:0] rows = 0;
  logic [8*BYTES-1:0] data = 0, q_data = 0;
  wire idle, data_ready, q_read, q_buffer, row_valid;
  wire [13:0] q_address;
  wire signed [20:0] row;

  mmf_product #(.BYTES(BYTES), .MAX_COLUMNS(MAX_COLUMNS)) dut (
      .i_clock(clock), .i_reset(reset), .i_start(start), .i_q(q), .i_beats(beats), .i_rows(rows), .o_idle(idle),
      .i_data_valid(data_valid), .o_data_ready(data_ready), .i_data(data),
      .o_q_read(q_read), .o_q_address(q_address), .o_q_buffer(q_buffer), .i_q_data(q_data),
      .o_row_valid(row_valid), .i_row_ready(row_ready), .o_row(row));

  // xorshift32: the same numbers in every simulator.
  int unsigned chance_r = SEED * 32'h9e3779b9;
  function automatic int unsigned chance(int unsigned limit);
    chance_r ^= chance_r << 13;
    chance_r ^= chance_r >> 17;
    chance_r ^= chance_r << 5;
    return (chance_r >> 3) % limit;
  endfunction

  // Both activation memories; their output stays while nothing is read.
  logic signed [7:0] memory[2][MAX_COLUMNS];
  always @(posedge clock)
    if (q_read) for (int k = 0; k < BYTES; k++) q_data[8*k+:8] <= memory[q_buffer][32'(q_address)*BYTES+k];

  // The product under way, and what must come out.
  typedef enum {ANY, LARGEST, SMALLEST} kind_t;
  kind_t kind = ANY;
  int product_beats, product_rows, product_q;
  int beat = 0, group = 0, rows_out = 0, clocks = 0, first_beat, last_beat, beats_in = 0;
  int data_stall = 0, row_stall = 0, row_period = 0, since_row = 0;  // percent, percent, clocks
  longint sums[5];
  longint expected[$];
  bit running = 0;

  // A beat of weights goes in at each transfer; its model sum is made there.
  always @(posedge clock) begin
    clocks <= clocks + 1;
    if (!reset && data_valid && data_ready) begin
      if (!running) $fatal(1, "beat taken outside a product");
      if (beats_in == 0) first_beat = clocks;
      last_beat = clocks;
      beats_in++;
      for (int k = 0; k < BYTES; k++) begin
        int value;
        value = 32'(data[8*k+:8]);
        if (value > 242) value = 242;
        for (int d = 0; d < 5; d++) begin
          sums[d] += longint'(value % 3 - 1) * longint'(memory[product_q][beat*BYTES+k]);
          value /= 3;
        end
      end
      beat++;
      if (beat == product_beats) begin
        for (int d = 0; d < 5; d++) if (5 * group + d < product_rows) expected.push_back(sums[d]);
        for (int d = 0; d < 5; d++) sums[d] = 0;
        beat = 0;
        group++;
      end
    end
  end

  // Rows come out in order, and stay while they wait.
  bit waited = 0;
  logic [20:0] waiting;
  always @(posedge clock)
    if (reset) waited = 0;
    else begin
      if (waited && (!row_valid || row != waiting)) $fatal(1, "row %0d changed while it waited", rows_out);
      waited = row_valid && !row_ready;
      waiting = row;
      since_row++;
      if (row_valid && row_ready) begin
        if (expected.size() == 0) $fatal(1, "row %0d too early", rows_out);
        if (longint'(row) != expected[0]) $fatal(1, "row %0d: %0d, expected %0d", rows_out, row, expected[0]);
        void'(expected.pop_front());
        rows_out++;
        since_row = 0;
      end
    end

  always @(negedge clock) begin
    // Valid data stays until it is taken; new data when the last was taken or there was none.
    if (!data_valid || taken) begin
      data_valid = running && chance(100) >= data_stall;
      for (int k = 0; k < BYTES; k++)
        data[8*k+:8] = kind == LARGEST ? 8'd242 : kind == SMALLEST ? 8'd0 : 8'(chance(256));
    end
    row_ready = since_row >= row_period - 1 && chance(100) >= row_stall;
  end
  bit taken = 0;
  always @(posedge clock) taken = data_valid && data_ready;

  task automatic run(int product_columns, int count_of_rows, bit which, int data_stall_percent, int row_stall_percent);
    product_beats = product_columns / BYTES;
    product_rows = count_of_rows;
    product_q = int'(which);
    data_stall = data_stall_percent;
    row_stall = row_stall_percent;
    for (int b = 0; b < 2; b++)
      for (int k = 0; k < MAX_COLUMNS; k++)
        memory[b][k] = b != product_q || kind == ANY ? 8'(chance(255) - 127) : 8'sd127;
    beat = 0; group = 0; rows_out = 0; beats_in = 0;
    expected.delete();
    for (int d = 0; d < 5; d++) sums[d] = 0;
    @(negedge clock);
    if (!idle) $fatal(1, "not idle before a product");
    start = 1; q = which; beats = 14'(product_beats); rows = 17'(product_rows);
    running = 1;
    @(negedge clock);
    start = 0; q = chance(2) != 0; beats = 14'(chance(16384)); rows = 17'(chance(131072));
  endtask

  task automatic finish_product();
    int limit;
    limit = clocks + 1000 + 100 * (product_beats * ((product_rows + 4) / 5) + (product_rows + 1) * (row_period + 1));
    while (!idle) begin
      @(negedge clock);
      if (clocks > limit) $fatal(1, "product of %0d beats, %0d rows does not end", product_beats, product_rows);
    end
    running = 0;
    if (rows_out != product_rows) $fatal(1, "%0d rows of %0d", rows_out, product_rows);
    if (beats_in != product_beats * ((product_rows + 4) / 5)) $fatal(1, "%0d beats taken", beats_in);
    if (beat != 0) $fatal(1, "ended within a group");
  endtask

  task automatic product(int columns, int count_of_rows, int data_stall_percent, int row_stall_percent);
    run(columns, count_of_rows, chance(2) != 0, data_stall_percent, row_stall_percent);
    finish_product();
  endtask

  int stalls[4] = '{0, 30, 70, 95};

  initial begin
    repeat (3) @(negedge clock);
    reset = 0;
    // Shapes, small ones first: fewer than five beats a group wait for the rows.
    for (int columns = 1; columns <= 9; columns++)
      for (int count = 1; count <= 16; count++) product(columns * BYTES, count, stalls[chance(4)], stalls[chance(4)]);
    for (int n = 0; n < 40; n++)
      product((1 + chance(n < 30 ? 40 : MAX_BEATS)) * BYTES, 1 + chance(40), stalls[chance(3)], stalls[chance(4)]);
    product(MAX_COLUMNS, 11, 10, 10);

    // Extremes of the sums: ±127 · MAX_COLUMNS.
    kind = LARGEST;
    product(MAX_COLUMNS, 7, 0, 50);
    kind = SMALLEST;
    product(MAX_COLUMNS, 7, 0, 50);
    kind = ANY;

    // A reset at any time; the next product must not see what was left.
    for (int n = 0; n < 40; n++) begin
      run((1 + chance(20)) * BYTES, 1 + chance(30), chance(2) != 0, stalls[chance(3)], stalls[chance(4)]);
      repeat (chance(60)) @(negedge clock);
      reset = 1;
      running = 0;
      @(negedge clock);
      reset = 0;
      if (!idle) $fatal(1, "not idle after a reset");
      product((1 + chance(9)) * BYTES, 1 + chance(12), 0, 0);
    end

    // A beat a clock, while the rows of a group are taken one each beats / 5 clocks: from the first to the last beat not
    // a clock is lost, or one between groups with BYTES = 1, and start-up and end cost what the head comment says.
    for (int n = 0; n < 12; n++) begin
      int begun, count_of_beats, period;
      count_of_beats = n < 6 ? 5 + n : 5 + chance(MAX_BEATS > 200 ? 200 : MAX_BEATS - 4);
      period = count_of_beats / 5;
      row_period = period;
      run(count_of_beats * BYTES, 35 + n, n[0], 0, 0);
      begun = clocks;
      finish_product();
      if (first_beat - begun > 1) $fatal(1, "start-up of %0d clocks", first_beat - begun);
      if (last_beat - first_beat != beats_in - 1 + (BYTES == 1 ? group - 1 : 0))
        $fatal(1, "%0d beats in %0d clocks", beats_in, last_beat - first_beat + 1);
      if (clocks - last_beat > LEVELS + 5 + (BYTES == 1 ? 1 : 0) + 5 * period) $fatal(1, "end of %0d clocks", clocks - last_beat);
      row_period = 0;
    end

    $display("PASS");
    $finish(0);
  end
endmodule
