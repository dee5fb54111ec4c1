// Splitting a loop over the threads.
#pragma once

#include <algorithm>
#include <cstdint>

#include "lret/runtime.hpp"

namespace lret {

/// Number of elements below which a loop is faster on one thread than the fork of a team.
inline constexpr std::int64_t kForkElements = 1 << 14;

/// Call body(first, last) on contiguous shares of 0..count; `elements` is the size of the work.
///
/// The team is either one thread or the full number: a team whose size changes costs more.
template <class Body>
void parallel_for(std::int64_t count, std::int64_t elements, const Body& body) {
  const std::int64_t threads =
      elements < kForkElements ? 1 : std::min<std::int64_t>(num_threads(), count);
  if (threads <= 1) {
    if (count > 0) body(std::int64_t{0}, count);
    return;
  }
#ifdef _OPENMP
#pragma omp parallel for num_threads(static_cast<int>(threads)) schedule(static)
#endif
  for (std::int64_t t = 0; t < threads; ++t) {
    body(count * t / threads, count * (t + 1) / threads);
  }
}

/// Call body(task) for each task of 0..count; a thread takes the next one when it is done, which
/// suits a few long tasks of different length.
template <class Body>
void parallel_tasks(std::int64_t count, std::int64_t elements, const Body& body) {
  const std::int64_t threads =
      elements < kForkElements ? 1 : std::min<std::int64_t>(num_threads(), count);
  if (threads <= 1) {
    for (std::int64_t t = 0; t < count; ++t) body(t);
    return;
  }
#ifdef _OPENMP
#pragma omp parallel for num_threads(static_cast<int>(threads)) schedule(dynamic)
#endif
  for (std::int64_t t = 0; t < count; ++t) body(t);
}

}  // namespace lret
