// Cells of ECP5 that become wrong when the simulator is started with +fault=NUMBER, and are right without.

module FAULTY_LUT4 #(
    parameter NUMBER = 0, parameter [15:0] FLIPPED = 16'h0000, parameter [15:0] INIT = 16'h0000
) (input A, B, C, D, output Z);
    wire right;
    wire wrong;
    reg broken = 0;
    integer chosen;
    initial if ($value$plusargs("fault=%d", chosen)) broken = chosen == NUMBER;
    LUT4 #(.INIT(INIT)) cell_right (.A(A), .B(B), .C(C), .D(D), .Z(right));
    LUT4 #(.INIT(INIT ^ FLIPPED)) cell_wrong (.A(A), .B(B), .C(C), .D(D), .Z(wrong));
    assign Z = broken ? wrong : right;
endmodule

// A flip-flop that takes a value in every cycle, whatever its enable.
module FAULTY_FF #(
    parameter NUMBER = 0, parameter GSR = "ENABLED", parameter [127:0] CEMUX = "CE", parameter CLKMUX = "CLK",
    parameter LSRMUX = "LSR", parameter SRMODE = "LSR_OVER_CE", parameter REGSET = "RESET"
) (input CLK, LSR, CE, DI, output Q);
    reg broken = 0;
    integer chosen;
    initial if ($value$plusargs("fault=%d", chosen)) broken = chosen == NUMBER;
    TRELLIS_FF #(.GSR(GSR), .CEMUX(CEMUX), .CLKMUX(CLKMUX), .LSRMUX(LSRMUX), .SRMODE(SRMODE), .REGSET(REGSET))
        cell_0 (.CLK(CLK), .LSR(LSR), .CE(CE | broken), .DI(DI), .M(1'b0), .Q(Q));
endmodule
