// Real matrices on chunks of a vector: out[a] = sum_b m[a][b] * in[b] on lines of 128 bytes.
//
// Cost: 2 D flops for each element and a step of D members. The D inputs of a group are copied
// first, so that the outputs can be written in place; four outputs at a time share the loads.

/// One group of D members (a multiple of 4).
template <int D, class T>
LRET_INLINE void transfer_group(const std::int32_t* offset, const T* m, T* base) {
  constexpr int L = kLanes<T>;
  constexpr int kVectors = lret::simd::kLineReals<T> / L;
  constexpr int N = kVectors < 2 ? kVectors : 2;
  using V = Vector<T, L>;
  for (int start = 0; start < kVectors; start += N) {
    T* const lanes = base + start * L;
    V v[D][N];
    LRET_UNROLL for (int b = 0; b < D; ++b) {
      LRET_UNROLL for (int n = 0; n < N; ++n) v[b][n] = load<V>(lanes + offset[b] + n * L);
    }
    for (int a = 0; a < D; a += 4) {
      V acc[4][N] = {};
      LRET_UNROLL for (int b = 0; b < D; ++b) {
        LRET_UNROLL for (int c = 0; c < 4; ++c) {
          LRET_UNROLL for (int n = 0; n < N; ++n) acc[c][n] += m[(a + c) * D + b] * v[b][n];
        }
      }
      LRET_UNROLL for (int c = 0; c < 4; ++c) {
        LRET_UNROLL for (int n = 0; n < N; ++n) store(lanes + offset[a + c] + n * L, acc[c][n]);
      }
    }
  }
}

/// One group of any number of members (a multiple of 4), one register of lanes at a time.
template <class T>
void large_transfer_group(int members, const std::int32_t* offset, const T* m, T* base) {
  constexpr int L = kLanes<T>;
  constexpr int kVectors = lret::simd::kLineReals<T> / L;
  constexpr int kMostMembers = 1 << 12;
  using V = Vector<T, L>;
  V v[kMostMembers];
  for (int start = 0; start < kVectors; ++start) {
    T* const lanes = base + start * L;
    for (int b = 0; b < members; ++b) v[b] = load<V>(lanes + offset[b]);
    for (int a = 0; a < members; a += 4) {
      const T* const rows = m + static_cast<Index>(a) * members;
      V acc[4] = {};
      for (int b = 0; b < members; ++b) {
        LRET_UNROLL for (int c = 0; c < 4; ++c) {
          acc[c] += rows[static_cast<Index>(c) * members + b] * v[b];
        }
      }
      LRET_UNROLL for (int c = 0; c < 4; ++c) store(lanes + offset[a + c], acc[c]);
    }
  }
}

template <class T>
LRET_INLINE void transfer_step(const lret::simd::TransferStep<T>& step, int lines, T* buffer) {
  std::uint64_t line = 0;
  for (int g = 0; g < lines / step.members; ++g) {
    T* const base = buffer + line * lret::simd::kLineReals<T>;
    if (step.members == 4) {
      transfer_group<4>(step.offset, step.matrix, base);
    } else if (step.members == 16) {
      transfer_group<16>(step.offset, step.matrix, base);
    } else {
      large_transfer_group(step.members, step.offset, step.matrix, base);
    }
    line = ((line | step.fixed_mask) + 1) & ~step.fixed_mask;
  }
}

/// Copies a chunk between the vector and the buffer.
template <bool Gather, class T>
LRET_INLINE void move_chunk(const lret::simd::TransferPlan<T>& plan, T* chunk, T* buffer) {
  constexpr int kLine = lret::simd::kLineReals<T>;
  if (plan.contiguous && plan.lanes == kLine) {
    for (int i = 0; i < plan.lines; ++i) {
      T* const in_vector = chunk + plan.line[i];
      T* const in_buffer = buffer + i * kLine;
      __builtin_memcpy(Gather ? in_buffer : in_vector, Gather ? in_vector : in_buffer,
                       kLine * sizeof(T));
    }
    return;
  }
  for (int l = 0; l < plan.lanes; ++l) {
    T* const in_vector = chunk + plan.lane[l];
    for (int i = 0; i < plan.lines; ++i) {
      T& element = in_vector[plan.line[i]];
      T& copy = buffer[i * kLine + l];
      if constexpr (Gather) {
        copy = element;
      } else {
        element = copy;
      }
    }
  }
}

template <class T>
void transfer(const lret::simd::TransferPlan<T>& plan, T* vector, T* buffer, Index first,
              Index last) {
  std::uint64_t base = 0;
  // Lay the bits of the chunk's number out over the bits that are not fixed.
  for (std::uint64_t left = static_cast<std::uint64_t>(first), bit = 1; left != 0; bit <<= 1) {
    if ((plan.fixed_mask & bit) != 0) continue;
    if ((left & 1) != 0) base |= bit;
    left >>= 1;
  }
  for (Index c = first; c < last; ++c) {
    move_chunk<true>(plan, vector + base, buffer);
    for (int s = 0; s < plan.steps; ++s) transfer_step(plan.step[s], plan.lines, buffer);
    move_chunk<false>(plan, vector + base, buffer);
    base = ((base | plan.fixed_mask) + 1) & ~plan.fixed_mask;
  }
}
