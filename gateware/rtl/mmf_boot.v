// The boot logic: reads the image once after reset, checks what the gateware relies on, hands out the shape, the
// addresses of the sections, the program and SIGMA, and writes the HELLO message (docs/PROTOCOL.md, section 4).
//
// It is a small byte-code machine. A ROM byte 11x0xxxx is an operation, every other byte is a literal that is written
// to HELLO, compared with the next byte of the image, or both. Numbers are added eight bits a cycle and the image is
// read by requests of one byte, because the start has time (some ten thousand clocks) and the
// chip has no room.
//
// Handshake: while o_done is low the module owns the read port and has at most one request in it. o_done rises once
// and stays; then the port belongs to the core, and o_image_good, the shape and the addresses are stable. Words of the
// program and of SIGMA are written before o_done; what they are counts only if o_image_good is high. o_hello_ready
// rises after o_done AND after i_first_byte, some 80 clocks after the later of the two: the nonce is the state of a
// free-running shift register at that byte. Do not hold back the first byte until o_hello_ready.
//
// Checked: the 16 bytes before the boot record; its magic, version, size and CRC; the shape, against the MAX_…
// parameters and GROUP_BYTES; special tokens < 65,536; length of the file, and offsets and lengths of the sections,
// within MAX_IMAGE_BYTES, `vectors` within VECTOR_WORDS, offsets multiples of 4,096; first word of the program not 0;
// key and head of the name in the manifest, no control character in it; the place of the hash in the seal. Not checked:
// whether lengths and order of the sections are those of the shape, the instruction words, and the hash itself (the
// host does that when it flashes).
// Any failure gives a HELLO without `image`.
//
// Cost on an iCE40UP5K (BYTES 1, sizes 256 and 768, 15 MiB): 368 LUT, 288 flip-flops, 3 EBR (4 if the texts are long),
// about 540 logic cells; 30 MHz. From reset to o_done 33,000 clocks through mmf_qspi_port.
`default_nettype none
`include "mmf_messages.vh"

