// variants: -GBYTES=1 -GLANES=1; -GBYTES=2 -GLANES=1; -GBYTES=4 -GLANES=2; -GBYTES=16 -GLANES=4; -GBYTES=64 -GLANES=16
// prepare: node scripts/gateware-images.mjs -o gateware/build/images
//
// The core against the trace of the instruction-level simulator (docs/GATEWARE.md, section 7): after every instruction the
// vector that it wrote, and its scalars; of every token the logits and, if asked for, the taps. Every image that fits
// BYTES and LANES runs once with random stalls on all sides and once without; in between the core is reset in the
// middle of tokens, the last time with a program of noise.
//
// +images=DIR: where the images are. +image=PATH: only this one (without `.mmfree`), and clocks by instruction.
`timescale 1ns / 1ps
`default_nettype none

module mmf_core_bench;

  parameter BYTES = 1;
  parameter LANES = 1;
  parameter MAX_HIDDEN = 256;
  parameter MAX_INTERMEDIATE = 768;
  parameter STATE_WORDS = 16384;
  parameter VECTOR_WORDS = 32768;
  parameter MEMORY_BYTES = 4194304;
  localparam LANE_BITS = $clog2(LANES);

  reg clock = 0;
  always #1 clock = !clock;
  reg reset = 1;

  // --- core -------------------------------------------------------------------------------------------------------------
  reg [16:0] vocabulary;
  reg [13:0] hidden;
  reg [13:0] intermediate;
  reg [8:0] layers;
  reg [31:0] vectors, vectors_bytes, embedding, ternary, ternary_bytes;
  reg program_write = 0, sigma_write = 0;
  reg [6:0] program_index = 0;
  reg [15:0] program_data = 0;
  reg [7:0] sigma_index = 0;
  reg [15:0] sigma_data = 0;
  reg go = 0, start = 0, taps = 0, fresh = 0;
  reg [15:0] token = 0;
  wire ready, busy;
  wire request_valid;
  reg request_ready = 0;
  wire [31:0] request_address, request_bytes;
  reg data_valid = 0;
  wire data_ready;
  reg [8*BYTES-1:0] data;
  wire logit_valid, tap_valid, tap_last;
  reg logit_ready = 0, tap_ready = 0;
  wire [31:0] logit, tap;

  mmf_core #(
      .BYTES(BYTES),
      .LANES(LANES),
      .MAX_HIDDEN(MAX_HIDDEN),
      .MAX_INTERMEDIATE(MAX_INTERMEDIATE),
      .STATE_WORDS(STATE_WORDS),
      .VECTOR_WORDS(VECTOR_WORDS)
  ) dut (
      .i_clock(clock),
      .i_reset(reset),
      .i_vocabulary(vocabulary),
      .i_hidden(hidden),
      .i_intermediate(intermediate),
      .i_layers(layers),
      .i_vectors(vectors),
      .i_vectors_bytes(vectors_bytes),
      .i_embedding(embedding),
      .i_ternary(ternary),
      .i_ternary_bytes(ternary_bytes),
      .i_program_write(program_write),
      .i_program_index(program_index),
      .i_program_data(program_data),
      .i_sigma_write(sigma_write),
      .i_sigma_index(sigma_index),
      .i_sigma_data(sigma_data),
      .i_go(go),
      .o_ready(ready),
      .i_start(start),
      .i_token(token),
      .i_taps(taps),
      .i_fresh(fresh),
      .o_busy(busy),
      .o_request_valid(request_valid),
      .i_request_ready(request_ready),
      .o_request_address(request_address),
      .o_request_bytes(request_bytes),
      .i_data_valid(data_valid),
      .o_data_ready(data_ready),
      .i_data(data),
      .o_logit_valid(logit_valid),
      .i_logit_ready(logit_ready),
      .o_logit(logit),
      .o_tap_valid(tap_valid),
      .i_tap_ready(tap_ready),
      .o_tap(tap),
      .o_tap_last(tap_last)
  );

  // --- memory behind the read port ----------------------------------------------------------------------------------------
  reg [7:0] memory[0:MEMORY_BYTES-1];
  reg stalls = 0;
  int unsigned queue_next[$], queue_end[$];
  int unsigned beat;

  function automatic int often();  // 1, or with stalls 1 in 3 of the time
    return stalls ? 32'(($urandom() % 3) == 0) : 1;
  endfunction

  always @(posedge clock) begin
    if (reset) begin
      queue_next.delete();
      queue_end.delete();
      data_valid <= 0;
      request_ready <= 0;
    end else begin
      if (request_valid && request_ready) begin
        queue_next.push_back(request_address / BYTES);
        queue_end.push_back((request_address + request_bytes + BYTES - 1) / BYTES);
        request_ready <= 0;
      end else if (!request_ready && queue_next.size() < 2) request_ready <= often() != 0;
      if (data_valid && data_ready) data_valid <= 0;
      if ((!data_valid || data_ready) && queue_next.size() > 0 && often() != 0) begin
        beat = queue_next[0];
        for (int k = 0; k < BYTES; k++) data[8*k+:8] <= memory[(beat * BYTES + k) % MEMORY_BYTES];
        data_valid <= 1;
        queue_next[0] = beat + 1;
        if (queue_next[0] == queue_end[0]) begin
          void'(queue_next.pop_front());
          void'(queue_end.pop_front());
        end
      end
    end
    logit_ready <= often() != 0;
    tap_ready   <= often() != 0;
  end

  // --- what the core writes -------------------------------------------------------------------------------------------------
  int state_shadow[0:65535*LANES+LANES];
  shortint pre_shadow[0:65535];
  byte q_shadow[0:1][0:16383];
  genvar lane;
  generate
    for (lane = 0; lane < LANES; lane++) begin : shadows
      always @(posedge clock) begin
        if (dut.vector.lanes[lane].unit.i_state_enable && dut.vector.lanes[lane].unit.i_state_write)
          state_shadow[dut.vector.lanes[lane].unit.i_state_address*LANES+lane] <= dut.vector.lanes[lane].unit.i_state_is_back
              ? dut.vector.lanes[lane].unit.i_state_back : dut.vector.lanes[lane].unit.r_r;
        if (dut.vector.lanes[lane].unit.i_pre_write)
          pre_shadow[dut.vector.lanes[lane].unit.i_pre_write_address*LANES+lane] <= dut.vector.lanes[lane].unit.i_pre_is_back
              ? dut.vector.lanes[lane].unit.i_pre_back : dut.vector.lanes[lane].unit.t_r;
        if (dut.quantised_write) q_shadow[dut.quantised_buffer][dut.quantised_word*LANES+lane] <= dut.quantised[8*lane+:8];
      end
    end
  endgenerate

  function automatic int held(string name, int layer, int k);
    int word = k / LANES, own = k % LANES, region = 1 << dut.HIDDEN_WORD_BITS, half = 1 << (dut.PRE_BITS - 1);
    case (name)
      "v": return state_shadow[k];
      "x": return state_shadow[MAX_INTERMEDIATE+k];
      "h": return state_shadow[MAX_INTERMEDIATE+hidden*(layer+1)+k];
      "n": return 32'(pre_shadow[(half+word)*LANES+own]);
      "i": return 32'(pre_shadow[word*LANES+own]);
      "f": return 32'(pre_shadow[(region+word)*LANES+own]);
      "g": return 32'(pre_shadow[(2*region+word)*LANES+own]);
      "u": return 32'(pre_shadow[(k/2/LANES*2+k%2)*LANES+k/2%LANES]);
      "q0": return 32'(q_shadow[0][k]);
      "q1": return 32'(q_shadow[1][k]);
      "c0": return 32'(dut.scales.memory[0][14:0]);
      "c1": return 32'(dut.scales.memory[1][14:0]);
      "shift0": return 32'(dut.scales.memory[0][20:15]);
      "shift1": return 32'(dut.scales.memory[1][20:15]);
      "zero0": return 32'(dut.scales.memory[0][21]);
      "zero1": return 32'(dut.scales.memory[1][21]);
      "logits": return logits[k];
      default: $fatal(1, "the trace has %s", name);
    endcase
  endfunction

  // --- logits and taps ------------------------------------------------------------------------------------------------------
  int logits[0:65535];
  int logit_count;
  int tap_crcs[$];
  int unsigned tap_crc = '1;

  function automatic int unsigned crc_of(int unsigned crc, int unsigned word);
    for (int k = 0; k < 32; k++) crc = (crc >> 1) ^ (((crc ^ (word >> k)) & 1) != 0 ? 32'hedb88320 : 0);
    return crc;
  endfunction

  always @(posedge clock) begin
    if (start) logit_count = 0;
    if (logit_valid && logit_ready) begin
      logits[logit_count] = logit;
      logit_count++;
    end
    if (reset || start) tap_crc = '1;
    else if (tap_valid && tap_ready) begin
      tap_crc = crc_of(tap_crc, tap);
      if (tap_last) begin
        tap_crcs.push_back(~tap_crc);
        tap_crc = '1;
      end
    end
  end

  // --- trace ------------------------------------------------------------------------------------------------------------------
  class record_t;
    string  name;
    longint values[$];
    function void add(longint value);
      values.push_back(value);
    endfunction
    function int count();
      return values.size();
    endfunction
  endclass

  int trace;
  record_t record;

  task automatic next_record();
    int count, got;
    longint value;
    record = new;
    got = $fscanf(trace, "%s %d", record.name, count);
    if (got != 2) $fatal(1, "the trace ends early");
    for (int k = 0; k < count; k++) begin
      got = $fscanf(trace, "%h", value);
      record.add(value);
    end
  endtask

  int compared = 0;

  task automatic compare(record_t expected, int layer, string place);
    for (int k = 0; k < expected.count(); k++) begin
      if (held(expected.name, layer, k) != int'(expected.values[k]))
        $fatal(1, "%s: %s[%0d] is %0d, should be %0d", place, expected.name, k, held(expected.name, layer, k), int'(expected.values[k]));
      compared++;
    end
  endtask

  // Products end behind the instructions; each has what it will have written.
  record_t products[$];
  string product_places[$];
  always @(posedge clock)
    if (!reset && dut.matmul.finished && products.size() > 0) begin
      automatic record_t product = products.pop_front();
      automatic string place = product_places.pop_front();
      #0.5;
      compare(product, 0, place);
    end

  // --- a token ----------------------------------------------------------------------------------------------------------------
  int clocks = 0;
  always @(posedge clock) clocks++;

  task automatic settle();  // to just after the next clock
    @(posedge clock);
    #0.25;
  endtask

  // Waits for the end of a vector instruction, or of the token.
  task automatic await_vector(string place);
    int limit = clocks + 4000000;
    while (!dut.vector_start) begin
      settle();
      if (clocks > limit) $fatal(1, "%s: the instruction does not begin", place);
    end
    settle();
    while (!dut.vector_idle) begin
      settle();
      if (clocks > limit) $fatal(1, "%s: the instruction does not end: state %0d, sequencer %0d, reader part %0d, fill %0d, request %0d", place, dut.vector.state_r, dut.sequencer.state_r, dut.reader.part_r, dut.reader.fill_r, dut.reader.request_r);
    end
    settle();
  endtask

  task automatic run_token(string name, int position);
    int layer, op_layer;
    int operation;
    string place;
    int unsigned crc = '1;
    token = 16'(record.values[1]);
    fresh = position == 0;
    taps = position % 2 == 0;
    start = 1;
    settle();
    start = 0;
    next_record();
    while (record.name == "op") begin
      operation = int'(record.values[1] >> 12);
      op_layer = int'(record.values[2]);
      place = $sformatf("%s, BYTES %0d, LANES %0d, token %0d, word %0d, layer %0d", name, BYTES, LANES, position, record.values[0], op_layer);
      next_record();
      if (operation == 5) begin
        if (record.name == "x" || record.name == "i" || record.name == "f" || record.name == "g" || record.name == "u" || record.name == "logits") begin
          products.push_back(record);
          product_places.push_back(place);
          next_record();
        end
      end else if (operation == 9) begin
        if (taps) begin
          await_vector(place);
          if (tap_crcs.size() != 1 || tap_crcs[0] != int'(record.values[0])) $fatal(1, "%s: wrong tap", place);
          void'(tap_crcs.pop_front());
          compared++;
        end
        next_record();
      end else if (operation != 0) begin
        await_vector(place);
        while (record.name != "op" && record.name != "receipt") begin
          case (record.name)
            "e", "s", "rho":
            ;  // seen in c and shift
            "S", "G":
            if (longint'(dut.vector.s_r) != record.values[0]) $fatal(1, "%s: %s is %0d, should be %0d", place, record.name, dut.vector.s_r, record.values[0]);
            default: compare(record, op_layer, place);
          endcase
          next_record();
        end
      end
    end
    while (busy) settle();
    #0.5;
    if (products.size() != 0) $fatal(1, "%s: %0d products have not ended", name, products.size());
    if (logit_count != int'(vocabulary)) $fatal(1, "%s: %0d logits", name, logit_count);
    for (int k = 0; k < int'(vocabulary); k++) crc = crc_of(crc, logits[k]);
    if (~crc != int'(record.values[0])) $fatal(1, "%s, token %0d: wrong receipt", name, position);
    if (queue_next.size() != 0 || data_valid) $fatal(1, "%s: not all of the stream was taken", name);
    next_record();
  endtask

  // --- an image -----------------------------------------------------------------------------------------------------------------
  task automatic load(bit noise, record_t program_words, record_t sigma);
    reset = 1;
    settle();
    settle();
    reset = 0;
    for (int k = 0; k < 86; k++) begin
      program_write = 1;
      program_index = 7'(k);
      program_data = noise ? 16'($urandom()) : k < program_words.count() ? 16'(program_words.values[k]) : 0;
      settle();
    end
    program_write = 0;
    for (int k = 0; k < 256; k++) begin
      sigma_write = 1;
      sigma_index = 8'(k);
      sigma_data = 16'(sigma.values[k]);
      settle();
    end
    sigma_write = 0;
    go = 1;
    settle();
    go = 0;
    while (!ready) settle();
  endtask

  function automatic int unsigned u32(int address);
    return {memory[address+3], memory[address+2], memory[address+1], memory[address]};
  endfunction

  task automatic run_image(string path, bit with_stalls, bit only_ends);
    record_t program_words, sigma;
    int file, got, position;
    file = $fopen({path, ".mmfree"}, "rb");
    if (file == 0) $fatal(1, "no file %s.mmfree: make it with scripts/gateware-images.mjs", path);
    got = $fread(memory, file);
    $fclose(file);
    trace = $fopen({path, ".trace.txt"}, "r");
    if (trace == 0) $fatal(1, "no file %s.trace.txt", path);
    next_record();
    vocabulary = 17'(record.values[0]);
    hidden = 14'(record.values[1]);
    intermediate = 14'(record.values[2]);
    layers = 9'(record.values[3]);
    next_record();
    vectors = 32'(record.values[0]);
    embedding = 32'(record.values[1]);
    ternary = 32'(record.values[2]);
    vectors_bytes = u32(16 + 36 + 12);
    ternary_bytes = u32(16 + 36 + 28);
    next_record();
    program_words = record;
    next_record();
    sigma = record;
    next_record();
    stalls = with_stalls;
    if (!only_ends)
      for (int k = 0; k < 3; k++) begin
        load(k == 2, program_words, sigma);
        start = 1;
        token = 0;
        fresh = 1;
        taps = 1;
        settle();
        start = 0;
        repeat ($urandom() % 3000) settle();
      end
    load(0, program_words, sigma);
    tap_crcs.delete();
    while (record.name == "token") begin
      if (only_ends) measure();
      run_token(path, int'(record.values[0]));
    end
    if (only_ends) report();
    $fclose(trace);
  endtask

  // --- clocks by instruction ------------------------------------------------------------------------------------------------------
  string names[16] = '{"HALT", "EMBED", "SCALE", "NORM", "QUANT", "MATMUL", "GATE", "MIX", "GLU", "TAP", "LAYER", "HEAD", "", "", "", ""};
  int token_clocks, beats, idle_clocks[16], all_clocks[16], idle_waiting, all_waiting;
  int measuring = 0;

  task automatic measure();
    token_clocks = 0;
    beats = 0;
    idle_waiting = 0;
    all_waiting = 0;
    for (int k = 0; k < 16; k++) begin
      idle_clocks[k] = 0;
      all_clocks[k] = 0;
    end
    measuring = 1;
  endtask

  always @(posedge clock)
    if (measuring != 0 && busy) begin
      automatic bit taken = dut.stream_valid && dut.stream_ready;
      automatic int operation = int'(dut.instruction[15:12]);
      token_clocks++;
      if (taken) beats++;
      if (!dut.vector_idle) begin
        all_clocks[operation]++;
        if (!taken) idle_clocks[operation]++;
      end else begin
        all_waiting++;
        if (!taken) idle_waiting++;
      end
    end

  task automatic report();
    $display("%0d clocks, %0d beats: the port is used %0.2f %% of the time", token_clocks, beats, 100.0 * beats / token_clocks);
    $display("%-10s %10s %10s", "", "clocks", "port idle");
    for (int k = 0; k < 16; k++) if (all_clocks[k] != 0) $display("%-10s %10d %10d", names[k], all_clocks[k], idle_clocks[k]);
    $display("%-10s %10d %10d", "products", all_waiting, idle_waiting);
  endtask

  // ----------------------------------------------------------------------------------------------------------------------------------
  string shapes[3] = '{"h5-i7-l2-v11", "h12-i20-l3-v37", "h64-i192-l2-v128"};
  int divisors[3] = '{1, 4, 64};
  string kinds[3] = '{"-plausible", "-extreme", "-carrying"};
  string directory, single;

  initial begin
    if (!$value$plusargs("images=%s", directory)) directory = "gateware/build/images";
    if ($value$plusargs("image=%s", single)) run_image(single, 0, 1);
    else begin
      for (int k = 0; k < 3; k++)
        if (divisors[k] % BYTES == 0 && divisors[k] % LANES == 0)
          for (int pass = 0; pass < 6; pass++)
            run_image({directory, "/", shapes[k], kinds[pass % 3]}, pass < 3, 0);
      if (compared < 10000) $fatal(1, "only %0d numbers were compared", compared);
    end
    $display("%0d numbers compared", compared);
    $display("PASS");
    $finish(0);
  end

endmodule
