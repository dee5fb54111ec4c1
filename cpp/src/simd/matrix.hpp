// Dense 2^k x 2^k matrices on groups of rows: out[a] = sum_b m[a][b] * in[b], in place, or added to
// another block.
//
// A complex product is two fused multiply-adds on interleaved vectors: with s = i * v,
// acc += m.re * v; acc += m.im * s. Cost: 8 * 2^k flops for each element, which is read once and
// written once.

/// Fetches the rows of a later group into the cache, line by line in the order of their addresses.
///
/// A group of short rows is read D rows at a time, an order that the prefetcher of the processor
/// does not follow: out of cache, low bits would run at a quarter of the memory bandwidth.
struct Fetcher {
  static constexpr Index kLine = 64;
  const char* base;     // member 0 of the later group
  const Index* offset;  // of its members, in elements
  Index element_bytes;
  Index row_bytes;
  int members;  // 0: nothing to fetch
  int member;
  Index at;

  LRET_INLINE void fetch(Index bytes) {
    for (Index done = 0; done < bytes && member < members; done += kLine) {
      __builtin_prefetch(base + offset[member] * element_bytes + at, 1, 2);
      at += kLine;
      if (at >= row_bytes) {
        at = 0;
        ++member;
      }
    }
  }
};

/// For data that is in the cache already.
struct NoFetch {
  LRET_INLINE void fetch(Index) {}
};

/// One step of `N` vectors of `L` reals at real offset i, for D members.
template <bool Add, int D, int N, int L, class T>
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
        if (b > 0) {
          acc[n] += re * v[b][n];
        } else if constexpr (Add) {
          acc[n] = load<V>(out[a] + i + n * L) + re * v[b][n];
        } else {
          acc[n] = re * v[b][n];
        }
        acc[n] += im * s[b][n];
      }
    }
    LRET_UNROLL for (int n = 0; n < N; ++n) store(out[a] + i + n * L, acc[n]);
  }
}

/// The rest of a run, with ever narrower vectors.
template <bool Add, int D, int L, class T>
LRET_INLINE void matrix_tail(const T* const* in, T* const* out, Index i, Index reals, const T* m) {
  if constexpr (L >= 2) {
    for (; i + L <= reals; i += L) matrix_step<Add, D, 1, L>(in, out, i, m);
    matrix_tail<Add, D, L / 2>(in, out, i, reals, m);
  }
}

/// A run of `reals` reals for D = 2 or 4 members, in registers.
template <bool Add, int D, class T, class Fetch>
LRET_INLINE void matrix_run(const T* const* in, T* const* out, Index reals, const T* m,
                            Fetch& fetcher) {
  constexpr int L = kLanes<T>;
  constexpr int N = LRET_REGISTERS >= 32 || D == 2 ? 2 : 1;
  Index i = 0;
  for (; i + N * L <= reals; i += N * L) {
    fetcher.fetch(D * N * LRET_VECTOR_BYTES);
    matrix_step<Add, D, N, L>(in, out, i, m);
  }
  if (i == 0) fetcher.fetch(D * reals * static_cast<Index>(sizeof(T)));
  matrix_tail<Add, D, L>(in, out, i, reals, m);
}

/// One step of N vectors of L reals for any number of members (a multiple of 4), through a stack
/// tile; four rows of the matrix at a time.
template <bool Add, int N, int L, class T>
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
      LRET_UNROLL for (int n = 0; n < N; ++n) {
        T* const to = out[a + c] + i + n * L;
        store(to, Add ? load<V>(to) + acc[c][n] : acc[c][n]);
      }
    }
  }
}

template <bool Add, int L, class T>
LRET_INLINE void large_tail(int members, const T* const* in, T* const* out, Index i, Index reals,
                            const T* m) {
  if constexpr (L >= 2) {
    for (; i + L <= reals; i += L) large_step<Add, 1, L>(members, in, out, i, m);
    large_tail<Add, L / 2>(members, in, out, i, reals, m);
  }
}

