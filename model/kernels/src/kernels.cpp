// The functions that Python calls. Each runs on the calling thread and its OpenMP team, and returns when all
// threads are done.

#ifdef __AMX_INT8__
#include <sys/syscall.h>
#include <unistd.h>
#endif

#include <cstdio>

#include "encoder.h"
#include "search.h"

using namespace dragoman;

namespace {

#ifdef __AMX_INT8__
constexpr int kRequestTilePermission = 0x1023,
              kTileData = 18;  // ARCH_REQ_XCOMP_PERM, XFEATURE_XTILEDATA
#endif

void check(bool is_met, const char* what) {
  if (!is_met) {
    std::fprintf(stderr, "dragoman kernels: %s\n", what);
    std::abort();
  }
}

// Calls `work` with the multiply-add type of a cache's numbers.
template <class Work>
void with_dot(const Cache& cache, const Work& work) {
  if (cache.is_bfloat)
    work(SplitBfloatDot{});
  else
    work(FloatDot{});
}

}  // namespace

#pragma GCC visibility push(default)
extern "C" {

// The level that this file was compiled for, which the processor may lack: computes nothing.
const char* dragoman_level() { return DRAGOMAN_LEVEL; }

// Prepares the process; returns 0 if the operating system does not allow the instructions.
int dragoman_start() {
#ifdef __AMX_INT8__
  return syscall(SYS_arch_prctl, kRequestTilePermission, kTileData) == 0;
#else
  return 1;
#endif
}

// Whether activations are rounded to bfloat16 to meet weights of that type.
int dragoman_rounds_activations() { return kRoundsActivations; }

// The bytes of each struct that Python mirrors, in the order of `STRUCTURES` there.
void dragoman_sizes(int32_t* sizes) {
  const size_t all[] = {sizeof(Linear), sizeof(Norm),       sizeof(Norms),  sizeof(Table), sizeof(Scoring),
                        sizeof(Layer),  sizeof(Stack),      sizeof(Cache),  sizeof(Sources),
                        sizeof(Head),   sizeof(Projection), sizeof(Search), sizeof(Run)};
  for (size_t i = 0; i < sizeof all / sizeof *all; ++i) sizes[i] = static_cast<int32_t>(all[i]);
}

Workspace* dragoman_workspace() { return new Workspace; }

void dragoman_free(Workspace* work) { delete work; }

// y (rows, padded outputs) = x (rows, in) W^T + b
void dragoman_linear(const Linear* linear, const float* x, int32_t num_rows, float* y, Workspace* work) {
  const Rows rows{work->narrow.reserve<uint8_t>(static_cast<size_t>(padded(num_rows)) * linear->row_stride()),
                  linear->row_stride(), work->narrow_scales.reserve<float>(padded(num_rows)), num_rows};
  const Target target{y, static_cast<size_t>(padded(linear->out)), 0, /*adds=*/false};
  work->counters.clear();
#pragma omp parallel
  {
    const Tiles tiles;
    Team team(work->counters);
    team.share(num_rows, 1, [&](int begin, int end) {
      for (int row = begin; row < end; ++row)
        narrow_row(x + static_cast<size_t>(row) * linear->in, linear->in, linear->kind, rows, row);
    });
    team.share(linear->num_blocks(), 2,
               [&](int begin, int end) { multiply(*linear, rows, begin, end, target); });
  }
}

void dragoman_encode(const Stack* encoder, const Stack* decoder, const Cache* cache, const Sources* sources,
                     Workspace* work) {
  with_dot(*cache, [&](auto dot) { encode<decltype(dot)>(*encoder, *decoder, *cache, *sources, *work); });
}

void dragoman_project(const Head* head, const Projection* projection, Workspace* work) {
  project(*head, *projection, *work);
}

// Decodes one or more steps and chooses their tokens; leaves the last step's ranking in `projection`.
void dragoman_run(const Stack* decoder, const Head* head, const Cache* own, const Cache* source,
                  Projection* projection, Run* run, Workspace* work) {
  check(own->is_bfloat == source->is_bfloat, "caches of two types");
  with_dot(*own, [&](auto dot) {
    run_on<decltype(dot)>(*decoder, *head, *own, *source, *projection, *run, *work);
  });
}

void dragoman_copy(const Cache* cache, int32_t num_copies, const int32_t* from, const int32_t* to,
                   const int32_t* num_tokens) {
  if (cache->is_bfloat)
    copy_rows<bfloat>(*cache, num_copies, from, to, num_tokens);
  else
    copy_rows<float>(*cache, num_copies, from, to, num_tokens);
}

}  // extern "C"
#pragma GCC visibility pop
