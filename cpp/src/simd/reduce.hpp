// Sums over rows or columns, accumulated in double.

/// Elements of a tile that stay in the cache while its columns are summed.
constexpr Index kReduceTile = 2048;

/// Rows of fewer columns are read in the order of memory as it is.
constexpr Index kFetchedColumns = 16;

/// Groups at `rows`, one vector of columns at real offset i: sums[plane] += products of all pairs.
/// For a pair a <= b the planes hold v_a * v_b and swap(v_a) * v_b; their lane sums and differences
/// are the parts of L[a] * conj(L[b]). Cost: 4 flops for each element and pair.
template <int D, int L, class T>
LRET_INLINE void reduced_step(const lret::simd::GroupSpace& space, const T* data,
                              const std::uint64_t* rows, Index groups, Index i, double* sums,
                              Index plane) {
  using V = Vector<double, L>;
  constexpr int kPairs = D * (D + 1) / 2;
  V same[kPairs];
  V crossed[kPairs];
  LRET_UNROLL for (int p = 0; p < kPairs; ++p) {
    same[p] = load<V>(sums + 2 * p * plane);
    crossed[p] = load<V>(sums + (2 * p + 1) * plane);
  }
  for (Index g = 0; g < groups; ++g) {
    const T* const base = data + 2 * row_offset(space, rows[g]) + i;
    V v[D];
    LRET_UNROLL for (int a = 0; a < D; ++a) v[a] = load_double<T, L>(base + 2 * space.offset[a]);
    LRET_UNROLL for (int a = 0; a < D; ++a) {
      const V s = swapped<double, L>(v[a]);
      LRET_UNROLL for (int b = 0; b < D; ++b) {
        if (b < a) continue;
        const int p = a * D - a * (a + 1) / 2 + b;
        same[p] += v[a] * v[b];
        if (b > a) crossed[p] += s * v[b];
      }
    }
  }
  LRET_UNROLL for (int p = 0; p < kPairs; ++p) {
    store(sums + 2 * p * plane, same[p]);
    store(sums + (2 * p + 1) * plane, crossed[p]);
  }
}

/// The same for any number of members, pair after pair over the tile.
template <int L, class T>
LRET_INLINE void reduced_pairs(const lret::simd::GroupSpace& space, const T* data,
                               const std::uint64_t* rows, Index groups, Index i, double* sums,
                               Index plane) {
  using V = Vector<double, L>;
  int p = 0;
  for (int a = 0; a < space.members; ++a) {
    for (int b = a; b < space.members; ++b, ++p) {
      V same = load<V>(sums + 2 * p * plane);
      V crossed = load<V>(sums + (2 * p + 1) * plane);
      for (Index g = 0; g < groups; ++g) {
        const T* const base = data + 2 * row_offset(space, rows[g]) + i;
        const V u = load_double<T, L>(base + 2 * space.offset[a]);
        const V v = load_double<T, L>(base + 2 * space.offset[b]);
        same += u * v;
        crossed += swapped<double, L>(u) * v;
      }
      store(sums + 2 * p * plane, same);
      store(sums + (2 * p + 1) * plane, crossed);
    }
  }
}

/// Fetches a tile of groups, row by row, while the tile before it is summed column by column: an
/// order that the prefetcher of the processor cannot follow.
template <class T>
struct TileFetcher {
  const lret::simd::GroupSpace& space;
  const T* data;
  const std::uint64_t* rows;
  Index count;  // rows in all: groups * members
  Index begin;  // of the columns, in reals
  Index end;
  Index number;
  Index at;

  LRET_INLINE void fetch(Index reals) {
    for (Index done = 0; done < reals && number < count; done += kLineReals) {
      const Index group = row_offset(space, rows[number / space.members]);
      const Index row = group + space.offset[number & (space.members - 1)];
      __builtin_prefetch(data + 2 * row + at, 0, 2);
      at += kLineReals;
      if (at >= end) {
        at = begin;
        ++number;
      }
    }
  }

  static constexpr Index kLineReals = 64 / static_cast<Index>(sizeof(T));
};

