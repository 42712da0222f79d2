// variants: -GCRC_BYTES=1; -GCRC_BYTES=2; -GCRC_BYTES=4
// Results of a token against sorting and a CRC-32 written here: random, ascending (each logit enters at the front),
// descending, equal and extreme logits, fewer than the list holds, lists of every length, taps or none, with random
// pauses. Then how long a token of 4,096 logits takes that come as on the small chip.
`default_nettype none

module mmf_results_bench #(
    parameter CRC_BYTES = 1
);

  reg clock = 0;
  always #5 clock = ~clock;
  reg reset = 1;

  reg begins = 0, finished = 0, logit_valid = 0, tap_valid = 0, tap_last = 0;
  reg [6:0] candidates = 0;
  reg [31:0] logit = 0, tap = 0;
  reg [7:0] address = 0;
  wire logit_ready, tap_ready;
  wire [6:0] count, taps;
  wire [15:0] id;
  wire [31:0] word;
  mmf_results #(
      .CRC_BYTES(CRC_BYTES)
  ) dut (
      .i_clock(clock),
      .i_reset(reset),
      .i_begin(begins),
      .i_candidates(candidates),
      .i_finished(finished),
      .i_logit_valid(logit_valid),
      .o_logit_ready(logit_ready),
      .i_logit(logit),
      .i_tap_valid(tap_valid),
      .o_tap_ready(tap_ready),
      .i_tap(tap),
      .i_tap_last(tap_last),
      .o_count(count),
      .o_taps(taps),
      .i_address(address),
      .o_id(id),
      .o_word(word)
  );

  int signed logits[$];
  int pauses;
  int clocks = 0;
  always @(posedge clock) clocks++;
  int due, late;

  function automatic [31:0] crc_of(input bit [31:0] crc, input bit [31:0] value);
    crc_of = crc;
    for (int bit_index = 0; bit_index < 32; bit_index++)
      crc_of = (crc_of >> 1) ^ (crc_of[0] ^ value[bit_index] ? 32'hedb8_8320 : 32'd0);
  endfunction

  task automatic give_logit(input bit [31:0] value);
    while (pauses != 0 && $urandom_range(pauses) != 0) @(negedge clock);
    logit_valid = 1;
    logit = value;
    #1;
    while (!logit_ready) begin
      @(negedge clock);
      #1;
    end
    @(negedge clock);
    logit_valid = 0;
    logit = $urandom;
  endtask

  task automatic give_tap(input bit [31:0] value, input bit is_last);
    while (pauses != 0 && $urandom_range(pauses) != 0) @(negedge clock);
    tap_valid = 1;
    tap = value;
    tap_last = is_last;
    #1;
    while (!tap_ready) begin
      @(negedge clock);
      #1;
    end
    @(negedge clock);
    tap_valid = 0;
    tap_last = 1'($urandom);
    tap = $urandom;
  endtask

  task automatic read(input bit [7:0] at);
    address = at;
    @(negedge clock);
    address = 8'($urandom);
    #1;
  endtask

  // One token: taps of `hidden` numbers, then all of `logits`; then everything is read.
  task automatic token(input int wanted, input int layers, input int hidden);
    bit [31:0] tap_crcs[$], receipt;
    int largest[$];
    int limit;
    tap_crcs = {};
    largest = {};
    candidates = 7'(wanted);
    begins = 1;
    @(negedge clock);
    begins = 0;
    for (int layer = 0; layer < layers; layer++) begin
      bit [31:0] crc;
      crc = 32'hffff_ffff;
      for (int k = 0; k < hidden; k++) begin
        bit [31:0] value;
        value = $urandom;
        crc = crc_of(crc, value);
        give_tap(value, k == hidden - 1);
      end
      tap_crcs.push_back(~crc);
    end
    receipt = 32'hffff_ffff;
    foreach (logits[i]) begin
      receipt = crc_of(receipt, logits[i]);
      give_logit(logits[i]);
    end
    repeat ($urandom_range(3)) @(negedge clock);
    finished = 1;
    @(negedge clock);
    finished = 0;

    limit = wanted == 0 ? 1 : wanted;
    if (limit > logits.size()) limit = logits.size();
    if (int'(count) != limit) $fatal(1, "%0d candidates, not %0d", count, limit);
    if (int'(taps) != layers) $fatal(1, "%0d taps, not %0d", taps, layers);
    // Selection, one after the other: the largest that is not taken, the first of equal ones.
    for (int place = 0; place < limit; place++) begin
      int best;
      best = -1;
      foreach (logits[i]) begin
        bit is_taken;
        is_taken = 0;
        foreach (largest[k]) if (largest[k] == i) is_taken = 1;
        if (!is_taken && (best < 0 || logits[i] > logits[best])) best = i;
      end
      largest.push_back(best);
      read(8'(place));
      if (int'(id) != best || word != logits[best])
        $fatal(1, "place %0d of %0d: %0d, %0d, not %0d, %0d", place, limit, id, $signed(word), best, logits[best]);
    end
    read(8'd64);
    if (word != ~receipt) $fatal(1, "receipt %h, not %h", word, ~receipt);
    foreach (tap_crcs[layer]) begin
      read(8'(128 + layer));
      if (word != tap_crcs[layer]) $fatal(1, "tap %0d: %h, not %h", layer, word, tap_crcs[layer]);
    end
  endtask

  int extremes[8] = '{32'h8000_0000, 32'h7fff_ffff, 0, -1, 1, 32'h8000_0001, 32'h7fff_fffe, 262_144};

  task automatic fill(input int kind, input int length);
    logits = {};
    for (int i = 0; i < length; i++) begin
      case (kind)
        0: logits.push_back(int'($urandom));
        1: logits.push_back(i - length / 2);
        2: logits.push_back(length / 2 - i);
        3: logits.push_back(-7);
        4: logits.push_back(extremes[$urandom_range(7)]);
        5: logits.push_back(int'($urandom_range(20)) - 10);
        default: logits.push_back(i % 2 == 0 ? i : -i);
      endcase
    end
  endtask

  initial begin
    int lengths[10] = '{1, 2, 3, 63, 64, 65, 66, 128, 200, 300};
    repeat (3) @(negedge clock);
    reset = 0;
    for (int kind = 0; kind < 7; kind++) begin
      foreach (lengths[i]) begin
        pauses = i % 3;
        fill(kind, lengths[i]);
        token(64, kind == 3 ? 0 : i, 1 + i);
      end
    end
    for (int wanted = 0; wanted <= 64; wanted++) begin
      fill(wanted % 7, 100);
      token(wanted, 1, 2);
    end
    // All taps that there is room for.
    fill(0, 70);
    token(64, 127, 1);
    // A token is given up by the next one.
    begins = 1;
    @(negedge clock);
    begins = 0;
    pauses = 0;
    give_tap(5, 0);
    repeat (70) give_logit($urandom);
    fill(4, 90);
    token(20, 2, 3);

    // As on the small chip, 5 logits each 256 clocks, in random order: a group that is not taken when the next one comes
    // makes the product wait.
    fill(0, 4096);
    candidates = 64;
    begins = 1;
    @(negedge clock);
    begins = 0;
    due = clocks;
    late = 0;
    for (int i = 0; i < 4096; i++) begin
      if (i % 5 == 0) begin
        if (clocks > due) begin
          late += clocks - due;
          due = clocks;
        end
        while (clocks < due) @(negedge clock);
        due += 256;
      end
      give_logit(logits[i]);
    end
    $display("4096 logits in random order, 5 each 256 clocks: %0d clocks late", late);
    if (late > 1000) $fatal(1, "that is more than 0.5 %%");
    $display("PASS");
    $finish;
  end

  initial begin
    #1_000_000_000 $fatal(1, "timeout");
  end

endmodule
