// DP16KD of an ECP5 for simulation: 18 kbit of block RAM, in the modes that synthesis of this design gives.
//
// Widths 1, 2, 4, 9 or 18 on both sides: two ports, of which A may write. Widths 36 and 36: port A writes and port B
// reads, with the lower half of a word on the A side and the upper half on the B side of data in and data out. A port
// takes its address, enables and data at the rising edge of its clock, and shows the word that it reads after it; there
// is no output register. The address of a word of 1, 2, 4, 9, 18 and 36 bits is AD[13:0], AD[13:1], AD[13:2], AD[13:3],
// AD[13:4] and AD[13:5]; the lowest bits, which have no meaning in an address of a word of 18 or 36 bits, enable its
// bytes of 9 bits for writing. A port of up to 18 bits that writes shows the word as it was before (READBEFOREWRITE),
// or goes on showing what it showed (NORMAL). Words of 1, 2 and 4 bits leave the ninth bit of each byte unused.
//
// A word that B reads while A writes it is undefined. This model gives a wrong one, the complement of what is written,
// so that nothing which depends on it passes. INITVAL_ii holds words 16 i to 16 i + 15 of 18 bits, each in 20 bits. Any
// other mode ends the simulation. Yosys has no model of this cell.
module DP16KD #(
    parameter DATA_WIDTH_A = 18, parameter DATA_WIDTH_B = 18,
    parameter REGMODE_A = "NOREG", parameter REGMODE_B = "NOREG",
    parameter RESETMODE = "SYNC", parameter ASYNC_RESET_RELEASE = "SYNC", parameter GSR = "DISABLED",
    parameter CSDECODE_A = "0b000", parameter CSDECODE_B = "0b000",
    parameter WRITEMODE_A = "NORMAL", parameter WRITEMODE_B = "NORMAL",
    parameter CLKAMUX = "CLKA", parameter CLKBMUX = "CLKB",
    parameter [319:0] INITVAL_00 = 0, INITVAL_01 = 0, INITVAL_02 = 0, INITVAL_03 = 0,
    parameter [319:0] INITVAL_04 = 0, INITVAL_05 = 0, INITVAL_06 = 0, INITVAL_07 = 0,
    parameter [319:0] INITVAL_08 = 0, INITVAL_09 = 0, INITVAL_0A = 0, INITVAL_0B = 0,
    parameter [319:0] INITVAL_0C = 0, INITVAL_0D = 0, INITVAL_0E = 0, INITVAL_0F = 0,
    parameter [319:0] INITVAL_10 = 0, INITVAL_11 = 0, INITVAL_12 = 0, INITVAL_13 = 0,
    parameter [319:0] INITVAL_14 = 0, INITVAL_15 = 0, INITVAL_16 = 0, INITVAL_17 = 0,
    parameter [319:0] INITVAL_18 = 0, INITVAL_19 = 0, INITVAL_1A = 0, INITVAL_1B = 0,
    parameter [319:0] INITVAL_1C = 0, INITVAL_1D = 0, INITVAL_1E = 0, INITVAL_1F = 0,
    parameter [319:0] INITVAL_20 = 0, INITVAL_21 = 0, INITVAL_22 = 0, INITVAL_23 = 0,
    parameter [319:0] INITVAL_24 = 0, INITVAL_25 = 0, INITVAL_26 = 0, INITVAL_27 = 0,
    parameter [319:0] INITVAL_28 = 0, INITVAL_29 = 0, INITVAL_2A = 0, INITVAL_2B = 0,
    parameter [319:0] INITVAL_2C = 0, INITVAL_2D = 0, INITVAL_2E = 0, INITVAL_2F = 0,
    parameter [319:0] INITVAL_30 = 0, INITVAL_31 = 0, INITVAL_32 = 0, INITVAL_33 = 0,
    parameter [319:0] INITVAL_34 = 0, INITVAL_35 = 0, INITVAL_36 = 0, INITVAL_37 = 0,
    parameter [319:0] INITVAL_38 = 0, INITVAL_39 = 0, INITVAL_3A = 0, INITVAL_3B = 0,
    parameter [319:0] INITVAL_3C = 0, INITVAL_3D = 0, INITVAL_3E = 0, INITVAL_3F = 0
) (
    input DIA17, DIA16, DIA15, DIA14, DIA13, DIA12, DIA11, DIA10, DIA9, DIA8, DIA7, DIA6, DIA5, DIA4, DIA3, DIA2,
        DIA1, DIA0,
    input ADA13, ADA12, ADA11, ADA10, ADA9, ADA8, ADA7, ADA6, ADA5, ADA4, ADA3, ADA2, ADA1, ADA0,
    input CEA, OCEA, CLKA, WEA, RSTA, CSA2, CSA1, CSA0,
    output DOA17, DOA16, DOA15, DOA14, DOA13, DOA12, DOA11, DOA10, DOA9, DOA8, DOA7, DOA6, DOA5, DOA4, DOA3, DOA2,
        DOA1, DOA0,
    input DIB17, DIB16, DIB15, DIB14, DIB13, DIB12, DIB11, DIB10, DIB9, DIB8, DIB7, DIB6, DIB5, DIB4, DIB3, DIB2,
        DIB1, DIB0,
    input ADB13, ADB12, ADB11, ADB10, ADB9, ADB8, ADB7, ADB6, ADB5, ADB4, ADB3, ADB2, ADB1, ADB0,
    input CEB, OCEB, CLKB, WEB, RSTB, CSB2, CSB1, CSB0,
    output DOB17, DOB16, DOB15, DOB14, DOB13, DOB12, DOB11, DOB10, DOB9, DOB8, DOB7, DOB6, DOB5, DOB4, DOB3, DOB2,
        DOB1, DOB0
);
    localparam WIDE = DATA_WIDTH_A == 36;
    localparam NARROW = DATA_WIDTH_A < 18;
    localparam WORDS = 1024;
    localparam SKIPPED = DATA_WIDTH_A == 9 ? 3 : DATA_WIDTH_A == 4 ? 2 : DATA_WIDTH_A == 2 ? 1 : 0;
    localparam NARROW_WORDS = NARROW ? 16384 >> SKIPPED : 1;
    localparam NARROW_BITS = NARROW ? DATA_WIDTH_A : 1;
    localparam IN_BYTE = 8 / NARROW_BITS > 0 ? 8 / NARROW_BITS : 1;  // narrow words of a byte
    localparam FIELD = 20;  // bits of INITVAL for a word of 18
    wire [17:0] data_a = {DIA17, DIA16, DIA15, DIA14, DIA13, DIA12, DIA11, DIA10, DIA9, DIA8, DIA7, DIA6, DIA5,
        DIA4, DIA3, DIA2, DIA1, DIA0};
    wire [17:0] data_b = {DIB17, DIB16, DIB15, DIB14, DIB13, DIB12, DIB11, DIB10, DIB9, DIB8, DIB7, DIB6, DIB5,
        DIB4, DIB3, DIB2, DIB1, DIB0};
    wire [13:0] address_a = {ADA13, ADA12, ADA11, ADA10, ADA9, ADA8, ADA7, ADA6, ADA5, ADA4, ADA3, ADA2, ADA1, ADA0};
    wire [13:0] address_b = {ADB13, ADB12, ADB11, ADB10, ADB9, ADB8, ADB7, ADB6, ADB5, ADB4, ADB3, ADB2, ADB1, ADB0};
    wire [9:0] word_a = address_a[13:4];
    wire [9:0] word_b = address_b[13:4];
    wire selected_a = CEA && {CSA2, CSA1, CSA0} == 3'b000;
    wire selected_b = CEB && {CSB2, CSB1, CSB0} == 3'b000;
    wire writes = selected_a && WEA && (WIDE ? |address_a[3:0] : NARROW || |address_a[1:0]);
    wire [13:0] narrow_a = address_a >> SKIPPED;
    wire [13:0] narrow_b = address_b >> SKIPPED;
    wire [17:0] narrow_written = data_a[NARROW_BITS - 1:0];
    reg [17:0] memory [0:WORDS - 1];
    reg [NARROW_BITS - 1:0] narrow [0:NARROW_WORDS - 1];
    wire [17:0] narrow_read_a = narrow[narrow_a];
    wire [17:0] narrow_read_b = narrow[narrow_b];
    reg [17:0] shown_a;
    reg [17:0] shown_b;

    function [17:0] merged(input [17:0] old, input [17:0] data, input [1:0] bytes);
        merged = {bytes[1] ? data[17:9] : old[17:9], bytes[0] ? data[8:0] : old[8:0]};
    endfunction

    wire [9:0] low = {word_a[9:1], 1'b0};
    wire [9:0] high = {word_a[9:1], 1'b1};
    wire wide_collision = writes && word_a[9:1] == word_b[9:1];
    wire [17:0] written_low = merged(memory[low], data_a, address_a[1:0]);
    wire [17:0] written_high = merged(memory[high], data_b, address_a[3:2]);
    wire [17:0] written = merged(memory[word_a], data_a, address_a[1:0]);

    generate
        if (WIDE) begin
            always @(posedge CLKA) if (writes) begin
                memory[low] <= written_low;
                memory[high] <= written_high;
            end
            always @(posedge CLKB) if (selected_b) begin
                shown_a <= wide_collision ? ~written_low : memory[{word_b[9:1], 1'b0}];
                shown_b <= wide_collision ? ~written_high : memory[{word_b[9:1], 1'b1}];
            end
        end else if (NARROW) begin
            always @(posedge CLKA) if (selected_a) begin
                if (writes) narrow[narrow_a] <= narrow_written[NARROW_BITS - 1:0];
                if (!WEA || WRITEMODE_A == "READBEFOREWRITE") shown_a <= narrow_read_a;
            end
            always @(posedge CLKB) if (selected_b)
                shown_b <= writes && narrow_a == narrow_b ? ~narrow_written : narrow_read_b;
        end else begin
            always @(posedge CLKA) if (selected_a) begin
                if (writes) memory[word_a] <= written;
                if (!WEA || WRITEMODE_A == "READBEFOREWRITE") shown_a <= memory[word_a];
            end
            always @(posedge CLKB) if (selected_b)
                shown_b <= writes && word_a == word_b ? ~written : memory[word_b];
        end
    endgenerate

    assign {DOA17, DOA16, DOA15, DOA14, DOA13, DOA12, DOA11, DOA10, DOA9, DOA8, DOA7, DOA6, DOA5, DOA4, DOA3,
        DOA2, DOA1, DOA0} = shown_a;
    assign {DOB17, DOB16, DOB15, DOB14, DOB13, DOB12, DOB11, DOB10, DOB9, DOB8, DOB7, DOB6, DOB5, DOB4, DOB3,
        DOB2, DOB1, DOB0} = shown_b;

    function [319:0] initial_words(input integer index);
        case (index)
            0: initial_words = INITVAL_00; 1: initial_words = INITVAL_01;
            2: initial_words = INITVAL_02; 3: initial_words = INITVAL_03;
            4: initial_words = INITVAL_04; 5: initial_words = INITVAL_05;
            6: initial_words = INITVAL_06; 7: initial_words = INITVAL_07;
            8: initial_words = INITVAL_08; 9: initial_words = INITVAL_09;
            10: initial_words = INITVAL_0A; 11: initial_words = INITVAL_0B;
            12: initial_words = INITVAL_0C; 13: initial_words = INITVAL_0D;
            14: initial_words = INITVAL_0E; 15: initial_words = INITVAL_0F;
            16: initial_words = INITVAL_10; 17: initial_words = INITVAL_11;
            18: initial_words = INITVAL_12; 19: initial_words = INITVAL_13;
            20: initial_words = INITVAL_14; 21: initial_words = INITVAL_15;
            22: initial_words = INITVAL_16; 23: initial_words = INITVAL_17;
            24: initial_words = INITVAL_18; 25: initial_words = INITVAL_19;
            26: initial_words = INITVAL_1A; 27: initial_words = INITVAL_1B;
            28: initial_words = INITVAL_1C; 29: initial_words = INITVAL_1D;
            30: initial_words = INITVAL_1E; 31: initial_words = INITVAL_1F;
            32: initial_words = INITVAL_20; 33: initial_words = INITVAL_21;
            34: initial_words = INITVAL_22; 35: initial_words = INITVAL_23;
            36: initial_words = INITVAL_24; 37: initial_words = INITVAL_25;
            38: initial_words = INITVAL_26; 39: initial_words = INITVAL_27;
            40: initial_words = INITVAL_28; 41: initial_words = INITVAL_29;
            42: initial_words = INITVAL_2A; 43: initial_words = INITVAL_2B;
            44: initial_words = INITVAL_2C; 45: initial_words = INITVAL_2D;
            46: initial_words = INITVAL_2E; 47: initial_words = INITVAL_2F;
            48: initial_words = INITVAL_30; 49: initial_words = INITVAL_31;
            50: initial_words = INITVAL_32; 51: initial_words = INITVAL_33;
            52: initial_words = INITVAL_34; 53: initial_words = INITVAL_35;
            54: initial_words = INITVAL_36; 55: initial_words = INITVAL_37;
            56: initial_words = INITVAL_38; 57: initial_words = INITVAL_39;
            58: initial_words = INITVAL_3A; 59: initial_words = INITVAL_3B;
            60: initial_words = INITVAL_3C; 61: initial_words = INITVAL_3D;
            62: initial_words = INITVAL_3E; 63: initial_words = INITVAL_3F;
            default: initial_words = 320'h0;
        endcase
    endfunction

    integer word;
    integer byte_place;
    reg [319:0] row;
    initial begin
        if ((DATA_WIDTH_A != 1 && DATA_WIDTH_A != 2 && DATA_WIDTH_A != 4 && DATA_WIDTH_A != 9 && DATA_WIDTH_A != 18
             && DATA_WIDTH_A != 36) || DATA_WIDTH_A != DATA_WIDTH_B)
            $fatal(1, "DP16KD: widths %0d and %0d are not modelled", DATA_WIDTH_A, DATA_WIDTH_B);
        if (REGMODE_A != "NOREG" || REGMODE_B != "NOREG")
            $fatal(1, "DP16KD: the output register is not modelled");
        if (CLKAMUX != "CLKA" || CLKBMUX != "CLKB" || CSDECODE_A != "0b000" || CSDECODE_B != "0b000")
            $fatal(1, "DP16KD: inverted clocks and other codes of the chip selects are not modelled");
        if (WRITEMODE_A != "NORMAL" && WRITEMODE_A != "READBEFOREWRITE")
            $fatal(1, "DP16KD: this write mode is not modelled");
        for (word = 0; word < WORDS; word = word + 1) begin
            row = initial_words(word / 16);
            memory[word] = row[(word % 16) * FIELD +: 18];
        end
        if (NARROW) for (word = 0; word < NARROW_WORDS; word = word + 1) begin
            byte_place = word / IN_BYTE;
            row = initial_words(byte_place / 32);
            narrow[word] = row[byte_place / 2 % 16 * FIELD + byte_place % 2 * 9 + word % IN_BYTE * NARROW_BITS
                               +: NARROW_BITS];
        end
    end
    always @(posedge CLKA) if (RSTA) $fatal(1, "DP16KD: the reset is not modelled");
    always @(posedge CLKB) if (RSTB || WEB) $fatal(1, "DP16KD: a reset, or a write of port B, is not modelled");
    always @(posedge CLKB) if (selected_b && !OCEB) $fatal(1, "DP16KD: the output's clock enable is not modelled");
endmodule
