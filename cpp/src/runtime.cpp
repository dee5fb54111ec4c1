#include "lret/runtime.hpp"

#include <atomic>
#include <stdexcept>

#ifdef _OPENMP
#include <omp.h>
#endif

namespace lret {
namespace {

int default_threads() {
#ifdef _OPENMP
  return omp_get_max_threads();
#else
  return 1;
#endif
}

// OpenMP's own setting belongs to the calling thread; kernels are called from several.
std::atomic<int>& thread_count() {
  static std::atomic<int> count{default_threads()};
  return count;
}

}  // namespace

int num_threads() { return thread_count().load(std::memory_order_relaxed); }

void set_num_threads(int threads) {
  constexpr int kMost = 4096;  // far more would end the process when they cannot be started
  if (threads < 1 || threads > kMost) {
    throw std::invalid_argument("threads must be 1 to " + std::to_string(kMost) + ", not " +
                                std::to_string(threads));
  }
  thread_count().store(threads, std::memory_order_relaxed);
}

std::string openmp_version() {
#ifdef _OPENMP
  return std::to_string(_OPENMP);
#else
  return "none";
#endif
}

}  // namespace lret
