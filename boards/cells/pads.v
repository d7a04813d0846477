// Models of an ECP5's cells at pins, for simulation: an output with a register for each edge, and a pin for both ways.
module ODDRX1F(input wire SCLK, input wire RST, input wire D0, input wire D1, output wire Q);
    parameter GSR = "ENABLED";
    reg first = 0, second = 0;
    always @(posedge SCLK) begin
        first <= D0;
        second <= D1;
    end
    assign Q = RST ? 1'b0 : SCLK ? first : second;
endmodule

module BB(input wire I, input wire T, output wire O, inout wire B);
    assign B = T ? 1'bz : I;
    assign O = B;
endmodule
