// A board on a bench: the top level, and at the other end of its serial line a UART written for this bench alone.
// The bench gives and takes whole runs of bytes, so that Python need not wake for every bit. The top level gets a
// clock, a button and a line, as on a board; nothing resets it but the button, and its registers begin as configured.
module board #(
    parameter SEND_BYTES = 2304,
    parameter KEPT_BYTES = 2304
) (
    input wire clk,
    input wire button,
    input wire [15:0] bit_sixteenths,  // of a clock cycle, for each bit of the bench's UART; the board has its own idea
    input wire disturb,              // turns the line to the board over: a break on an idle line, else noise
    input wire [8 * SEND_BYTES - 1:0] send_data,
    input wire [15:0] send_count,
    input wire send,                 // high in one cycle: send so many bytes, the lowest first
    output reg sending,
    output reg [8 * KEPT_BYTES - 1:0] kept_data,   // byte n that arrived is at n modulo KEPT_BYTES
    output reg [31:0] kept_count,    // bytes that have arrived
    output reg [15:0] bad_stops,     // bytes whose stop bit was low, which are not kept
    output wire busy,
    output wire error,
    output wire done,
    output wire sdram_violation      // the board's SDRAM was mistreated; never where it has none
);
    reg line_out = 1;
    wire line_in;
`ifdef SDRAM
    // The chip beside the board's FPGA, which takes commands at the rising edge of its clock pin.
    wire sdram_clock, sdram_clock_enable, sdram_select;
    wire [2:0] sdram_command;
    wire [1:0] sdram_bank, sdram_mask;
    wire [12:0] sdram_address;
    wire [15:0] sdram_data, sdram_read;
    reg [1:0] sdram_drives = 0;
    always @(posedge sdram_clock) sdram_drives <= {sdram_drives[0], sdram_command == 3'b101 && !sdram_select};
    assign sdram_data = sdram_drives[1] ? sdram_read : 16'bz;
    sdram_chip chip(.clk(~sdram_clock), .pins__command(sdram_select ? 3'b111 : sdram_command),
                    .pins__bank(sdram_bank), .pins__address(sdram_address), .pins__data_out(sdram_data),
                    .pins__drive(!sdram_drives[1] && sdram_command == 3'b100), .pins__data_in(sdram_read),
                    .violation(sdram_violation));
`else
    assign sdram_violation = 0;
`endif
    // Where a top level has a reset it stays open, and low: a board's has none.
    // verilator lint_off PINMISSING
    top top(.clk(clk), .rx(line_out ^ disturb), .tx(line_in), .button(button),
`ifdef SDRAM
            .sdram_clock(sdram_clock), .sdram_clock_enable(sdram_clock_enable), .sdram_select(sdram_select),
            .sdram_command(sdram_command), .sdram_bank(sdram_bank), .sdram_address(sdram_address),
            .sdram_mask(sdram_mask), .sdram_data(sdram_data),
`endif
            .busy(busy), .error(error), .done(done));
    // verilator lint_on PINMISSING

    // To the board.
    reg [15:0] next_byte = 0;
    reg [3:0] out_bit = 0;
    integer out_time = 0;
    reg [8 * SEND_BYTES - 1:0] out_data = 0;
    initial sending = 0;
    always @(posedge clk) begin
        if (send && !sending) begin
            out_data <= send_data;
            next_byte <= 0;
            out_bit <= 0;
            out_time <= 0;
            sending <= send_count != 0;
        end else if (sending) begin
            if (out_time < 16) begin
                out_time <= out_time + bit_sixteenths - 16;
                if (next_byte == send_count) begin
                    sending <= 0;
                    line_out <= 1;
                end else begin
                    line_out <= out_bit == 0 ? 1'b0 : out_bit == 9 ? 1'b1 : out_data[8 * next_byte + out_bit - 1];
                    out_bit <= out_bit == 9 ? 0 : out_bit + 1;
                    if (out_bit == 9) next_byte <= next_byte + 1;
                end
            end else out_time <= out_time - 16;
        end
    end

    // From the board: half a bit after the line falls, and then every bit.
    reg [3:0] in_bit = 0;
    reg listening = 0;
    reg [7:0] in_byte = 0;
    integer in_time = 0;
    initial begin
        kept_count = 0;
        bad_stops = 0;
        kept_data = 0;
    end
    always @(posedge clk) begin
        if (!listening) begin
            if (!line_in) begin
                listening <= 1;
                in_bit <= 0;
                in_time <= bit_sixteenths / 2 - 16;
            end
        end else if (in_time < 16) begin
            in_time <= in_time + bit_sixteenths - 16;
            in_bit <= in_bit + 1;
            if (in_bit == 0) begin
                if (line_in) listening <= 0;
            end else if (in_bit == 9) begin
                listening <= 0;
                if (line_in) begin
                    kept_data[8 * (kept_count % KEPT_BYTES) +: 8] <= in_byte;
                    kept_count <= kept_count + 1;
                end else bad_stops <= bad_stops + 1;
            end else in_byte <= {line_in, in_byte[7:1]};
        end else in_time <= in_time - 16;
    end
endmodule
