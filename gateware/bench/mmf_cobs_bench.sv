// COBS encoder and decoder: frames of every length to 600 in many patterns against an encoder written here after the
// paper, then through the decoder, with random pauses; then what only others send: a full last block with an empty one
// behind it, malformed frames, lost bytes.
`default_nettype none

module mmf_cobs_bench;

  reg clock = 0;
  always #5 clock = ~clock;
  reg reset = 1;

  // Encoder.
  reg begins = 0, after_pause = 0, in_valid = 0, in_last = 0;
  reg [7:0] in_data = 0;
  wire idle, in_ready, line_valid;
  wire [7:0] line_data;
  reg line_ready = 0;
  mmf_cobs_encoder encoder (
      .i_clock(clock),
      .i_reset(reset),
      .i_begin(begins),
      .i_after_pause(after_pause),
      .o_idle(idle),
      .i_valid(in_valid),
      .o_ready(in_ready),
      .i_data(in_data),
      .i_last(in_last),
      .o_valid(line_valid),
      .i_ready(line_ready),
      .o_data(line_data)
  );

  // Decoder.
  reg code_valid = 0, code_error = 0;
  reg [7:0] code_data = 0;
  wire out_valid, ends, malformed;
  wire [7:0] out_data;
  mmf_cobs_decoder decoder (
      .i_clock(clock),
      .i_reset(reset),
      .i_valid(code_valid),
      .i_error(code_error),
      .i_data(code_data),
      .o_valid(out_valid),
      .o_data(out_data),
      .o_end(ends),
      .o_malformed(malformed)
  );

  byte unsigned frame[$], line[$], expected[$], decoded[$];
  int pauses;
  int frames_ended;
  bit is_malformed;

  // Figure 3 of the paper, but for the empty block after a full last one.
  function automatic void encode();
    byte unsigned block[$];
    expected = {};
    block = {};
    for (int i = 0; i <= frame.size(); i++) begin
      if (i == frame.size() || frame[i] == 0) begin
        expected.push_back(8'(block.size() + 1));
        foreach (block[k]) expected.push_back(block[k]);
        block = {};
      end else begin
        block.push_back(frame[i]);
        if (block.size() == 254) begin
          expected.push_back(8'd255);
          foreach (block[k]) expected.push_back(block[k]);
          block = {};
          if (i == frame.size() - 1) break;
        end
      end
    end
    expected.push_back(0);
  endfunction

  // Collects the line.
  always @(negedge clock) line_ready <= pauses == 0 || $urandom_range(pauses) == 0;
  always @(posedge clock) if (line_valid && line_ready) line.push_back(line_data);

  // Collects what is decoded.
  always @(posedge clock) begin
    if (out_valid && ends) $fatal(1, "a byte and an end at once");
    if (out_valid && !code_valid) $fatal(1, "a byte out of nothing");
    if (out_valid) decoded.push_back(out_data);
    if (ends) begin
      frames_ended++;
      is_malformed = malformed;
    end
  end

  task automatic send(input bit pause);
    @(negedge clock);
    if (!idle) $fatal(1, "the encoder is not idle");
    begins = 1;
    after_pause = pause;
    @(negedge clock);
    begins = 0;
    for (int i = 0; i < frame.size(); i++) begin
      while (pauses != 0 && $urandom_range(pauses) != 0) @(negedge clock);
      in_valid = 1;
      in_data  = frame[i];
      in_last  = i == frame.size() - 1;
      #1;
      while (!in_ready) @(negedge clock);
      @(negedge clock);
      in_valid = 0;
      in_data  = 8'(~in_data);
    end
    while (!idle) @(negedge clock);
  endtask

  task automatic receive();
    decoded = {};
    frames_ended = 0;
    foreach (line[i]) begin
      while (pauses != 0 && $urandom_range(pauses) != 0) @(negedge clock);
      code_valid = 1;
      code_data  = line[i];
      @(negedge clock);
      code_valid = 0;
      code_data  = 8'($urandom);
    end
    @(negedge clock);
  endtask

  task automatic expect_decoded(input int frames, input bit bad);
    if (frames_ended != frames) $fatal(1, "%0d frames ended, not %0d", frames_ended, frames);
    if (frames > 0 && is_malformed != bad) $fatal(1, "malformed: %b", is_malformed);
    if (!bad && decoded != frame) $fatal(1, "%0d bytes decoded of %0d, or others", decoded.size(), frame.size());
  endtask

  task automatic round_trip(input bit pause);
    encode();
    line = {};
    send(pause);
    if (pause) expected.push_front(0);
    if (line != expected) $fatal(1, "%0d bytes: %p, not %p", frame.size(), line, expected);
    receive();
    expect_decoded(1, 0);
  endtask

  task automatic fill(input int length, input int zeros);
    frame = {};
    repeat (length) frame.push_back($urandom_range(99) < zeros ? 8'd0 : 8'($urandom_range(255, 1)));
  endtask

  initial begin
    int lengths[8] = '{1, 253, 254, 255, 507, 508, 509, 600};
    int densities[6] = '{0, 1, 5, 30, 90, 100};
    repeat (3) @(negedge clock);
    reset = 0;
    pauses = 0;
    for (int length = 1; length <= 600; length++) begin
      fill(length, densities[length%6]);
      round_trip(length[0]);
      fill(length, 0);
      round_trip(0);
    end
    // One zero, at each place around the ends of blocks.
    foreach (lengths[i]) begin
      for (int at = 0; at < lengths[i]; at++) begin
        if (at > 3 && at % 254 > 3 && at % 254 < 250 && at < lengths[i] - 4) continue;
        fill(lengths[i], 0);
        frame[at] = 0;
        round_trip(at[0]);
      end
    end
    pauses = 3;
    repeat (300) begin
      fill($urandom_range(300, 1), densities[$urandom_range(5)]);
      round_trip(1'($urandom));
    end

    // A full last block with an empty one after it.
    fill(254, 0);
    encode();
    line = expected;
    line.insert(line.size() - 1, 8'd1);
    receive();
    expect_decoded(1, 0);

    // One code byte alone stands for nothing; two delimiters for nothing at all.
    frame = {};
    line = '{8'd1, 8'd0};
    receive();
    expect_decoded(1, 0);
    line = '{8'd0, 8'd0, 8'd0};
    receive();
    expect_decoded(0, 0);

    // Cut anywhere in a block: malformed, and the next frame is whole.
    repeat (200) begin
      int at;
      fill($urandom_range(300, 2), densities[$urandom_range(5)]);
      encode();
      // Length of the block that ends behind the first one or more.
      at = expected[0];
      if (at == 1) continue;
      line = {};
      for (int i = $urandom_range(at - 1, 1); i > 0; i--) line.push_front(expected[i-1]);
      line.push_back(0);
      receive();
      expect_decoded(1, 1);
      line = expected;
      receive();
      expect_decoded(1, 0);
    end

    // A byte that was lost, within a frame and between two.
    fill(20, 10);
    encode();
    line = expected;
    line.delete(line.size() - 1);
    receive();
    code_error = 1;
    @(negedge clock);
    code_error = 0;
    line = '{8'd0};
    receive();
    expect_decoded(1, 1);
    code_error = 1;
    @(negedge clock);
    code_error = 0;
    line = '{8'd0};
    receive();
    expect_decoded(1, 1);
    line = expected;
    receive();
    expect_decoded(1, 0);

    $display("PASS");
    $finish;
  end

  initial begin
    #100_000_000 $fatal(1, "timeout");
  end

endmodule