module mmf_boot #(
    // Width of the read port, a power of two.
    parameter BYTES = 1,
    // Where byte 0 of the image lies: a multiple of 4,096. The image ends below 2^32.
    parameter [31:0] IMAGE_ADDRESS = 32'h0010_0000,
    parameter [31:0] MAX_HIDDEN = 1024,
    parameter [31:0] MAX_INTERMEDIATE = 4096,
    parameter [31:0] MAX_LAYERS = 64,
    parameter [31:0] MAX_VOCABULARY = 65536,
    parameter [31:0] MAX_IMAGE_BYTES = 32'h00f0_0000,
    // Of the section `vectors`, which must fit the chip's memory. What fits that needs at most a ninth of it for the
    // recurrent state (nine vectors of H a layer), which therefore is not checked.
    parameter [31:0] VECTOR_WORDS = 32768,
    // Hidden and intermediate size must be multiples of it; a power of two up to 4,096.
    parameter GROUP_BYTES = 1,
    // Texts of 1 … 64 printable ASCII characters.
    parameter [511:0] BOARD = "icebreaker",
    parameter [511:0] SERIAL = "0",
    parameter [511:0] FIRMWARE = "0"
) (
    input wire i_clock,
    input wire i_reset,

    // Read port, master.
    output wire        o_request_valid,
    input  wire        i_request_ready,
    output wire [31:0] o_request_address,
    output wire [31:0] o_request_bytes,
    input  wire               i_data_valid,
    output wire               o_data_ready,
    input  wire [8*BYTES-1:0] i_data,

    // How the start ended.
    output wire o_done,
    output wire o_image_good,

    // Shape of the model, and absolute addresses of the sections.
    output wire [16:0] o_vocabulary,
    output wire [13:0] o_hidden,
    output wire [13:0] o_intermediate,
    output wire [ 8:0] o_layers,
    output wire [31:0] o_vectors,
    output wire [31:0] o_vectors_bytes,
    output wire [31:0] o_embedding,
    output wire [31:0] o_ternary,
    output wire [31:0] o_ternary_bytes,

    // The 86 words of the program.
    output wire        o_program_write,
    output wire [ 6:0] o_program_index,
    output wire [15:0] o_program_data,

    // The first 256 words of SIGMA.
    output wire        o_sigma_write,
    output wire [ 7:0] o_sigma_index,
    output wire [15:0] o_sigma_data,

    // HELLO: data one clock after the address.
    output wire       o_hello_ready,
    output wire [9:0] o_hello_length,
    // The top bit has no use while the texts are short.
    // verilator lint_off UNUSEDSIGNAL
    input  wire [9:0] i_hello_address,
    // verilator lint_on UNUSEDSIGNAL
    output wire [7:0] o_hello_data,

    // Pulse: the first byte from the host.
    input wire i_first_byte
);

  // Operations: 11x0xxxx, so that no byte of the texts, heads and prefixes below is one.
  // These take the next ROM byte (SET and ADD the next four) as operand:
  localparam [7:0] LITERAL = 8'hc0;  // a literal whatever it is
  localparam [7:0] MAP_HEAD = 8'hc1;  // a literal, one more if there is a good image
  localparam [7:0] COUNT = 8'hc2;  // for CRC, COPY, TEXT, PROGRAM, SIGMA
  localparam [7:0] STORE = 8'hc3;  // value to an output
  localparam [7:0] SET = 8'hc4;  // value = operand
  localparam [7:0] ADD = 8'hc5;  // value += operand
  // These read bytes of the image at the pointer, which moves on:
  localparam [7:0] LOAD = 8'hc8;  // value = u32
  localparam [7:0] SUM = 8'hc9;  // value += u32
  localparam [7:0] LOAD_BACKWARD = 8'hca;  // value = u32, bytes reversed; the pointer is a multiple of 4
  localparam [7:0] CRC = 8'hcb;  // CRC-32 of bytes, in value
  localparam [7:0] COPY = 8'hcc;  // bytes to HELLO
  localparam [7:0] TEXT = 8'hcd;  // same, without control characters
  localparam [7:0] PROGRAM = 8'hce;  // 16-bit words to an output
  localparam [7:0] SIGMA = 8'hcf;
  localparam [7:0] SKIP = 8'he0;  // one byte
  localparam [7:0] TEXT_HEAD = 8'he1;  // CBOR head of a text of 1 … 64 bytes: to HELLO, and its length to the count
  localparam [7:0] TEXT_LENGTH = 8'he2;  // not in the ROM: second byte of such a head
  localparam [7:0] MATCH = 8'he3;  // not in the ROM: a literal that is compared
  // Others:
  localparam [7:0] END = 8'he4;
  localparam [7:0] POINT = 8'he5;  // pointer = value
  localparam [7:0] UINT = 8'he6;  // value, bytes reversed, to HELLO in the shortest form
  localparam [7:0] NONCE = 8'he7;  // waits for the first byte, then four bytes to HELLO
  localparam [7:0] NEED_0 = 8'he8;  // failure unless the last sum had no carry
  localparam [7:0] NEED_1 = 8'he9;  // failure unless it had one
  localparam [7:0] WRITES = 8'hea;  // from here on literals are written (also: no operation)
  localparam [7:0] COMPARES = 8'heb;  // … compared
  localparam [7:0] BOTH = 8'hec;  // … compared, then written
  localparam [7:0] GOOD = 8'hed;  // the image is good
  localparam [7:0] IF_GOOD = 8'hee;  // skips the map of the image if it is not
  localparam [7:0] DONE = 8'hef;

  localparam [7:0] TO_VOCABULARY = 8'd0;
  localparam [7:0] TO_HIDDEN = 8'd1;
  localparam [7:0] TO_INTERMEDIATE = 8'd2;
  localparam [7:0] TO_LAYERS = 8'd3;
  localparam [7:0] TO_NOWHERE = 8'd4;  // … as addresses are
  localparam [7:0] TO_VECTORS = 8'd5;
  localparam [7:0] TO_EMBEDDING = 8'd6;
  localparam [7:0] TO_TERNARY = 8'd7;
  localparam [7:0] TO_VECTORS_BYTES = 8'd8;
  localparam [7:0] TO_NOTHING = 8'd12;

  // The ROM. Parameters of any length have a fixed place in it, filled up with operations that do nothing.

  // Operands are little-endian.
  function [31:0] swapped(input [31:0] word);
    swapped = {word[7:0], word[15:8], word[23:16], word[31:24]};
  endfunction

  function [39:0] set(input [31:0] word);
    set = {SET, swapped(word)};
  endfunction

  function [39:0] add(input [31:0] word);
    add = {ADD, swapped(word)};
  endfunction

  // Moves the pointer to an offset of the image.
  function [47:0] at(input [31:0] offset);
    at = {set(IMAGE_ADDRESS + offset), POINT};
  endfunction

  // Fails unless smallest <= value <= largest: the first sum carries if it is larger, the second unless it is smaller.
  function [95:0] range(input [31:0] smallest, input [31:0] largest);
    range = {add(32'hffff_ffff - largest), NEED_0, add(largest + 1 - smallest), NEED_1};
  endfunction

  // A section's offset, to an absolute address, and its length.
  function [223:0] section(input [7:0] target, input [7:0] to_bytes, input [31:0] most);
    section = {
      {LOAD, add(-MAX_IMAGE_BYTES), NEED_0, add(MAX_IMAGE_BYTES + IMAGE_ADDRESS), STORE, target},
      {LOAD, add(32'hffff_ffff - most), NEED_0, add(most + 1), STORE, to_bytes}
    };
  endfunction

  // A field of the boot record, to HELLO.
  function [63:0] field(input [31:0] offset);
    field = {at(32'd16 + offset), LOAD_BACKWARD, UINT};
  endfunction

  // A constant number, to HELLO in the shortest form.
  function [79:0] number(input [31:0] word);
    if (word < 24) number = {{8{WRITES}}, LITERAL, word[7:0]};
    else if (word < 256) number = {{6{WRITES}}, LITERAL, 8'h18, LITERAL, word[7:0]};
    else if (word < 65536) number = {{4{WRITES}}, LITERAL, 8'h19, LITERAL, word[15:8], LITERAL, word[7:0]};
    else begin
      number = {LITERAL, 8'h1a, LITERAL, word[31:24], LITERAL, word[23:16], LITERAL, word[15:8], LITERAL, word[7:0]};
    end
  endfunction

  function [31:0] text_length(input [511:0] text);
    integer i;
    begin
      text_length = 0;
      for (i = 0; i < 64; i = i + 1) if (text[8*i+:8] != 0) text_length = i + 1;
    end
  endfunction

  function [511:0] text_bytes(input [511:0] text);
    integer i;
    for (i = 0; i < 64; i = i + 1) text_bytes[8*i+:8] = text[8*i+:8] == 0 ? WRITES : text[8*i+:8];
  endfunction

  function [15:0] text_head(input [31:0] length);
    text_head = length < 24 ? {WRITES, 8'h60 + length[7:0]} : {8'h78, length[7:0]};
  endfunction

  localparam [63:0] SCHEMA = `MMF_SCHEMA;
  localparam [127:0] SCHEMA_BYTES = {
    LITERAL, SCHEMA[63:56], LITERAL, SCHEMA[55:48], LITERAL, SCHEMA[47:40], LITERAL, SCHEMA[39:32],
    LITERAL, SCHEMA[31:24], LITERAL, SCHEMA[23:16], LITERAL, SCHEMA[15:8], LITERAL, SCHEMA[7:0]
  };

  // The CRC field holds the complement of the CRC of the bytes before it, so their sum is all ones if it is right.
  localparam CHECK_BYTES = 265;
  localparam [8*CHECK_BYTES-1:0] CHECK = {
    {at(0), COMPARES, 32'hd9d9f78e, 8'h68, "mmfree/1", 24'h590100, "MMFB", 32'h01000001, WRITES},
    {at(16), set(32'hffff_ffff), COUNT, 8'd252, CRC, SUM, add(1), NEED_1},
    // Fields of the boot record in their order, from here to the revision.
    at(24),
    {LOAD, STORE, TO_VOCABULARY, range(2, MAX_VOCABULARY)},
    {LOAD, STORE, TO_HIDDEN, range(1, MAX_HIDDEN)},
    {LOAD, STORE, TO_INTERMEDIATE, range(1, MAX_INTERMEDIATE)},
    {LOAD, STORE, TO_LAYERS, range(1, MAX_LAYERS)},
    {LOAD, add(32'hffff_0000), NEED_0, LOAD, add(32'hffff_0000), NEED_0},
    {LOAD, add(32'hffff_ffff - MAX_IMAGE_BYTES), NEED_0},
    {section(TO_NOWHERE, TO_NOTHING, MAX_IMAGE_BYTES), section(TO_VECTORS, TO_VECTORS_BYTES, 2 * VECTOR_WORDS)},
    {section(TO_EMBEDDING, TO_NOTHING, MAX_IMAGE_BYTES), section(TO_TERNARY, TO_NOTHING, MAX_IMAGE_BYTES)},
    // The upper half of this number is the first word of the program.
    {at(94), LOAD, add(32'hffff_0000), NEED_1}
  };
  localparam WORDS_BYTES = 26;
  localparam [8*WORDS_BYTES-1:0] WORDS = {
    {at(96), COUNT, 8'd86, PROGRAM},
    {at(52), LOAD, add(IMAGE_ADDRESS), POINT, COUNT, 8'd0, SIGMA},
    GOOD
  };

  // HELLO, its keys in the order of their encodings. A failure starts again here, without an image.
  localparam BEGIN_BYTES = 75;
  localparam [8*BEGIN_BYTES-1:0] BEGIN = {
    {MAP_HEAD, 8'haa, 8'h65, "board", text_head(text_length(BOARD)), text_bytes(BOARD), IF_GOOD}
  };
  localparam IMAGE_BYTES = 210;
  localparam [8*IMAGE_BYTES-1:0] IMAGE = {
    {8'h65, "image", 8'haa},
    {at(272), COMPARES, 8'ha6, BOTH, 8'h64, "name", WRITES, TEXT_HEAD, TEXT},
    {8'h66, "layers", field(20)},
    // The seal begins where the tokenizer ends; its first key is the same whether it is signed or not.
    {at(84), LOAD, SUM, NEED_0, add(-MAX_IMAGE_BYTES), NEED_0, add(MAX_IMAGE_BYTES + IMAGE_ADDRESS), POINT, SKIP},
    {BOTH, 8'h66, "sha256", 16'h5820, WRITES, COUNT, 8'd32, COPY},
    {8'h68, "revision", field(76)},
    {8'h69, "confirmed", 8'hf5},
    {8'h6a, "vocab_size", field(8)},
    {8'h6b, "hidden_size", field(12)},
    {8'h6c, "bos_token_id", field(24)},
    {8'h6c, "eos_token_id", field(28)},
    {8'h71, "intermediate_size", field(16)}
  };
  localparam REST_BYTES = 386;
  localparam [8*REST_BYTES-1:0] REST = {
    {8'h65, "slots", 8'h01},
    {8'h66, "limits", 8'ha7},
    {8'h66, "layers", number(MAX_LAYERS)},
    {8'h66, "window", 8'h01},
    {8'h6a, "vocab_size", number(MAX_VOCABULARY)},
    {8'h6b, "hidden_size", number(MAX_HIDDEN)},
    {8'h6b, "image_bytes", number(MAX_IMAGE_BYTES)},
    {8'h6d, "prompt_tokens", 8'h01},
    {8'h71, "intermediate_size", number(MAX_INTERMEDIATE)},
    {8'h66, "schema", 8'h48, SCHEMA_BYTES},
    {8'h66, "serial", text_head(text_length(SERIAL)), text_bytes(SERIAL)},
    {8'h68, "firmware", text_head(text_length(FIRMWARE)), text_bytes(FIRMWARE)},
    {8'h68, "protocol", `MMF_PROTOCOL_VERSION},
    // From here on value and pointer are at rest: the last number that the core needs stays in value.
    {8'h6a, "boot_nonce", 8'h1a, at(80), LOAD, DONE, NONCE},
    {8'h6c, "sector_bytes", 24'h191000},
    {8'h70, "minimum_revision", 8'h00, END}
  };

  localparam HELLO_AT = CHECK_BYTES + WORDS_BYTES;
  localparam REST_AT = HELLO_AT + BEGIN_BYTES + IMAGE_BYTES;
  localparam USED_BYTES = REST_AT + REST_BYTES;
  localparam [8191:0] ROM = {CHECK, WORDS, BEGIN, IMAGE, REST, {1024 - USED_BYTES{END}}};

  // The longest HELLO: 470 bytes and the three texts with their heads.
  localparam LONGEST = 476 + text_length(BOARD) + text_length(SERIAL) + text_length(FIRMWARE);
  localparam HELLO_BITS = LONGEST > 512 ? 10 : 9;

  // A function, for simulators that unroll the loop: they should not repeat the constant.
  function [7:0] rom_byte(input integer index);
    /* verilator no_inline_task */
    rom_byte = ROM[8*(1023-index)+:8];
  endfunction

  reg [7:0] rom_mem[0:1023];
  integer k;
  initial for (k = 0; k < 1024; k = k + 1) rom_mem[k] = rom_byte(k);

  // States.
  localparam [3:0] READ = 4'd0;  // the ROM answers
  localparam [3:0] DECODE = 4'd1;
  localparam [3:0] MOVE = 4'd2;  // value to pointer, four cycles
  localparam [3:0] ASK = 4'd3;  // request
  localparam [3:0] TAKE = 4'd4;  // data
  localparam [3:0] ACT = 4'd5;  // the byte is used
  localparam [3:0] BUMP = 4'd6;  // pointer + 1, four cycles
  localparam [3:0] HEAD = 4'd7;  // head of a number
  localparam [3:0] BYTE = 4'd8;  // its bytes, or those of the nonce
  localparam [3:0] HALT = 4'd9;

  reg [3:0] state_r;
  reg [9:0] pc_r;
  reg [7:0] rom_r;
  // What is going on or waits for its operand; bits 7, 6 and 4 are those of any operation.
  reg [7:0] op_r;
  reg compares_r, writes_r, good_r, done_r, started_r;
  reg [31:0] value_r, pointer_r;
  reg carry_r, bump_carry_r;
  // Which byte of four; which cycle of a byte; which byte of a number is the first that is written.
  reg [1:0] slot_r, first_r;
  reg [2:0] step_r;
  reg [7:0] byte_r, count_r;
  reg last_r;
  reg [9:0] length_r;

  wire is_operation = rom_r[7:6] == 2'b11 & ~rom_r[4];
  // Operations that take operands are c0 … c7.
  wire takes_operand = ~op_r[5] & ~op_r[3];
  wire is_literal = takes_operand | ~is_operation;
  wire rom_reads = rom_r[5:3] == 3'b001 | rom_r[5:2] == 4'b1000;

  wire in_decode = state_r == DECODE;
  wire in_act = state_r == ACT;
  wire in_bump = state_r == BUMP;
  wire in_byte = state_r == BYTE;

  // One adder. A sum goes to value, pointer, count or HELLO.
  wire is_nonce = op_r[2:0] == NONCE[2:0];
  wire adds_value = state_r == MOVE | in_byte & ~is_nonce | in_decode & op_r == ADD | in_act & op_r == SUM;
  wire adds_nonce = in_byte & is_nonce;
  reg [31:0] nonce_r;
  wire [7:0] sum_a =
      (adds_value ? value_r[7:0] : 8'd0) | (in_bump ? pointer_r[7:0] : 8'd0) |
      (adds_nonce ? {nonce_r[7] | slot_r == 0, nonce_r[6:0]} : 8'd0);
  wire [7:0] sum_b = in_decode ? rom_r : in_act ? byte_r : 8'd0;
  wire carry_in = in_bump ? bump_carry_r : carry_r;
  wire [8:0] sum = {1'b0, sum_a} + {1'b0, sum_b} + {8'd0, carry_in};

  // What a literal does: compared ones are read first.
  wire literal_compares = in_decode & is_literal & (~takes_operand) & compares_r;
  wire literal_writes = in_decode & is_literal & (~takes_operand | op_r[2:1] == 2'b00) & ~compares_r;
  wire literal_shifts = in_decode & takes_operand & op_r[2];
  wire stores = in_decode & takes_operand & op_r[2:0] == STORE[2:0];
  wire counts = in_decode & takes_operand & op_r[2:0] == COUNT[2:0];
  wire operates = in_decode & ~is_literal;

  wire act_loads = in_act & op_r[5:3] == 3'b001 & (~op_r[2] & op_r[1:0] != 2'b11 | op_r[2:1] == 2'b11);
  wire act_crc = in_act & op_r == CRC;
  wire act_copies = in_act & op_r[5:1] == COPY[5:1];
  wire act_heads = in_act & op_r[5] & ^op_r[1:0];
  wire act_matches = in_act & op_r[5] & &op_r[1:0];
  wire act_head_first = act_heads & op_r[0];
  wire is_words = op_r[5:1] == PROGRAM[5:1];
  // The head of a text of 24 bytes or more has a second byte.
  wire is_long_head = byte_r[4:3] == 2'b11;

  wire shape_misfit = |(value_r & (GROUP_BYTES - 1));
  wire fails =
      operates & rom_r[5:1] == NEED_0[5:1] & carry_r != rom_r[0] |
      stores & ~rom_r[3] & (rom_r[2] ? |value_r[11:0] : ^rom_r[1:0] & shape_misfit) |
      act_matches & byte_r != rom_r |
      act_copies & op_r[0] & (byte_r[7:5] == 0 | &byte_r[6:0]) |
      act_head_first & (byte_r[7:5] != 3'b011 | byte_r[4:0] == 0 | is_long_head & |byte_r[2:0]) |
      act_heads & ~op_r[0] & (byte_r[7:3] < 3 | byte_r > 64);

  // HELLO is written.
  wire is_wide = |value_r[15:0];
  wire is_middle = |value_r[23:16];
  wire is_small = value_r[31:24] < 24;
  wire head_writes = state_r == HEAD & (is_wide | is_middle | ~is_small);
  wire byte_writes = in_byte & (is_nonce ? started_r : slot_r >= first_r);
  wire hello_write = literal_writes | act_matches & writes_r | act_copies | act_heads | head_writes | byte_writes;
  wire [7:0] hello_byte = state_r == HEAD ? {6'b000110, is_wide, ~is_wide & is_middle} : sum[7:0];
  reg [7:0] hello_mem[0:2**HELLO_BITS-1];
  reg [7:0] hello_r;
  always @(posedge i_clock) begin
    if (hello_write) hello_mem[length_r[HELLO_BITS-1:0]] <= hello_byte;
    hello_r <= hello_mem[i_hello_address[HELLO_BITS-1:0]];
  end

  always @(posedge i_clock) rom_r <= rom_mem[pc_r];

  // Counts always, from the first clock of the chip on, except between the first byte and the next reset: a shift
  // register with the polynomial of CRC-32 (complemented, so that it starts from 0), because it needs no carry chain.
  initial nonce_r = 0;
  always @(posedge i_clock) begin
    if (adds_nonce & started_r) nonce_r <= {nonce_r[7:0], nonce_r[31:8]};
    else if (~started_r) nonce_r <= {1'b1, nonce_r[31:1]} ^ (nonce_r[0] ? 32'd0 : 32'hedb8_8320);
    if (i_reset) started_r <= 0;
    else if (i_first_byte) started_r <= 1;
  end

  // Value, pointer and the byte that was read.
  wire value_shifts = literal_shifts | act_loads | state_r == MOVE | in_byte & ~is_nonce;
  wire crc_out = value_r[0] ^ byte_r[0];
  wire [7:0] lane;
  always @(posedge i_clock) begin
    if (value_shifts) value_r <= {sum[7:0], value_r[31:8]};
    else if (act_crc) value_r <= {1'b0, value_r[31:1]} ^ (crc_out ? 32'hedb8_8320 : 32'd0);

    if (state_r == MOVE | in_bump) pointer_r <= {sum[7:0], pointer_r[31:8]};

    if (act_crc) byte_r <= {1'b0, byte_r[7:1]};
    else if (state_r == TAKE) byte_r <= lane;
  end

  // Last byte of what the operation reads.
  wire is_one = count_r == 1;
  wire ends_word = pointer_r[0];
  wire is_last =
      op_r[5] ? ~(op_r[0] & ~op_r[1] & is_long_head) :
      op_r[2] ? is_one & (ends_word | ~op_r[1]) :
      op_r[1:0] == CRC[1:0] ? is_one : &slot_r;
  wire ends_act = in_act & (~act_crc | &step_r);
  wire ends_bump = in_bump & step_r[1:0] == 2'd3;

  always @(posedge i_clock) begin
    if (value_shifts | in_byte & byte_writes) slot_r <= slot_r + 1;
    if (act_crc | in_bump) step_r <= step_r + 1;
    if (in_bump) bump_carry_r <= sum[8];
    if (literal_shifts | literal_writes | act_loads) carry_r <= sum[8];

    case (state_r)
      READ: state_r <= DECODE;
      DECODE: begin
        if (~literal_compares) pc_r <= pc_r + 1;
        state_r <= literal_compares ? ASK : READ;
        if (literal_compares) op_r <= MATCH;
        if (takes_operand & (~op_r[2] | &slot_r)) op_r <= END;
        if (operates) begin
          op_r <= rom_r;
          slot_r <= 0;
          carry_r <= rom_r[5:0] == MAP_HEAD[5:0] & good_r;
          if (rom_reads) state_r <= ASK;
          case (rom_r)
            POINT: state_r <= MOVE;
            UINT: state_r <= HEAD;
            NONCE: state_r <= BYTE;
            END: state_r <= HALT;
            WRITES: {compares_r, writes_r} <= 2'b01;
            COMPARES: {compares_r, writes_r} <= 2'b10;
            BOTH: {compares_r, writes_r} <= 2'b11;
            GOOD: good_r <= 1;
            IF_GOOD: if (~good_r) pc_r <= REST_AT[9:0];
            DONE: done_r <= 1;
            default: ;
          endcase
        end
      end
      MOVE: if (&slot_r) state_r <= READ;
      ASK: if (i_request_ready) state_r <= TAKE;
      TAKE: begin
        step_r <= 0;
        if (i_data_valid) state_r <= ACT;
      end
      ACT: begin
        bump_carry_r <= 1;
        last_r <= is_last;
        if (act_matches) pc_r <= pc_r + 1;
        if (ends_act) begin
          step_r <= 0;
          state_r <= BUMP;
        end
      end
      BUMP:
      if (ends_bump) begin
        state_r <= last_r ? DECODE : ASK;
        if (~last_r & op_r[5]) op_r <= TEXT_LENGTH;
        else if (last_r) op_r <= END;
      end
      HEAD: begin
        first_r <= {~is_wide, ~is_wide & ~is_middle};
        state_r <= BYTE;
      end
      BYTE: if (&slot_r & (~is_nonce | started_r)) state_r <= READ;
      default: ;
    endcase

    // Of the count of words only the second byte of each one takes.
    if (counts | act_heads) count_r <= {act_head_first ? 3'd0 : sum[7:5], sum[4:0]};
    else if (ends_act & (~is_words | ends_word)) count_r <= count_r - 1;

    if (hello_write) length_r <= length_r + 1;

    if (fails) begin
      state_r <= READ;
      pc_r <= HELLO_AT[9:0];
      op_r <= END;
      {compares_r, writes_r} <= 2'b01;
      good_r <= 0;
      length_r <= 0;
    end
    if (i_reset) begin
      state_r <= READ;
      pc_r <= 0;
      op_r <= END;
      {compares_r, writes_r} <= 2'b01;
      good_r <= 0;
      done_r <= 0;
      length_r <= 0;
    end
  end

  // Outputs.
  // No more bits than the limits need: each one is a cell.
  function [31:0] mask(input [31:0] largest);
    mask = largest == 32'hffff_ffff ? largest : (32'd1 << $clog2(largest + 1)) - 1;
  endfunction
  localparam [31:0] HIDDEN_MASK = mask(MAX_HIDDEN);
  localparam [31:0] INTERMEDIATE_MASK = mask(MAX_INTERMEDIATE);
  localparam [31:0] LAYERS_MASK = mask(MAX_LAYERS);
  localparam [31:0] ADDRESS_MASK = mask(IMAGE_ADDRESS + MAX_IMAGE_BYTES - 1);
  localparam [31:0] VECTORS_MASK = mask(2 * VECTOR_WORDS);
  localparam [31:0] LENGTH_MASK = mask(MAX_IMAGE_BYTES);
  reg [16:0] vocabulary_r;
  reg [13:0] hidden_r, intermediate_r;
  reg [ 8:0] layers_r;
  reg [31:12] vectors_r, embedding_r, ternary_r;
  reg [31:0] vectors_bytes_r;
  always @(posedge i_clock) begin
    if (stores) begin
      case (rom_r[3:0])
        TO_VOCABULARY[3:0]: vocabulary_r <= value_r[16:0];
        TO_HIDDEN[3:0]: hidden_r <= value_r[13:0] & HIDDEN_MASK[13:0];
        TO_INTERMEDIATE[3:0]: intermediate_r <= value_r[13:0] & INTERMEDIATE_MASK[13:0];
        TO_LAYERS[3:0]: layers_r <= value_r[8:0] & LAYERS_MASK[8:0];
        TO_VECTORS[3:0]: vectors_r <= value_r[31:12] & ADDRESS_MASK[31:12];
        TO_EMBEDDING[3:0]: embedding_r <= value_r[31:12] & ADDRESS_MASK[31:12];
        TO_TERNARY[3:0]: ternary_r <= value_r[31:12] & ADDRESS_MASK[31:12];
        TO_VECTORS_BYTES[3:0]: vectors_bytes_r <= value_r & VECTORS_MASK;
        default: ;
      endcase
    end
  end
  assign o_vocabulary = vocabulary_r;
  assign o_hidden = hidden_r;
  assign o_intermediate = intermediate_r;
  assign o_layers = layers_r;
  assign o_vectors = {vectors_r, 12'd0};
  assign o_vectors_bytes = vectors_bytes_r;
  assign o_ternary_bytes = value_r & LENGTH_MASK;
  assign o_embedding = {embedding_r, 12'd0};
  assign o_ternary = {ternary_r, 12'd0};

  // The pointer is at the second byte of a word. The program begins at word 48 of a multiple of 4,096, SIGMA at 0.
  wire word_write = in_bump & step_r == 0 & is_words & ends_word;
  assign o_program_write = word_write & ~op_r[0];
  assign o_program_index = {pointer_r[7:5] - 3'd3, pointer_r[4:1]};
  assign o_program_data = value_r[31:16];
  assign o_sigma_write = word_write & op_r[0];
  assign o_sigma_index = pointer_r[8:1];
  assign o_sigma_data = value_r[31:16];

  wire is_backward = op_r == LOAD_BACKWARD;
  wire [31:0] address = {pointer_r[31:2], pointer_r[1:0] ^ {2{is_backward}}};
  assign o_request_valid = state_r == ASK;
  assign o_request_address = address;
  assign o_request_bytes = 1;
  assign o_data_ready = state_r == TAKE;
  generate
    if (BYTES == 1) begin : g_one_lane
      assign lane = i_data;
    end else begin : g_lanes
      assign lane = i_data[{address[$clog2(BYTES)-1:0], 3'b000}+:8];
    end
  endgenerate

  assign o_done = done_r;
  assign o_image_good = done_r & good_r;
  assign o_hello_ready = state_r == HALT;
  assign o_hello_length = length_r;
  assign o_hello_data = hello_r;

endmodule

`default_nettype wire
