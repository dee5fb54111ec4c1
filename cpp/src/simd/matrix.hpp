// Dense 2^k x 2^k matrices on groups of rows: out[a] = sum_b m[a][b] * in[b].
//
// A complex product is two fused multiply-adds on interleaved vectors: with s = i * v,
// acc += m.re * v; acc += m.im * s. Cost: 8 * 2^k flops for each element, which is read once and
// written once.

/// One step of `N` vectors of `L` reals at real offset i, for D members.
template <int D, int N, int L, class T>
LRET_INLINE void matrix_step(const T* const* in, T* const* out, Index i, const T* m) {
  using V = Vector<T, L>;
  V v[D][N];
  V s[D][N];
  LRET_UNROLL for (int b = 0; b < D; ++b) {
    LRET_UNROLL for (int n = 0; n < N; ++n) {
      v[b][n] = load<V>(in[b] + i + n * L);
      s[b][n] = rotated<T, L>(v[b][n]);
    }
  }
  LRET_UNROLL for (int a = 0; a < D; ++a) {
    V acc[N];
    LRET_UNROLL for (int b = 0; b < D; ++b) {
      const T re = m[2 * (a * D + b)];
      const T im = m[2 * (a * D + b) + 1];
      LRET_UNROLL for (int n = 0; n < N; ++n) {
        acc[n] = b == 0 ? re * v[b][n] : acc[n] + re * v[b][n];
        acc[n] += im * s[b][n];
      }
    }
    LRET_UNROLL for (int n = 0; n < N; ++n) store(out[a] + i + n * L, acc[n]);
  }
}

/// The rest of a run, with ever narrower vectors.
template <int D, int L, class T>
LRET_INLINE void matrix_tail(const T* const* in, T* const* out, Index i, Index reals, const T* m) {
  if constexpr (L >= 2) {
    for (; i + L <= reals; i += L) matrix_step<D, 1, L>(in, out, i, m);
    matrix_tail<D, L / 2>(in, out, i, reals, m);
  }
}

/// A run of `reals` reals for D = 2 or 4 members, in registers.
template <int D, class T>
LRET_INLINE void matrix_run(const T* const* in, T* const* out, Index reals, const T* m) {
  constexpr int L = kLanes<T>;
  constexpr int N = LRET_REGISTERS >= 32 || D == 2 ? 2 : 1;
  Index i = 0;
  if constexpr (N > 1) {
    for (; i + N * L <= reals; i += N * L) matrix_step<D, N, L>(in, out, i, m);
  }
  matrix_tail<D, L>(in, out, i, reals, m);
}

/// One step of N vectors of L reals for any number of members (a multiple of 4), through a stack
/// tile; four rows of the matrix at a time.
template <int N, int L, class T>
LRET_INLINE void large_step(int members, const T* const* in, T* const* out, Index i, const T* m) {
  using V = Vector<T, L>;
  V v[lret::simd::kMaxMembers][N];
  V s[lret::simd::kMaxMembers][N];
  for (int b = 0; b < members; ++b) {
    LRET_UNROLL for (int n = 0; n < N; ++n) {
      v[b][n] = load<V>(in[b] + i + n * L);
      s[b][n] = rotated<T, L>(v[b][n]);
    }
  }
  for (int a = 0; a < members; a += 4) {
    V acc[4][N] = {};
    for (int b = 0; b < members; ++b) {
      LRET_UNROLL for (int c = 0; c < 4; ++c) {
        const T re = m[2 * ((a + c) * members + b)];
        const T im = m[2 * ((a + c) * members + b) + 1];
        LRET_UNROLL for (int n = 0; n < N; ++n) {
          acc[c][n] += re * v[b][n];
          acc[c][n] += im * s[b][n];
        }
      }
    }
    LRET_UNROLL for (int c = 0; c < 4; ++c) {
      LRET_UNROLL for (int n = 0; n < N; ++n) store(out[a + c] + i + n * L, acc[c][n]);
    }
  }
}

