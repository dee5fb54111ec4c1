// Matrices with one entry in each row: permutations with phases, and diagonals.

/// x * v for one complex number x.
template <class T, int L>
LRET_INLINE Vector<T, L> times(T re, T im, Vector<T, L> v) {
  return re * v + im * rotated<T, L>(v);
}

/// p[0..reals] *= x, from vectors of L reals down.
template <int L, class T>
LRET_INLINE void scale_run(T* p, Index i, Index reals, T re, T im) {
  if constexpr (L >= 2) {
    using V = Vector<T, L>;
    for (; i + L <= reals; i += L) store(p + i, times<T, L>(re, im, load<V>(p + i)));
    scale_run<L / 2>(p, i, reals, re, im);
  }
}

template <int L, class T>
LRET_INLINE void exchange_runs(T* p, T* q, Index i, Index reals) {
  if constexpr (L >= 2) {
    using V = Vector<T, L>;
    for (; i + L <= reals; i += L) {
      const V v = load<V>(p + i);
      store(p + i, load<V>(q + i));
      store(q + i, v);
    }
    exchange_runs<L / 2>(p, q, i, reals);
  }
}

/// Cycle c of length two or more: each member receives phase times the next one.
template <int L, class T>
LRET_INLINE void turn_cycle(const lret::simd::Cycles<T>& cycles, int first, int last,
                            T* const* rows, Index i, Index reals) {
  if constexpr (L >= 2) {
    using V = Vector<T, L>;
    for (; i + L <= reals; i += L) {
      const V head = load<V>(rows[first] + i);
      for (int p = first; p < last; ++p) {
        V v = p + 1 < last ? load<V>(rows[p + 1] + i) : head;
        if (!cycles.pure[p]) v = times<T, L>(cycles.phase[p][0], cycles.phase[p][1], v);
        store(rows[p] + i, v);
      }
    }
    turn_cycle<L / 2>(cycles, first, last, rows, i, reals);
  }
}

/// new[a] = phase[a] * old[source[a]]: 6 flops for each element whose phase is not 1; moved
/// elements are read and written once.
template <class T>
void apply_permutation(const lret::simd::GroupSpace& space, const lret::simd::Cycles<T>& cycles,
                       T* data, Index first, Index last) {
  constexpr int L = kLanes<T>;
  const Index reals = 2 * space.run;
  std::uint64_t row = group_row(space, first);
  for (Index g = first; g < last; ++g, row = next_row(space, row)) {
    T* const base = data + 2 * row_offset(space, row);
    T* rows[lret::simd::kMaxMembers];
    for (int p = 0; p < cycles.first[cycles.cycles]; ++p) {
      rows[p] = base + 2 * space.offset[cycles.members[p]];
    }
    for (int c = 0; c < cycles.cycles; ++c) {
      const int begin = cycles.first[c];
      const int end = cycles.first[c + 1];
      if (end - begin == 1) {
        scale_run<L>(rows[begin], 0, reals, cycles.phase[begin][0], cycles.phase[begin][1]);
      } else if (end - begin == 2 && cycles.pure[begin] && cycles.pure[begin + 1]) {
        exchange_runs<L>(rows[begin], rows[begin + 1], 0, reals);
      } else {
        turn_cycle<L>(cycles, begin, end, rows, 0, reals);
      }
    }
  }
}

/// Rows of one block of the diagonal kernel share their high bits.
constexpr int kLowBits = 8;
constexpr Index kLowRows = Index{1} << kLowBits;

/// The part of the table index that comes from bits least..most of a row.
template <class T>
LRET_INLINE Index table_index(const lret::simd::DiagonalPlan<T>& plan, Index row, int least,
                              int most) {
  Index value = 0;
  for (int i = 0; i < plan.bits; ++i) {
    const int p = plan.positions[i];
    if (p >= least && p < most) value |= (row >> p & 1) << i;
  }
  return value;
}

/// data[i] *= (re[i], im[i]) elementwise, both laid out as interleaved reals.
template <int L, class T>
LRET_INLINE void multiply_elements(T* data, const T* re, const T* im, Index i, Index reals) {
  if constexpr (L >= 2) {
    using V = Vector<T, L>;
    for (; i + L <= reals; i += L) {
      const V v = load<V>(data + i);
      store(data + i, load<V>(re + i) * v + load<V>(im + i) * rotated<T, L>(v));
    }
    multiply_elements<L / 2>(data, re, im, i, reals);
  }
}

/// Merged rows first..last, which share the high part of their table index: row by row.
template <class T>
LRET_INLINE void diagonal_rows(const lret::simd::DiagonalPlan<T>& plan, T* data, Index first,
                               Index last, Index high, const Index* low) {
  for (Index x = first; x < last; ++x) {
    const T* const factor = plan.table + 2 * (high | low[x & (kLowRows - 1)]);
    if (factor[0] == T{1} && factor[1] == T{0}) continue;
    scale_run<kLanes<T>>(data + 2 * x * plan.unit, 0, 2 * plan.run, factor[0], factor[1]);
  }
}

/// The same for rows shorter than a register that follow each other without a gap: the factors are
/// spread over the elements first.
template <class T>
LRET_INLINE void diagonal_elements(const lret::simd::DiagonalPlan<T>& plan, T* data, Index first,
                                   Index last, Index high, const Index* low) {
  constexpr Index kLongest = kLanes<T> / 2;
  alignas(64) T re[2 * kLowRows * kLongest];
  alignas(64) T im[2 * kLowRows * kLongest];
  Index i = 0;
  for (Index x = first; x < last; ++x) {
    const T* const factor = plan.table + 2 * (high | low[x & (kLowRows - 1)]);
    for (Index j = 0; j < plan.run; ++j, i += 2) {
      re[i] = re[i + 1] = factor[0];
      im[i] = im[i + 1] = factor[1];
    }
  }
  multiply_elements<kLanes<T>>(data + 2 * first * plan.run, re, im, 0, i);
}

/// data[x] *= table[value of x]: 6 flops for each element; rows with factor 1 are not touched when
/// a row fills a register.
template <class T>
void apply_diagonal(const lret::simd::DiagonalPlan<T>& plan, T* data, Index first, Index last) {
  Index low[kLowRows];
  for (Index x = 0; x < kLowRows; ++x) low[x] = table_index(plan, x, 0, kLowBits);
  const bool short_rows = plan.run < kLanes<T> / 2 && plan.unit == plan.run;
  for (Index x = first; x < last;) {
    const Index end = smaller(last, (x | (kLowRows - 1)) + 1);
    const Index high = table_index(plan, x, kLowBits, 64);
    if (short_rows) {
      diagonal_elements(plan, data, x, end, high, low);
    } else {
      diagonal_rows(plan, data, x, end, high, low);
    }
    x = end;
  }
}
