// Four bytes, first in, first out: something for the stream drivers to be tested on.
module fifo (
    input            clk,
    input            rst,
    input      [7:0] i__payload,
    input            i__valid,
    output           i__ready,
    output     [7:0] o__payload,
    output           o__valid,
    input            o__ready
);
    reg [7:0] values [0:3];
    reg [2:0] written, taken;
    wire [2:0] level = written - taken;
    assign i__ready = level != 3'd4;
    assign o__valid = level != 3'd0;
    assign o__payload = values[taken[1:0]];
    always @(posedge clk)
        if (rst) begin
            written <= 0;
            taken <= 0;
        end else begin
            if (i__valid & i__ready) begin
                values[written[1:0]] <= i__payload;
                written <= written + 3'd1;
            end
            if (o__valid & o__ready) taken <= taken + 3'd1;
        end
endmodule