template <bool Add, class T, class Fetch>
void large_run(int members, const T* const* in, T* const* out, Index reals, const T* m,
               Fetch fetcher) {
  constexpr int L = kLanes<T>;
  constexpr int N = LRET_REGISTERS >= 32 ? 2 : 1;
  Index i = 0;
  for (; i + N * L <= reals; i += N * L) {
    fetcher.fetch(members * N * LRET_VECTOR_BYTES);
    large_step<Add, N, L>(members, in, out, i, m);
  }
  large_tail<Add, L>(members, in, out, i, reals, m);
}

/// A run for any number of members; D = 0 stands for a number known only at run time.
template <bool Add, int D, class T, class Fetch>
LRET_INLINE void run_members(int members, const T* const* in, T* const* out, Index reals,
                             const T* m, Fetch fetcher) {
  if constexpr (D == 0) {
    large_run<Add>(members, in, out, reals, m, fetcher);
  } else {
    matrix_run<Add, D>(in, out, reals, m, fetcher);
  }
}

/// How far ahead of the work to fetch, and the rows so long that the prefetcher of the processor
/// follows them by itself.
constexpr Index kFetchBytes = 8192;
constexpr Index kLongRowBytes = 65536;

template <class T>
LRET_INLINE Index groups_ahead(const lret::simd::GroupSpace& space) {
  const Index row_bytes = space.run * 2 * static_cast<Index>(sizeof(T));
  const Index group_bytes = row_bytes * space.members;
  return row_bytes < kLongRowBytes ? (kFetchBytes + group_bytes - 1) / group_bytes : 0;
}

/// Long runs, group after group.
template <bool Add, int D, class T>
LRET_INLINE void matrix_direct(const lret::simd::GroupSpace& shared, const T* in, T* out,
                               const T* m, Index first, Index last) {
  const lret::simd::GroupSpace space = shared;
  const int members = D == 0 ? space.members : D;
  const Index distance = groups_ahead<T>(space);
  std::uint64_t row = group_row(space, first);
  std::uint64_t far_row = group_row(space, first + distance);
  for (Index g = first; g < last; ++g) {
    const Index start = row_offset(space, row);
    const T* from[D == 0 ? lret::simd::kMaxMembers : D];
    T* rows[D == 0 ? lret::simd::kMaxMembers : D];
    for (int a = 0; a < members; ++a) {
      const Index at = 2 * (start + space.offset[a]);
      rows[a] = out + at;
      from[a] = Add ? in + at : rows[a];
    }
    const bool fetches = distance > 0 && g + distance < last;
    const T* const far = in + 2 * (fetches ? row_offset(space, far_row) : start);
    const Fetcher fetcher = {reinterpret_cast<const char*>(far),
                             space.offset,
                             2 * static_cast<Index>(sizeof(T)),
                             space.run * 2 * static_cast<Index>(sizeof(T)),
                             fetches ? members : 0,
                             0,
                             0};
    run_members<Add, D>(members, from, rows, 2 * space.run, m, fetcher);
    row = next_row(space, row);
    far_row = next_row(space, far_row);
  }
}

/// Element offsets of the members and of the tile rows, known to the compiler not to change.
template <int D>
struct TilePlan {
  Index run;
  Index tile;  // elements of a tile row
  int members;
  Index offset[D == 0 ? lret::simd::kMaxMembers : D];
};

/// Copy one group from the block to the tile; Run = 0 stands for a run known at run time.
template <int D, int Run, class T>
LRET_INLINE void gather_group(const TilePlan<D>& plan, const T* base, T* tile) {
  const int members = D == 0 ? plan.members : D;
  LRET_UNROLL for (int a = 0; a < members; ++a) {
    copy_elements<false>(tile + 2 * a * plan.tile, base + 2 * plan.offset[a],
                         Run == 0 ? plan.run : Run);
  }
}

