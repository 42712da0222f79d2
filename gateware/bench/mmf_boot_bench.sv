// Boots from made-up image heads, good ones and damaged ones, through a read port that stalls by chance.
// variants: -GBYTES=1 -GGROUP_BYTES=1; -GBYTES=16 -GGROUP_BYTES=16; -GBYTES=64 -GGROUP_BYTES=16
`default_nettype none

module mmf_boot_bench #(
    parameter BYTES = 1,
    parameter GROUP_BYTES = 16
);
  localparam [31:0] BASE = 32'h0010_0000;
  localparam SIZE = 1 << 22;
  localparam VECTOR_WORDS = 20_000;

  reg clock = 0, reset = 1, first = 0;
  initial forever #5 clock = ~clock;

  reg [7:0] image[0:SIZE-1];
  wire request_valid, data_ready, done, good, program_write, sigma_write, hello_ready;
  reg request_ready = 0, data_valid = 0;
  wire [31:0] request_address, request_bytes, vectors, embedding, ternary;
  wire [31:0] vectors_bytes, ternary_bytes;
  reg [8*BYTES-1:0] data = 0;
  wire [16:0] vocabulary;
  wire [13:0] hidden, intermediate;
  wire [8:0] layers;
  wire [6:0] program_index;
  wire [15:0] program_data, sigma_data;
  wire [7:0] sigma_index, hello_data;
  wire [9:0] hello_length;
  reg [9:0] hello_address = 0;

  mmf_boot #(
      .BYTES(BYTES), .GROUP_BYTES(GROUP_BYTES), .IMAGE_ADDRESS(BASE), .MAX_HIDDEN(1024), .MAX_INTERMEDIATE(2048),
      .MAX_LAYERS(23), .MAX_VOCABULARY(65536), .MAX_IMAGE_BYTES(SIZE), .VECTOR_WORDS(VECTOR_WORDS),
      .BOARD("icebreaker"), .SERIAL("bench-1"), .FIRMWARE("0.1.0")
  ) boot (
      .i_clock(clock), .i_reset(reset),
      .o_request_valid(request_valid), .i_request_ready(request_ready), .o_request_address(request_address),
      .o_request_bytes(request_bytes), .i_data_valid(data_valid), .o_data_ready(data_ready), .i_data(data),
      .o_done(done), .o_image_good(good),
      .o_vocabulary(vocabulary), .o_hidden(hidden), .o_intermediate(intermediate), .o_layers(layers),
      .o_vectors(vectors), .o_vectors_bytes(vectors_bytes), .o_ternary_bytes(ternary_bytes),
      .o_embedding(embedding), .o_ternary(ternary),
      .o_program_write(program_write), .o_program_index(program_index), .o_program_data(program_data),
      .o_sigma_write(sigma_write), .o_sigma_index(sigma_index), .o_sigma_data(sigma_data),
      .o_hello_ready(hello_ready), .o_hello_length(hello_length), .i_hello_address(hello_address),
      .o_hello_data(hello_data), .i_first_byte(first)
  );

  // The memory: the aligned beat that holds the byte, after stalls of chance. Other lanes are correct too, as from a
  // real memory. Data before a request, or a request that changes while it waits, is an error.
  integer stall = 0, boots = 0, lane;
  reg pending = 0, waited = 0;
  reg [31:0] pending_address, waited_address;
  always @(posedge clock) begin
    if (reset) begin
      request_ready <= 0;
      data_valid <= 0;
      pending <= 0;
      waited <= 0;
    end else begin
      if (waited && (!request_valid || request_address != waited_address)) $fatal(1, "request changed");
      waited <= request_valid && !request_ready;
      waited_address <= request_address;
      request_ready <= stall == 0 || $urandom_range(stall) == 0;
      if (request_valid && request_ready) begin
        if (pending || done) $fatal(1, "request too many");
        if (request_bytes != 1) $fatal(1, "request of %0d bytes", request_bytes);
        if (request_address < BASE || request_address >= BASE + SIZE + 64) $fatal(1, "outside: %h", request_address);
        pending <= 1;
        pending_address <= request_address - BASE;
      end
      if (data_valid && data_ready) begin
        data_valid <= 0;
        pending <= 0;
        data <= {BYTES{8'hee}};
      end else if (pending && !data_valid && (stall == 0 || $urandom_range(stall) == 0)) begin
        data_valid <= 1;
        for (lane = 0; lane < BYTES; lane = lane + 1) begin
          data[8*lane+:8] <= image[((pending_address & ~(BYTES - 1)) + lane) % SIZE];
        end
      end
    end
  end

  // What was written outside.
  reg [15:0] program_seen[0:127];
  reg [15:0] sigma_seen[0:255];
  integer program_count = 0, sigma_count = 0;
  always @(posedge clock) begin
    if (program_write) begin
      program_seen[program_index] <= program_data;
      program_count <= program_count + 1;
    end
    if (sigma_write) begin
      sigma_seen[sigma_index] <= sigma_data;
      sigma_count <= sigma_count + 1;
    end
    if (reset) begin
      program_count <= 0;
      sigma_count <= 0;
    end
  end

  function automatic [31:0] u32(input integer at);
    u32 = {image[at+3], image[at+2], image[at+1], image[at]};
  endfunction

  task automatic put(input integer at, input [31:0] word);
    {image[at+3], image[at+2], image[at+1], image[at]} = word;
  endtask

  task automatic seal_record;
    reg [31:0] crc;
    crc = 32'hffff_ffff;
    for (integer i = 16; i < 268; i = i + 1) begin
      crc = crc ^ {24'd0, image[i]};
      for (integer b = 0; b < 8; b = b + 1) crc = crc[0] ? (crc >> 1) ^ 32'hedb8_8320 : crc >> 1;
    end
    put(268, ~crc);
  endtask

  task automatic put_text(input integer at, input integer length, input [511:0] text);
    for (integer i = 0; i < length; i = i + 1) image[at+i] = text[8*(length-1-i)+:8];
  endtask

  task automatic put_program;
    for (integer i = 96; i < 268; i = i + 1) image[i] = 8'(7 * i + 1);
    seal_record;
  endtask

  // An image head, SIGMA and seal; the seal crosses beats of any width.
  task automatic make_image(input is_signed, input integer name_length);
    for (integer i = 0; i < SIZE; i = i + 1) image[i] = 8'(i * 13 + (i >> 8));
    put_text(0, 16, {384'd0, 32'hd9d9f78e, 8'h68, "mmfree/1", 24'h590100});
    put(16, "BFMM");
    put(20, 32'h0100_0001);
    put(24, 1000);
    put(28, 256);
    put(32, 768);
    put(36, 7);
    put(40, 1);
    put(44, 23);
    put(48, 1000041);
    for (integer i = 0; i < 5; i = i + 1) begin
      put(52 + 8 * i, 32'h1000 * (i * i + 1));
      put(56 + 8 * i, 700 + i);
    end
    put(92, 70000);
    put_program;
    put_text(272, 6, {464'd0, 16'ha664, "name"});
    for (integer i = 0; i < name_length; i = i + 1) image[(name_length < 24 ? 279 : 280)+i] = 8'h61 + 8'(i % 26);
    if (name_length < 24) image[278] = 8'h60 + 8'(name_length);
    else {image[278], image[279]} = {8'h78, 8'(name_length)};
    put_text(32'h11000 + 704, 10, {432'd0, is_signed ? 8'ha3 : 8'ha1, 8'h66, "sha256", 16'h5820});
  endtask

  // HELLO as it must be.
  reg [7:0] want[0:1023];
  integer want_length;
  task automatic w8(input [7:0] b);
    want[want_length] = b;
    want_length = want_length + 1;
  endtask
  task automatic wtext(input integer length, input [511:0] text);
    w8(8'h60 + 8'(length));
    for (integer i = 0; i < length; i = i + 1) w8(text[8*(length-1-i)+:8]);
  endtask
  task automatic wnumber(input [31:0] n);
    if (n >= 65536) begin
      w8(8'h1a);
      w8(n[31:24]);
      w8(n[23:16]);
    end else if (n >= 256) w8(8'h19);
    else if (n >= 24) w8(8'h18);
    if (n >= 256) w8(n[15:8]);
    w8(n[7:0]);
  endtask
  task automatic make_want(input has_image);
    integer at, length;
    want_length = 0;
    w8(has_image ? 8'hab : 8'haa);
    wtext(5, "board"); wtext(10, "icebreaker");
    if (has_image) begin
      wtext(5, "image"); w8(8'haa);
      wtext(4, "name");
      at = 278;
      length = image[278] == 8'h78 ? 2 + 32'(image[279]) : 1 + 32'(image[278]) - 32'h60;
      for (integer i = 0; i < length; i = i + 1) w8(image[at+i]);
      wtext(6, "layers"); wnumber(u32(36));
      wtext(6, "sha256"); w8(8'h58); w8(8'h20);
      at = u32(84) + u32(88) + 10;
      for (integer i = 0; i < 32; i = i + 1) w8(image[at+i]);
      wtext(8, "revision"); wnumber(u32(92));
      wtext(9, "confirmed"); w8(8'hf5);
      wtext(10, "vocab_size"); wnumber(u32(24));
      wtext(11, "hidden_size"); wnumber(u32(28));
      wtext(12, "bos_token_id"); wnumber(u32(40));
      wtext(12, "eos_token_id"); wnumber(u32(44));
      wtext(17, "intermediate_size"); wnumber(u32(32));
    end
    wtext(5, "slots"); wnumber(1);
    wtext(6, "limits"); w8(8'ha7);
    wtext(6, "layers"); wnumber(23);
    wtext(6, "window"); wnumber(1);
    wtext(10, "vocab_size"); wnumber(65536);
    wtext(11, "hidden_size"); wnumber(1024);
    wtext(11, "image_bytes"); wnumber(SIZE);
    wtext(13, "prompt_tokens"); wnumber(1);
    wtext(17, "intermediate_size"); wnumber(2048);
    wtext(6, "schema"); w8(8'h48);
    for (integer i = 7; i >= 0; i = i - 1) w8(8'(64'hacde717cb842a99a >> (8 * i)));
    wtext(6, "serial"); wtext(7, "bench-1");
    wtext(8, "firmware"); wtext(5, "0.1.0");
    wtext(8, "protocol"); wnumber(1);
    wtext(10, "boot_nonce"); w8(8'h1a);
    for (integer i = 0; i < 4; i = i + 1) w8(0);
    wtext(12, "sector_bytes"); wnumber(4096);
    wtext(16, "minimum_revision"); wnumber(0);
  endtask

  // Inputs change at falling edges. One start; the first byte comes before the end of it, or after. The nonce must
  // differ from the one before.
  reg [31:0] nonce = 0, last_nonce;
  integer good_clocks = 0;
  task automatic boot_once(input want_good, input is_early);
    integer cycles, at;
    boots = boots + 1;
    reset = 1;
    repeat (3) @(negedge clock);
    reset = 0;
    repeat ($urandom_range(9) + 1) @(negedge clock);
    if (is_early) begin
      first = 1;
      @(negedge clock) first = 0;
    end
    cycles = 0;
    while (!done) begin
      @(negedge clock);
      cycles = cycles + 1;
      if (cycles > 1000000) $fatal(1, "not done");
    end
    if (want_good) good_clocks = cycles;
    if (good != want_good) $fatal(1, "boot %0d: good is %b", boots, good);
    if (!is_early) begin
      repeat (200) @(negedge clock);
      if (hello_ready) $fatal(1, "HELLO before the first byte");
      first = 1;
      @(negedge clock) first = 0;
    end
    cycles = 0;
    while (!hello_ready) begin
      @(negedge clock);
      cycles = cycles + 1;
      if (cycles > 120) $fatal(1, "HELLO is late");
    end
    make_want(want_good);
    if (32'(hello_length) != want_length) $fatal(1, "boot %0d: length %0d, not %0d", boots, hello_length, want_length);
    last_nonce = nonce;
    for (integer i = 0; i < want_length; i = i + 1) begin
      hello_address = 10'(i);
      repeat (2) @(negedge clock);
      at = want_length - 34 - i;
      if (at > 0 && at <= 4) nonce = {nonce[23:0], hello_data};
      else if (hello_data != want[i]) $fatal(1, "boot %0d: byte %0d is %h, not %h", boots, i, hello_data, want[i]);
    end
    if (!nonce[31] || nonce == last_nonce) $fatal(1, "nonce %h after %h", nonce, last_nonce);
    if (want_good) begin
      if (32'(vocabulary) != u32(24) || 32'(hidden) != u32(28)) $fatal(1, "V or H");
      if (32'(intermediate) != u32(32) || 32'(layers) != u32(36)) $fatal(1, "I or L");
      if (vectors != BASE + u32(60)) $fatal(1, "vectors");
      if (embedding != BASE + u32(68) || ternary != BASE + u32(76)) $fatal(1, "embedding or ternary");
      if (vectors_bytes != u32(64) || ternary_bytes != u32(80)) $fatal(1, "lengths");
      if (program_count != 86 || sigma_count != 256) $fatal(1, "%0d, %0d words", program_count, sigma_count);
      for (integer i = 0; i < 86; i = i + 1) begin
        if (program_seen[i] != {image[97+2*i], image[96+2*i]}) $fatal(1, "program word %0d", i);
      end
      for (integer i = 0; i < 256; i = i + 1) begin
        at = u32(52) + 2 * i;
        if (sigma_seen[i] != {image[at+1], image[at]}) $fatal(1, "SIGMA %0d", i);
      end
    end
  endtask

  // The same bytes as test/gateware/boot-hello.test.ts has encoded and decoded, but for the nonce.
  string path;
  reg [8:0] from_file[0:1023];
  task automatic compare_with_file;
    path = `__FILE__;
    path = {path.substr(0, path.len() - 18), "hello.hex"};
    for (integer i = 0; i < 1024; i = i + 1) from_file[i] = 9'h100;
    $readmemh(path, from_file);
    if (from_file[want_length-1] == 9'h100 || from_file[want_length] != 9'h100) $fatal(1, "length of %s", path);
    for (integer i = 0; i < want_length; i = i + 1) begin
      if ((i < want_length - 38 || i >= want_length - 34) && from_file[i] != {1'b0, want[i]}) begin
        $fatal(1, "byte %0d of %s is %h, the chip's %h", i, path, from_file[i], want[i]);
      end
    end
  endtask

  // Cases: a record that is whole but holds another word, or a byte that is damaged.
  integer case_count = 0;
  integer case_at[0:1023];
  reg [31:0] case_word[0:1023];
  reg case_whole[0:1023], case_good[0:1023];
  task automatic with_word(input integer at, input [31:0] word, input want_good);
    case_at[case_count] = at;
    case_word[case_count] = word;
    case_whole[case_count] = 1;
    case_good[case_count] = want_good;
    case_count = case_count + 1;
  endtask
  task automatic with_byte(input integer at, input [7:0] b);
    case_at[case_count] = at;
    case_word[case_count] = {24'd0, b};
    case_whole[case_count] = 0;
    case_good[case_count] = 0;
    case_count = case_count + 1;
  endtask
  task automatic run_case(input integer index);
    reg [31:0] saved;
    saved = u32(case_at[index]);
    if (case_whole[index]) begin
      put(case_at[index], case_word[index]);
      seal_record;
    end else image[case_at[index]] = case_word[index][7:0];
    stall = index % 3;
    boot_once(case_good[index], 0);
    put(case_at[index], saved);
    seal_record;
  endtask

  initial begin
    stall = 3;
    for (integer i = 0; i < 4; i = i + 1) begin
      make_image(i[0], i == 0 ? 1 : i == 1 ? 23 : i == 2 ? 24 : 64);
      boot_once(1, i[1]);
      if (i == 0) compare_with_file;
    end
    for (integer i = 0; i < 16; i = i + 1) with_byte(i, image[i] ^ 8'h01);
    for (integer i = 16; i < 272; i = i + 1) with_byte(i, image[i] ^ 8'(1 << $urandom_range(7)));
    with_word(16, 32'h4246_4d4e, 0);
    with_word(20, 32'h0100_0002, 0);
    with_word(20, 32'h0101_0001, 0);
    // Every number: smallest, largest, and one beyond.
    with_word(24, 1, 0);
    with_word(24, 2, 1);
    with_word(24, 65536, 1);
    with_word(24, 65537, 0);
    with_word(24, 32'hffff_ffff, 0);
    with_word(28, 0, 0);
    with_word(28, GROUP_BYTES, 1);
    with_word(28, 1024, 1);
    with_word(28, 1024 + GROUP_BYTES, 0);
    with_word(28, 32'h0001_0100, 0);
    with_word(32, 0, 0);
    with_word(32, 2048, 1);
    with_word(32, 2048 + GROUP_BYTES, 0);
    if (GROUP_BYTES > 1) begin
      with_word(28, 257, 0);
      with_word(28, 264, 0);
      with_word(32, 776, 0);
    end
    with_word(36, 0, 0);
    with_word(36, 1, 1);
    with_word(36, 23, 1);
    with_word(36, 24, 0);
    with_word(36, 32'h8000_0001, 0);
    with_word(40, 65536, 0);
    with_word(44, 65535, 1);
    with_word(44, 65536, 0);
    with_word(48, SIZE, 1);
    with_word(48, SIZE + 1, 0);
    for (integer i = 0; i < 4; i = i + 1) begin
      with_word(52 + 8 * i, SIZE - 4096, 1);
      with_word(52 + 8 * i, SIZE, 0);
      with_word(56 + 8 * i, i == 1 ? 2 * VECTOR_WORDS : SIZE, 1);
      with_word(56 + 8 * i, (i == 1 ? 2 * VECTOR_WORDS : SIZE) + 1, 0);
      with_word(56 + 8 * i, 32'h8000_0000, 0);
      with_word(52 + 8 * i, 32'hffff_f000, 0);
      with_word(52 + 8 * i, 32'h0000_1001, 0);
      with_word(52 + 8 * i, 32'h0000_1800, 0);
    end
    with_word(84, SIZE, 0);
    with_word(88, 32'hffff_0000, 0);
    with_word(88, 32'hfffe_f001, 0);
    with_word(88, 703, 0);
    with_word(92, 0, 1);
    with_word(92, 23, 1);
    with_word(92, 24, 1);
    with_word(92, 255, 1);
    with_word(92, 256, 1);
    with_word(92, 65535, 1);
    with_word(92, 65536, 1);
    with_word(92, 32'hffff_ffff, 1);
    // First word 0: no program, even if the next is not.
    with_word(96, 32'h1234_0000, 0);
    with_word(96, 32'h0000_0100, 1);
    // Manifest and seal.
    for (integer i = 272; i < 278; i = i + 1) with_byte(i, image[i] ^ 8'h02);
    with_byte(278, 8'h60);
    with_byte(278, 8'h79);
    with_byte(278, 8'h41);
    with_byte(279, 8'd23);
    with_byte(279, 8'd65);
    with_byte(279, 8'd255);
    with_byte(280, 8'h1f);
    with_byte(343, 8'h7f);
    for (integer i = 1; i < 10; i = i + 1) with_byte(32'h11000 + 704 + i, image[32'h11000+704+i] ^ 8'h04);
    for (integer i = 0; i < case_count; i = i + 1) run_case(i);
    // No image: an empty flash.
    for (integer i = 0; i < SIZE; i = i + 1) image[i] = 8'hff;
    boot_once(0, 1);
    $display("%0d boots; %0d clocks for the last good one", boots, good_clocks);
    $display("PASS");
    $finish(0);
  end

  initial #2000000000 $fatal(1, "time-out");
endmodule

`default_nettype wire
