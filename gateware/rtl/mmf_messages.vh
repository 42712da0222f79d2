// Made by scripts/headers.mjs from the table of messages (protocol/wire/messages.ts): change it there.
`ifndef MMF_MESSAGES
`define MMF_MESSAGES

`define MMF_PROTOCOL_VERSION 8'd1

// Hash of the table: docs/PROTOCOL.md, section 4.
`define MMF_SCHEMA 64'hacde717cb842a99a

// Types of messages: docs/PROTOCOL.md, section 3.
`define MMF_GET_INFO 8'h1
`define MMF_RESET 8'h10
`define MMF_STEP 8'h11
`define MMF_RUN 8'h12
`define MMF_CANCEL 8'h13
`define MMF_RESUME 8'h14
`define MMF_FLASH_BEGIN 8'h20
`define MMF_FLASH_COMPARE 8'h21
`define MMF_FLASH_WRITE 8'h22
`define MMF_FLASH_END 8'h23
`define MMF_FLASH_READ 8'h24
`define MMF_CONFIRM 8'h25
`define MMF_REVERT 8'h26
`define MMF_HELLO 8'h80
`define MMF_ERROR 8'h81
`define MMF_INFO 8'h82
`define MMF_DONE 8'h90
`define MMF_STEPPED 8'h91
`define MMF_TOKEN 8'h92
`define MMF_ENDED 8'h93
`define MMF_FLASH_READY 8'ha0
`define MMF_FLASH_SUMS 8'ha1
`define MMF_FLASH_ENDED 8'ha2
`define MMF_FLASH_DATA 8'ha3

`endif