template <int D, int L, class T>
LRET_INLINE void reduced_columns(const lret::simd::GroupSpace& space, const T* data,
                                 const std::uint64_t* rows, Index groups, Index i, Index begin,
                                 Index end, double* sums, TileFetcher<T>& next) {
  if constexpr (L >= 2) {
    for (; i + L <= end; i += L) {
      next.fetch(groups * space.members * L);
      if constexpr (D == 0) {
        reduced_pairs<L>(space, data, rows, groups, i, sums + i - begin, end - begin);
      } else {
        reduced_step<D, L>(space, data, rows, groups, i, sums + i - begin, end - begin);
      }
    }
    reduced_columns<D, L / 2>(space, data, rows, groups, i, begin, end, sums, next);
  }
}

template <int D, class T>
void reduced_members(const lret::simd::GroupSpace& space, const T* data, Index first, Index last,
                     Index first_column, Index last_column, double* sums) {
  constexpr Index kMostGroups = 256;
  const Index wide = kReduceTile / (space.members * (last_column - first_column));
  const Index groups = wide < 4 ? 4 : smaller(wide, kMostGroups);
  std::uint64_t rows[2][kMostGroups];

  const auto list_rows = [&](Index g, std::uint64_t* list) {
    std::uint64_t row = group_row(space, g);
    const Index count = g < last ? smaller(groups, last - g) : 0;
    for (Index i = 0; i < count; ++i, row = next_row(space, row)) list[i] = row;
    return count;
  };
  Index count = list_rows(first, rows[0]);
  int now = 0;
  for (Index g = first; g < last; g += groups, now ^= 1) {
    const Index next_count = list_rows(g + groups, rows[now ^ 1]);
    const bool fetches = last_column - first_column >= kFetchedColumns;
    TileFetcher<T> next = {space,
                           data,
                           rows[now ^ 1],
                           fetches ? next_count * space.members : 0,
                           2 * first_column,
                           2 * last_column,
                           0,
                           2 * first_column};
    reduced_columns<D, kLanes<double>>(space, data, rows[now], count, 2 * first_column,
                                       2 * first_column, 2 * last_column, sums, next);
    count = next_count;
  }
}

template <class T>
void reduced(const lret::simd::GroupSpace& space, const T* data, Index first, Index last,
             Index first_column, Index last_column, double* sums) {
  if (space.members == 1) {
    reduced_members<1>(space, data, first, last, first_column, last_column, sums);
  } else if (space.members == 2) {
    reduced_members<2>(space, data, first, last, first_column, last_column, sums);
  } else if (space.members == 4) {
    reduced_members<4>(space, data, first, last, first_column, last_column, sums);
  } else {
    reduced_members<0>(space, data, first, last, first_column, last_column, sums);
  }
}

/// Sum of the lanes, in order.
template <int L>
LRET_INLINE double lane_sum(Vector<double, L> v) {
  double sum = 0;
  LRET_UNROLL for (int i = 0; i < L; ++i) sum += v[i];
  return sum;
}

template <int L, class T>
LRET_INLINE double square_sum(const T* p, Index i, Index reals) {
  if constexpr (L >= 2) {
    Vector<double, L> acc = {};
    double sum = 0;
    if (i + L <= reals) {
      for (; i + L <= reals; i += L) {
        const auto v = load_double<T, L>(p + i);
        acc += v * v;
      }
      sum = lane_sum<L>(acc);
    }
    return sum + square_sum<L / 2>(p, i, reals);
  } else {
    return 0;
  }
}

/// out[x] = sum_j |data[x, j]|^2: 4 flops for each element, read once.
template <class T>
void probabilities(const T* data, Index stride, Index columns, Index first, Index last,
                   double* out) {
  for (Index x = first; x < last; ++x) {
    out[x] = square_sum<kLanes<double>>(data + 2 * x * stride, 0, 2 * columns);
  }
}

template <int L, class T>
LRET_INLINE double add_squares_from(const T* p, Index i, Index reals, double factor, double* out) {
  if constexpr (L >= 2) {
    Vector<double, L> acc = {};
    for (; i + L <= reals; i += L) {
      const auto v = load_double<T, L>(p + i);
      const Vector<double, L> square = v * v;
      acc += square;
      store(out + i, load<Vector<double, L>>(out + i) + factor * square);
    }
    return lane_sum<L>(acc) + add_squares_from<L / 2>(p, i, reals, factor, out);
  } else {
    return 0;
  }
}

/// out[i] += factor * p[i]^2, and the sum of the squares: 5 flops for each real.
template <class T>
double add_squares(const T* p, Index reals, double factor, double* out) {
  return add_squares_from<kLanes<double>>(p, 0, reals, factor, out);
}

