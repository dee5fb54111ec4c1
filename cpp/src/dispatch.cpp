#include "dispatch.hpp"

#include <cstdlib>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

#include "lret/runtime.hpp"

namespace lret {
namespace simd {

// Each is defined by one compilation of simd/level.cpp.
extern const Level baseline_level;
#ifdef LRET_X86
extern const Level avx2_level;
extern const Level avx512_level;
#endif

}  // namespace simd

namespace {

struct Candidate {
  const simd::Level* level;
  bool supported;
};

// From the least to the most capable.
std::vector<Candidate> candidates() {
  std::vector<Candidate> list{{&simd::baseline_level, true}};
#ifdef LRET_X86
  __builtin_cpu_init();
  // GCC says int where Clang says bool.
  const auto has = [](auto supported) { return static_cast<bool>(supported); };
  const bool avx2 = has(__builtin_cpu_supports("avx2")) && has(__builtin_cpu_supports("fma"));
  const bool avx512 =
      avx2 && has(__builtin_cpu_supports("avx512f")) && has(__builtin_cpu_supports("avx512dq")) &&
      has(__builtin_cpu_supports("avx512vl")) && has(__builtin_cpu_supports("avx512bw"));
  list.push_back({&simd::avx2_level, avx2});
  list.push_back({&simd::avx512_level, avx512});
#endif
  return list;
}

const simd::Level& choose() {
  const char* variable = std::getenv("LRET_SIMD");
  const std::string_view request = variable == nullptr ? "" : variable;
  const simd::Level* best = &simd::baseline_level;
  bool known = false;
  for (const auto& [level, supported] : candidates()) {
    if (supported && !known) best = level;
    if (request == level->name) known = true;
  }
  if (!request.empty() && !known) {
    throw std::invalid_argument("LRET_SIMD must be one of " + compiled_simd_levels() + ", not " +
                                std::string(request));
  }
  return *best;
}

}  // namespace

const simd::Level& simd_kernels() {
  static const simd::Level& chosen = choose();
  return chosen;
}

const char* simd_level() { return simd_kernels().name; }

std::string compiled_simd_levels() {
  std::string names;
  for (const auto& candidate : candidates()) {
    if (!names.empty()) names += ',';
    names += candidate.level->name;
  }
  return names;
}

}  // namespace lret