template <int L, class T>
LRET_INLINE void large_tail(int members, const T* const* in, T* const* out, Index i, Index reals,
                            const T* m) {
  if constexpr (L >= 2) {
    for (; i + L <= reals; i += L) large_step<1, L>(members, in, out, i, m);
    large_tail<L / 2>(members, in, out, i, reals, m);
  }
}

template <class T>
void large_run(int members, const T* const* in, T* const* out, Index reals, const T* m) {
  constexpr int L = kLanes<T>;
  constexpr int N = LRET_REGISTERS >= 32 ? 2 : 1;
  Index i = 0;
  if constexpr (N > 1) {
    for (; i + N * L <= reals; i += N * L) large_step<N, L>(members, in, out, i, m);
  }
  large_tail<L>(members, in, out, i, reals, m);
}

/// A run for any number of members; D = 0 stands for a number known only at run time.
template <int D, class T>
LRET_INLINE void run_members(int members, const T* const* in, T* const* out, Index reals,
                             const T* m) {
  if constexpr (D == 0) {
    large_run(members, in, out, reals, m);
  } else {
    matrix_run<D>(in, out, reals, m);
  }
}

/// Long runs: in place, group after group.
template <int D, class T>
LRET_INLINE void matrix_direct(const lret::simd::GroupSpace& space, T* data, const T* m,
                               Index first, Index last) {
  const int members = D == 0 ? space.members : D;
  std::uint64_t row = group_row(space, first);
  for (Index g = first; g < last; ++g, row = next_row(space, row)) {
    T* const base = data + 2 * row_offset(space, row);
    T* rows[D == 0 ? lret::simd::kMaxMembers : D];
    for (int a = 0; a < members; ++a) rows[a] = base + 2 * space.offset[a];
    run_members<D>(members, rows, rows, 2 * space.run, m);
  }
}

/// Short runs: gather many groups into a contiguous tile, multiply there, and scatter.
template <int D, class T>
LRET_INLINE void matrix_gathered(const lret::simd::GroupSpace& space, T* data, const T* m,
                                 Index first, Index last) {
  const int members = D == 0 ? space.members : D;
  const Index tile = kTile / members;
  const Index groups = tile / space.run;
  alignas(64) T buffer[2 * kTile];
  T* rows[D == 0 ? lret::simd::kMaxMembers : D];
  for (int a = 0; a < members; ++a) rows[a] = buffer + 2 * a * tile;

  std::uint64_t row = group_row(space, first);
  for (Index g = first; g < last; g += groups) {
    const Index count = smaller(groups, last - g);
    std::uint64_t from = row;
    for (Index i = 0; i < count; ++i, from = next_row(space, from)) {
      const T* const base = data + 2 * row_offset(space, from);
      for (int a = 0; a < members; ++a) {
        copy_elements(rows[a] + 2 * i * space.run, base + 2 * space.offset[a], space.run);
      }
    }
    run_members<D>(members, rows, rows, 2 * count * space.run, m);
    for (Index i = 0; i < count; ++i, row = next_row(space, row)) {
      T* const base = data + 2 * row_offset(space, row);
      for (int a = 0; a < members; ++a) {
        copy_elements(base + 2 * space.offset[a], rows[a] + 2 * i * space.run, space.run);
      }
    }
  }
}

/// A run is worth its own pass if it fills whole registers or is long beside its tail.
template <class T>
LRET_INLINE bool run_is_long(Index run) {
  constexpr Index kElements = kLanes<T> / 2;
  return run >= 4 * kElements || run % kElements == 0;
}

template <int D, class T>
void apply_matrix_members(const lret::simd::GroupSpace& space, T* data, const T* m, Index first,
                          Index last) {
  if (run_is_long<T>(space.run)) {
    matrix_direct<D>(space, data, m, first, last);
  } else {
    matrix_gathered<D>(space, data, m, first, last);
  }
}

template <class T>
void apply_matrix(const lret::simd::GroupSpace& space, T* data, const T* matrix, Index first,
                  Index last) {
  if (space.members == 2) {
    apply_matrix_members<2>(space, data, matrix, first, last);
  } else if (space.members == 4) {
    apply_matrix_members<4>(space, data, matrix, first, last);
  } else {
    apply_matrix_members<0>(space, data, matrix, first, last);
  }
}
