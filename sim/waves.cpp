// Called by the bench top (sim/wave_bench.py): one sample of every signal in each cycle of a window, at the time that
// is the cycle's number. Only builds with waves compile this.
#include "verilated.h"

#if VM_TRACE_FST
#include "verilated_fst_c.h"
using WaveFile = VerilatedFstC;
#else
#include "verilated_vcd_c.h"
using WaveFile = VerilatedVcdC;
#endif

static WaveFile* wave_file = nullptr;

extern "C" void waves_open(const char* path) {
    wave_file = new WaveFile;
    wave_file->set_time_unit("1us");
    wave_file->set_time_resolution("1us");
    Verilated::threadContextp()->trace(wave_file, 0);
    wave_file->open(path);
}

extern "C" void waves_sample(int cycle) { wave_file->dump(static_cast<uint64_t>(static_cast<uint32_t>(cycle))); }

extern "C" void waves_close() {
    wave_file->close();
    delete wave_file;
    wave_file = nullptr;
}