/// Sums of conj(l) * r: with lanes of l * r the real part, of l * swap(r) the imaginary part.
template <int L>
struct Overlap {
  Vector<double, L> same = {};
  Vector<double, L> crossed = {};

  template <class T>
  LRET_INLINE void add(const T* left, const T* right, double sign) {
    const auto l = sign * load_double<T, L>(left);
    const auto r = load_double<T, L>(right);
    same += l * r;
    crossed += l * swapped<double, L>(r);
  }

  /// conj(l) r = (l.re r.re + l.im r.im) + i (l.re r.im - l.im r.re).
  LRET_INLINE void finish(double* out) const {
    LRET_UNROLL for (int i = 0; i < L; i += 2) {
      out[0] += same[i] + same[i + 1];
      out[1] += crossed[i] - crossed[i + 1];
    }
  }
};

/// sum of conj(left[x]) * (-1)^popcount((x ^ x_mask) & z_mask) * right[x ^ x_mask]: 8 flops for
/// each element, each block read once.
template <class T>
void overlap(const lret::simd::OverlapPlan<T>& plan, Index first, Index last, double* out) {
  constexpr int L = kLanes<double>;
  Overlap<L> wide;
  Overlap<2> narrow;
  const Index reals = 2 * plan.run;
  for (Index x = first; x < last; ++x) {
    const std::uint64_t other = static_cast<std::uint64_t>(x) ^ plan.x_mask;
    const double sign = __builtin_parityll(other & plan.z_mask) != 0 ? -1.0 : 1.0;
    const T* const left = plan.left + 2 * x * plan.left_unit;
    const T* const right = plan.right + 2 * static_cast<Index>(other) * plan.right_unit;
    Index i = 0;
    for (; i + L <= reals; i += L) wide.add(left + i, right + i, sign);
    for (; i < reals; i += 2) narrow.add(left + i, right + i, sign);
  }
  out[0] = 0;
  out[1] = 0;
  wide.finish(out);
  narrow.finish(out);
}

/// Products of each register with the one whose number differs by the mask. Where the mask is not
/// zero each pair is met once and counts twice.
template <int X, class T>
double string_sum(const lret::simd::StringPlan& plan, const T* column) {
  constexpr int L = kLanes<double>;
  constexpr int kSums = 4;
  using V = Vector<double, L>;
  const Index pairs = plan.x_mask == 0 ? plan.registers : plan.registers / 2;
  // The numbers of the first registers have no bit at the highest place of the mask.
  const int top = plan.x_mask == 0 ? 63 : 63 - __builtin_clzll(plan.x_mask);
  const std::uint64_t low = (std::uint64_t{1} << top) - 1;
  V sums[kSums] = {};
  const auto add = [&](Index number, V& sum) {
    const auto place = static_cast<std::uint64_t>(number);
    const std::uint64_t first = ((place & ~low) << 1) | (place & low);
    const std::uint64_t other = first ^ plan.x_mask;
    const double sign = __builtin_parityll(first & plan.z_mask) != 0 ? -1.0 : 1.0;
    const V left = load_double<T, L>(column + static_cast<Index>(first) * L);
    const V right = load_double<T, L>(column + static_cast<Index>(other) * L);
    sum += sign * left * exchange_lanes<X>(right, typename LanesOf<L>::type{});
  };
  Index number = 0;
  for (; number + kSums <= pairs; number += kSums) {
    LRET_UNROLL for (int i = 0; i < kSums; ++i) add(number + i, sums[i]);
  }
  for (; number < pairs; ++number) add(number, sums[0]);
  const V total = (sums[0] + sums[1]) + (sums[2] + sums[3]);
  double sum = 0;
  LRET_UNROLL for (int i = 0; i < L; ++i) {
    sum += (plan.lane_signs >> i & 1) != 0 ? -total[i] : total[i];
  }
  return plan.x_mask == 0 ? sum : 2 * sum;
}

template <class T, int X = 0>
LRET_INLINE double string_sum_by_exchange(const lret::simd::StringPlan& plan, const T* column) {
  if constexpr (X + 1 < kLanes<double>) {
    if (plan.exchange != X) return string_sum_by_exchange<T, X + 1>(plan, column);
  }
  return string_sum<X, T>(plan, column);
}

/// sum over the reals i of v[i] * v[i ^ x] with signs: 2 flops for each real of half the column.
template <class T>
double pauli_value(const lret::simd::StringPlan& plan, const T* column) {
  return string_sum_by_exchange<T>(plan, column);
}
