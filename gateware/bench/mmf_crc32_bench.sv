// variants: -GBYTES=1; -GBYTES=2; -GBYTES=4
// CRC-32: values of zlib's crc32() and of the catalogue of CRCs (reveng.sourceforge.io, CRC-32/ISO-HDLC, check cbf43926),
// random data against a shift register that works from the other end, and the two properties that the gateware uses.
`default_nettype none

module mmf_crc32_bench #(
    parameter BYTES = 1
);

  reg clock = 0;
  always #5 clock = ~clock;

  reg clear = 0, valid = 0;
  reg [8*BYTES-1:0] data = 0;
  wire [31:0] register;
  mmf_crc32 #(
      .BYTES(BYTES)
  ) dut (
      .i_clock(clock),
      .i_clear(clear),
      .i_valid(valid),
      .i_data(data),
      .o_register(register)
  );

  byte unsigned message[$];

  // Not reflected: polynomial 04c11db7, first bit is the lowest of each byte, result turned around.
  function automatic [31:0] expected();
    bit [31:0] crc = 32'hffff_ffff;
    foreach (message[i]) begin
      for (int bit_index = 0; bit_index < 8; bit_index++) begin
        bit feedback;
        feedback = crc[31] ^ message[i][bit_index];
        crc = crc << 1;
        if (feedback) crc = crc ^ 32'h04c1_1db7;
      end
    end
    for (int bit_index = 0; bit_index < 32; bit_index++) expected[bit_index] = ~crc[31-bit_index];
  endfunction

  task automatic feed(input bit [31:0] word);
    @(negedge clock);
    valid = 1;
    data  = word[8*BYTES-1:0];
    // With pauses, in which nothing must change.
    if ($urandom_range(3) == 0) begin
      @(negedge clock);
      valid = 0;
      data  = ~data;
    end
  endtask

  task automatic run();
    @(negedge clock);
    clear = 1;
    valid = 1;
    @(negedge clock);
    clear = 0;
    valid = 0;
    for (int i = 0; i < message.size(); i += BYTES) begin
      bit [31:0] word;
      word = 0;
      for (int k = 0; k < BYTES; k++) word[8*k+:8] = message[i+k];
      feed(word);
    end
    @(negedge clock);
    valid = 0;
    if (~register !== expected()) $fatal(1, "%0d bytes: %h, not %h", message.size(), ~register, expected());
  endtask

  task automatic check(input bit [31:0] crc);
    if (message.size() % BYTES != 0) return;
    run();
    if (~register !== crc) $fatal(1, "%0d bytes: %h, not %h", message.size(), ~register, crc);
  endtask

  task automatic text(input string characters);
    message = {};
    foreach (characters[i]) message.push_back(characters[i]);
  endtask

  initial begin
    bit [31:0] crc;
    message = {};
    check(32'h0000_0000);
    message = '{8'd0};
    check(32'hd202_ef8d);
    message = '{8'd0, 8'd0, 8'd0, 8'd0};
    check(32'h2144_df1c);
    message = '{8'd255, 8'd255, 8'd255, 8'd255};
    check(32'hffff_ffff);
    text("123456789");
    check(32'hcbf4_3926);
    text("The quick brown fox jumps over the lazy dog");
    check(32'h414f_a339);
    message = {};
    for (int i = 0; i < 256; i++) message.push_back(i[7:0]);
    check(32'h2905_8c73);

    for (int round = 0; round < 300; round++) begin
      message = {};
      repeat (BYTES * $urandom_range(40)) message.push_back($urandom_range(255));
      run();
      crc = ~register;
      if (BYTES == 1) begin
        // The register's own low byte shifts it out.
        for (int k = 0; k < 4; k++) begin
          if (~register[7:0] !== crc[8*k+:8]) $fatal(1, "byte %0d of the CRC: %h, not %h", k, ~register[7:0], crc);
          @(negedge clock);
          valid = 1;
          data  = register[7:0];
          @(negedge clock);
          valid = 0;
        end
        if (register !== 0) $fatal(1, "the register holds %h after its bytes", register);
      end
      // After the message and its CRC the register is always the same.
      for (int k = 0; k < 4; k++) message.push_back(crc[8*k+:8]);
      run();
      if (register !== 32'hdebb_20e3) $fatal(1, "residue %h", register);
    end
    $display("PASS");
    $finish;
  end

  initial begin
    #10_000_000 $fatal(1, "timeout");
  end

endmodule
