// What the kernels run on: number of threads and instruction set.
#pragma once

#include <string>

namespace lret {

/// Number of OpenMP threads that the kernels use, in every calling thread alike.
[[nodiscard]] int num_threads();
/// Set that number; throws std::invalid_argument unless it is 1 to 4096.
void set_num_threads(int threads);

/// Instruction set in use: "avx512", "avx2" or "baseline". The best one that the processor has is
/// chosen at the first call; the environment variable LRET_SIMD (one of these names) lowers it, and
/// any other name there throws std::invalid_argument.
[[nodiscard]] const char* simd_level();
/// The instruction sets that this build contains, separated by commas.
[[nodiscard]] std::string compiled_simd_levels();
/// The _OPENMP date of the build, e.g. "201511", or "none".
[[nodiscard]] std::string openmp_version();

}  // namespace lret
