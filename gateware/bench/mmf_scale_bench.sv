// The scalars of chance and extreme vectors against ARITHMETIC.md, section 4, with whole divisions and a root found by
// bisection; every class of bits(S) and bits(M), squares and their neighbours, rounding to 2^15 and saturation in step G.
// All 2^14 divisors and ten million roots: exhaustive_scale.cpp.
`default_nettype none

module mmf_scale_bench #(
    parameter SEED = 1
);
  logic clock = 0, reset = 1;
  always #5 clock = !clock;

  logic start = 0;
  logic [1:0] job = 0;
  logic [44:0] squares = 0;
  logic [30:0] maximum = 0;
  logic [14:0] mm = 0;
  logic [6:0] em = 0;
  wire done;
  wire signed [4:0] s, d;
  wire [14:0] rho, a, r, c;
  wire [5:0] shift;

  mmf_scale dut (
      .i_clock(clock), .i_reset(reset), .i_start(start), .i_job(job), .o_done(done),
      .i_squares(squares), .i_maximum(maximum), .i_mm(mm), .i_em(em),
      .o_s(s), .o_rho(rho), .o_d(d), .o_a(a), .o_r(r), .o_c(c), .o_shift(shift));

  // xorshift32: the same numbers in every simulator.
  int unsigned chance_r = SEED * 32'h9e3779b9;
  function automatic int unsigned chance(int unsigned limit);
    chance_r ^= chance_r << 13;
    chance_r ^= chance_r >> 17;
    chance_r ^= chance_r << 5;
    return (chance_r >> 3) % limit;
  endfunction
  function automatic longint bits_of_chance(int bits);  // exactly so many, at least one
    longint value;
    value = (longint'(chance(1 << 29)) << 29) ^ longint'(chance(1 << 29));
    return (value & ((64'sd1 << (bits - 1)) - 1)) | (64'sd1 << (bits - 1));
  endfunction

  // The model, as the text has it.
  function automatic int bits(longint value);
    for (int n = 0; n < 63; n++) if (value < (64'sd1 << n)) return n;
    return 63;
  endfunction
  function automatic int floor_half(int value);
    return (value - (value & 1)) / 2;
  endfunction
  int model_s, model_d, model_x;
  longint model_rho, model_a, model_r, model_c;

  task automatic model_f(longint value);
    longint scaled, low, high, middle;
    model_s = floor_half(bits(value) - 29);
    scaled = model_s >= 0 ? value >> (2 * model_s) : value << (-2 * model_s);
    low = 0;
    high = 32768;
    while (high - low > 1) begin
      middle = (low + high) / 2;
      if (middle * middle <= scaled) low = middle;
      else high = middle;
    end
    model_rho = ((64'sd1 << 29) - 1) / low;
    if (model_rho > 32767) model_rho = 32767;
  endtask

  task automatic model_of_d(longint value);
    model_d = bits(value) - 15;
    model_a = model_d >= 0 ? value >> model_d : value << -model_d;
    model_r = (127 * (64'sd1 << 22)) / model_a;
  endtask

  task automatic norm15(longint p, int x);
    int b;
    b = bits(p) - 15;
    p = (p + (64'sd1 << (b - 1))) >> b;
    if (p == 32768) begin
      p = 16384;
      b++;
      roundings++;
    end
    model_c = p;
    model_x = x + b;
  endtask

  task automatic model_g(longint mantissa, int exponent);
    norm15(model_a * model_rho, model_d - 29 - model_s);
    norm15(model_c * mantissa, model_x + exponent);
    if (-model_x < 4) begin
      model_c = 32767;
      model_x = -4;
      saturations++;
    end
  endtask

  int clocks = 0, roundings = 0, saturations = 0;
  always @(posedge clock) clocks <= clocks + 1;

  task automatic run(int which, int limit);
    int begun;
    repeat (chance(3)) @(negedge clock);
    begun = clocks;
    start = 1; job = 2'(which);
    @(negedge clock);
    start = 0; job = 2'(chance(4));
    while (!done) begin
      @(negedge clock);
      if (clocks - begun > limit) $fatal(1, "job %0d takes more than %0d clocks", which, limit);
    end
    if (chance(2) != 0) begin
      @(negedge clock);
      if (done) $fatal(1, "done is not a pulse");
    end
  endtask

  task automatic squares_of(longint value);
    squares = 45'(value);
    model_f(value);
    run(0, value >= 64'sd1 << 28 ? 41 : 55);
    if (int'(s) != model_s || longint'(rho) != model_rho)
      $fatal(1, "S %0d: s %0d, rho %0d, expected %0d, %0d", value, s, rho, model_s, model_rho);
  endtask

  task automatic maximum_of(longint value);
    maximum = 31'(value);
    model_of_d(value);
    run(1, 40);
    if (int'(d) != model_d || longint'(a) != model_a || longint'(r) != model_r)
      $fatal(1, "M %0d: d %0d, a %0d, R %0d, expected %0d, %0d, %0d", value, d, a, r, model_d, model_a, model_r);
    if (int'(s) != model_s || longint'(rho) != model_rho) $fatal(1, "job 1 changed s or rho");
  endtask

  task automatic scale_of(int mantissa, int exponent);
    int want;
    mm = 15'(mantissa);
    em = 7'(exponent);
    model_g(longint'(mantissa), exponent);
    run(2, 5);
    want = -model_x - 4 < 32 ? -model_x - 4 : 32;
    if (longint'(c) != model_c || int'(shift) != want)
      $fatal(1, "a %0d, rho %0d, d %0d, s %0d, mm %0d, em %0d: c %0d, shift %0d, expected %0d, %0d", model_a, model_rho,
             model_d, model_s, mantissa, exponent, c, shift, model_c, want);
    if (int'(d) != model_d || longint'(r) != model_r || int'(s) != model_s || longint'(rho) != model_rho)
      $fatal(1, "job 2 changed d, R, s or rho");
  endtask

  int mantissas[6] = '{16384, 32767, 16385, 23170, 23171, 32766};
  longint root, value;

  initial begin
    repeat (3) @(negedge clock);
    reset = 0;

    // Every number of bits, least, greatest and others.
    for (int n = 1; n <= 45; n++)
      for (int k = 0; k < 40; k++)
        squares_of(k == 0 ? 64'sd1 << (n - 1) : k == 1 ? (64'sd1 << n) - 1 : bits_of_chance(n));
    for (int n = 1; n <= 30; n++)
      for (int k = 0; k < 40; k++)
        maximum_of(k == 0 ? 64'sd1 << (n - 1) : k == 1 ? (64'sd1 << n) - 1 : bits_of_chance(n));

    // Squares, and one more and less, at every s.
    for (int k = 0; k < 1500; k++) begin
      root = k == 0 ? 16384 : k == 1 ? 32767 : 16384 + longint'(chance(16384));
      for (int by = -1; by <= 1; by++) begin
        value = (root * root) << 2 * (k % 8);
        if (value + by >= 64'sd1 << 28) squares_of(value + by);
      end
      squares_of((root * root) >> (2 * (k % 14)) == 0 ? 1 : (root * root) >> (2 * (k % 14)));
    end

    // Zero ends, whatever it gives.
    squares = 0;
    run(0, 60);
    maximum = 0;
    run(1, 60);

    // Scales: i, f and g share s and ρ, so several jobs 1 and 2 follow one job 0.
    for (int k = 0; k < 1500; k++) begin
      squares_of(bits_of_chance(1 + chance(45)));
      for (int n = 0; n < 3; n++) begin
        maximum_of(bits_of_chance(1 + chance(30)));
        scale_of(chance(2) != 0 ? mantissas[chance(6)] : 16384 + chance(16384), n == 0 ? int'(chance(89)) - 64 : 24);
      end
    end
    // em such that the shift is near its ends: −2 … 2 and 30 … 34.
    for (int k = 0; k < 1500; k++) begin
      int near;
      squares_of(bits_of_chance(29 + chance(16)));
      maximum_of(bits_of_chance(15 + chance(16)));
      near = model_s - model_d - 3 - (chance(2) != 0 ? 0 : 32) + int'(chance(5)) - 2;
      scale_of(16384 + chance(16384), near > 24 ? 24 : near < -64 ? -64 : near);
    end
    // c·mm just below 2^29 and 2^30 rounds to 2^15.
    for (int k = 0; k < 20000 && roundings < 60; k++) begin
      squares_of(bits_of_chance(29 + chance(16)));
      maximum_of(bits_of_chance(15 + chance(16)));
      norm15(model_a * model_rho, 0);
      value = ((chance(2) != 0 ? 64'sd1 << 29 : 64'sd1 << 30) - 1) / model_c;
      if (value >= 16384 && value < 32768) scale_of(int'(value), -10);
    end
    if (roundings < 60) $fatal(1, "only %0d roundings to 2^15", roundings);
    if (saturations < 20) $fatal(1, "only %0d saturations", saturations);

    // A reset amid a job, and the next job is right.
    for (int k = 0; k < 60; k++) begin
      @(negedge clock);
      start = 1; job = 2'(k % 3);
      @(negedge clock);
      start = 0;
      repeat (chance(30)) @(negedge clock);
      reset = 1;
      @(negedge clock);
      reset = 0;
      if (done) $fatal(1, "done after a reset");
      repeat (2) begin
        squares_of(bits_of_chance(45));
        maximum_of(bits_of_chance(30));
        scale_of(20000, -20);
      end
    end

    $display("PASS");
    $finish(0);
  end
endmodule