/// Copy or add one group from the tile to the block.
template <bool Add, int D, int Run, class T>
LRET_INLINE void scatter_group(const TilePlan<D>& plan, const T* tile, T* base) {
  const int members = D == 0 ? plan.members : D;
  LRET_UNROLL for (int a = 0; a < members; ++a) {
    copy_elements<Add>(base + 2 * plan.offset[a], tile + 2 * a * plan.tile,
                       Run == 0 ? plan.run : Run);
  }
}

/// Short runs: gather many groups into a contiguous tile, multiply there, and scatter.
template <bool Add, int D, int Run, class T>
LRET_INLINE void matrix_gathered(const lret::simd::GroupSpace& shared, const T* in, T* out,
                                 const T* m, Index first, Index last) {
  const lret::simd::GroupSpace space = shared;
  TilePlan<D> plan;
  plan.run = space.run;
  plan.members = D == 0 ? space.members : D;
  // Tile rows a power of two apart would compete for the same cache sets.
  plan.tile = kTile / plan.members + kTilePadding;
  for (int a = 0; a < plan.members; ++a) plan.offset[a] = space.offset[a];

  alignas(64) T buffer[2 * (kTile + lret::simd::kMaxMembers * kTilePadding)];
  T* rows[D == 0 ? lret::simd::kMaxMembers : D];
  for (int a = 0; a < plan.members; ++a) rows[a] = buffer + 2 * a * plan.tile;

  const Index groups = kTile / plan.members / plan.run;
  std::uint64_t row = group_row(space, first);
  for (Index g = first; g < last; g += groups) {
    const Index count = smaller(groups, last - g);
    std::uint64_t from = row;
    for (Index i = 0; i < count; ++i, from = next_row(space, from)) {
      gather_group<D, Run>(plan, in + 2 * row_offset(space, from), buffer + 2 * i * plan.run);
    }
    run_members<false, D>(plan.members, rows, rows, 2 * count * plan.run, m, NoFetch{});
    for (Index i = 0; i < count; ++i, row = next_row(space, row)) {
      scatter_group<Add, D, Run>(plan, buffer + 2 * i * plan.run, out + 2 * row_offset(space, row));
    }
  }
}

/// A run is worth its own pass if it fills whole registers, is long beside its tail, or if not even
/// one group of such runs fits a tile.
template <class T>
LRET_INLINE bool run_is_long(Index run, int members) {
  constexpr Index kElements = kLanes<T> / 2;
  return run >= 4 * kElements || run % kElements == 0 || run * members > kTile;
}

template <bool Add, int D, class T>
void matrix_members(const lret::simd::GroupSpace& space, const T* in, T* out, const T* m,
                    Index first, Index last) {
  if (run_is_long<T>(space.run, space.members)) {
    matrix_direct<Add, D>(space, in, out, m, first, last);
  } else if (space.run == 1) {
    matrix_gathered<Add, D, 1>(space, in, out, m, first, last);
  } else if (space.run == 2) {
    matrix_gathered<Add, D, 2>(space, in, out, m, first, last);
  } else {
    matrix_gathered<Add, D, 0>(space, in, out, m, first, last);
  }
}

template <bool Add, class T>
void matrix_groups(const lret::simd::GroupSpace& space, const T* in, T* out, const T* matrix,
                   Index first, Index last) {
  if (space.members == 2) {
    matrix_members<Add, 2>(space, in, out, matrix, first, last);
  } else if (space.members == 4) {
    matrix_members<Add, 4>(space, in, out, matrix, first, last);
  } else {
    matrix_members<Add, 0>(space, in, out, matrix, first, last);
  }
}

template <class T>
void apply_matrix(const lret::simd::GroupSpace& space, T* data, const T* matrix, Index first,
                  Index last) {
  matrix_groups<false, T>(space, data, data, matrix, first, last);
}

template <class T>
void add_matrix(const lret::simd::GroupSpace& space, const T* in, T* out, const T* matrix,
                Index first, Index last) {
  matrix_groups<true, T>(space, in, out, matrix, first, last);
}
