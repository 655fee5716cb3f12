// The threads of one call, and the distribution of work among them.
#pragma once

#include <algorithm>
#include <atomic>

// As in omp.h, which Apple's compiler lacks.
extern "C" {
int omp_get_max_threads(void);
int omp_get_num_threads(void);
int omp_get_thread_num(void);
}

namespace dragoman {

// The remaining work of a phase. A barrier separates consecutive phases.
class Counters {
 public:
  void clear() {
    for (auto& counter : counters_) counter.next.store(0, std::memory_order_relaxed);
  }
  std::atomic<int>& of(int phase) { return counters_[phase % kPhases].next; }

  static constexpr int kPhases = 4;

 private:
  struct alignas(64) Counter {
    std::atomic<int> next{0};
  };
  Counter counters_[kPhases];
};

// One thread's view of its team. Work is distributed dynamically: a thread that is done takes the next part,
// as cores shared with other processes differ in speed (by a factor of three where this was measured).
class Team {
 public:
  explicit Team(Counters& counters)
      : counters_(counters), size_(omp_get_num_threads()), thread_(omp_get_thread_num()) {}

  int thread() const { return thread_; }

  // Calls work(begin, end) for parts of 0 to count, at least `unit` in each; returns when all parts are done.
  template <class Work>
  void share(int count, int unit, const Work& work) {
    ++phase_;
    // No thread is in that phase.
    if (thread_ == 0) counters_.of(phase_ + 2).store(0, std::memory_order_relaxed);
    if (size_ == 1) {
      work(0, count);
      return;
    }
    const int units = (count + unit - 1) / unit;
    const int part = std::max(1, units / (size_ * kTurns)) * unit;
    std::atomic<int>& next = counters_.of(phase_);
    for (int begin; (begin = next.fetch_add(part, std::memory_order_relaxed)) < count;)
      work(begin, std::min(count, begin + part));
#pragma omp barrier
  }

 private:
  static constexpr int kTurns = 4;  // parts per thread in a phase, if all are equally fast

  Counters& counters_;
  int size_, thread_, phase_ = 0;
};

}  // namespace dragoman
