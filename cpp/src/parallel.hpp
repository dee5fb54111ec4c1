// Splitting a loop over the threads. Bodies must not throw: nothing could catch it on a thread.
#pragma once

#include <cstdint>

#ifdef LRET_STD_THREADS
#include <atomic>
#include <thread>
#include <vector>
#endif

#include "lret/runtime.hpp"

namespace lret {

/// Number of elements below which a loop is faster on one thread than the fork of a team.
inline constexpr std::int64_t kForkElements = 1 << 14;

/// Threads for `count` pieces of work on `elements` elements: one, or the full team. A team whose
/// size changes costs more than idle threads.
inline int team_size(std::int64_t count, std::int64_t elements) {
  return elements < kForkElements || count <= 1 ? 1 : num_threads();
}

/// Call body(task) for each task of 0..count on a team: with `fixed` tasks as many as threads, each
/// thread does one, and else it takes the next one when it is done.
template <bool fixed, class Body>
void share_out(std::int64_t count, [[maybe_unused]] int threads, const Body& body) {
#ifdef LRET_STD_THREADS
  // For the thread sanitizer, which does not know how OpenMP synchronises. What orders the threads
  // here would hide races, so they share a relaxed counter alone.
  std::atomic<std::int64_t> next{0};
  std::vector<std::thread> team;
  for (int thread = 0; thread < threads; ++thread) {
    team.emplace_back([&, thread] {
      if constexpr (fixed) {
        if (thread < count) body(thread);
        return;
      }
      constexpr auto relaxed = std::memory_order_relaxed;
      for (auto t = next.fetch_add(1, relaxed); t < count; t = next.fetch_add(1, relaxed)) body(t);
    });
  }
  for (std::thread& thread : team) thread.join();
#else
  if constexpr (fixed) {
#ifdef _OPENMP
#pragma omp parallel for num_threads(threads) schedule(static)
#endif
    for (std::int64_t t = 0; t < count; ++t) body(t);
  } else {
#ifdef _OPENMP
#pragma omp parallel for num_threads(threads) schedule(dynamic)
#endif
    for (std::int64_t t = 0; t < count; ++t) body(t);
  }
#endif
}

/// Call body(first, last) on contiguous shares of 0..count; `elements` is the size of the work.
template <class Body>
void parallel_for(std::int64_t count, std::int64_t elements, const Body& body) {
  const int threads = team_size(count, elements);
  if (threads <= 1) {
    if (count > 0) body(std::int64_t{0}, count);
    return;
  }
  share_out<true>(threads, threads, [&](std::int64_t t) {
    const std::int64_t first = count * t / threads;
    const std::int64_t last = count * (t + 1) / threads;
    if (first < last) body(first, last);
  });
}

/// Call body(task) for each task of 0..count; a thread takes the next one when it is done, which
/// suits a few long tasks of different length.
template <class Body>
void parallel_tasks(std::int64_t count, std::int64_t elements, const Body& body) {
  const int threads = team_size(count, elements);
  if (threads <= 1) {
    for (std::int64_t t = 0; t < count; ++t) body(t);
    return;
  }
  share_out<false>(count, threads, body);
}

}  // namespace lret
