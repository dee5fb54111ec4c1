// Chosen branches: out[:, target] = scale * K block[:, source].
//
// Branches that share an operator form a segment and sit side by side in a register, each lane
// loaded from its own source column. Cost for each new element: 8 * 2^k + 2 flops, one read and one
// write.

/// Elements at real offsets source[0], source[1], ... of a row, side by side.
template <int L, class T>
LRET_INLINE Vector<T, L> gather_columns(const T* row, const Index* source) {
  if constexpr (L == 2) {
    return load<Vector<T, 2>>(row + source[0]);
  } else {
    return joined<T, L>(gather_columns<L / 2>(row, source),
                        gather_columns<L / 2>(row, source + L / 4));
  }
}

template <int L, class T>
LRET_INLINE void scatter_columns(T* row, const Index* target, Vector<T, L> v) {
  T lanes[L];
  store(lanes, v);
  LRET_UNROLL for (int i = 0; i < L; i += 2) {
    store(row + target[i / 2], load<Vector<T, 2>>(lanes + i));
  }
}

/// Branches c .. c + L / 2 of one segment and one group, for D = 2 or 4 members.
template <int D, int L, class T>
LRET_INLINE void branch_step(const lret::simd::BranchPlan<T>& plan, const T* const* in,
                             T* const* out, Index c, const T* m) {
  using V = Vector<T, L>;
  const V scale = load<V>(plan.scale + 2 * c);
  V v[D];
  V s[D];
  LRET_UNROLL for (int b = 0; b < D; ++b) {
    v[b] = scale * gather_columns<L>(in[b], plan.source + c);
    s[b] = rotated<T, L>(v[b]);
  }
  LRET_UNROLL for (int a = 0; a < D; ++a) {
    V acc = {};
    LRET_UNROLL for (int b = 0; b < D; ++b) {
      acc += m[2 * (a * D + b)] * v[b];
      acc += m[2 * (a * D + b) + 1] * s[b];
    }
    if (plan.contiguous) {
      store(out[a] + 2 * c, acc);
    } else {
      scatter_columns<L>(out[a], plan.target + c, acc);
    }
  }
}

template <int D, int L, class T>
LRET_INLINE void branch_segment(const lret::simd::BranchPlan<T>& plan, const T* const* in,
                                T* const* out, Index c, Index last, const T* m) {
  if constexpr (L >= 2) {
    for (; c + L / 2 <= last; c += L / 2) branch_step<D, L>(plan, in, out, c, m);
    branch_segment<D, L / 2>(plan, in, out, c, last, m);
  }
}

/// For two and four members, in registers.
template <int D, class T>
void branch_direct(const lret::simd::BranchPlan<T>& shared, const T* block, T* out, Index first,
                   Index last) {
  const lret::simd::BranchPlan<T> plan = shared;
  const lret::simd::GroupSpace space = *plan.space;
  std::uint64_t row = group_row(space, first);
  for (Index g = first; g < last; ++g, row = next_row(space, row)) {
    const T* in[D];
    T* to[D];
    LRET_UNROLL for (int a = 0; a < D; ++a) {
      const Index member = static_cast<Index>(row) + space.offset[a];
      in[a] = block + 2 * member * plan.block_stride;
      to[a] = out + 2 * member * plan.out_stride;
    }
    for (Index s = 0; s < plan.segments; ++s) {
      const lret::simd::Segment<T>& segment = plan.segment[s];
      branch_segment<D, kLanes<T>>(plan, in, to, segment.first, segment.last, segment.matrix);
    }
  }
}

/// Branches first..last, all with matrix m, of one group with many members: their columns are
/// gathered into a tile, which one matrix product turns into the new columns.
template <class T>
void branch_tile(const lret::simd::BranchPlan<T>& plan, const T* m, const T* block, T* out,
                 Index row, Index first, Index last) {
  const lret::simd::GroupSpace& space = *plan.space;
  const Index width = last - first;
  alignas(64) T buffer[2 * (kTile + lret::simd::kMaxMembers * kTilePadding)];
  T* tile[lret::simd::kMaxMembers];
  for (int b = 0; b < space.members; ++b) {
    tile[b] = buffer + 2 * b * (kTile / space.members + kTilePadding);
    const T* const from = block + 2 * (row + space.offset[b]) * plan.block_stride;
    for (Index c = first; c < last; ++c) {
      store(tile[b] + 2 * (c - first),
            plan.scale[2 * c] * load<Vector<T, 2>>(from + plan.source[c]));
    }
  }
  run_members<false, 0>(space.members, tile, tile, 2 * width, m, NoFetch{});
  for (int a = 0; a < space.members; ++a) {
    T* const to = out + 2 * (row + space.offset[a]) * plan.out_stride;
    for (Index c = first; c < last; ++c) {
      store(to + plan.target[c], load<Vector<T, 2>>(tile[a] + 2 * (c - first)));
    }
  }
}

template <class T>
void branch_tiled(const lret::simd::BranchPlan<T>& plan, const T* block, T* out, Index first,
                  Index last) {
  const lret::simd::GroupSpace& space = *plan.space;
  const Index width = kTile / space.members;
  std::uint64_t row = group_row(space, first);
  for (Index g = first; g < last; ++g, row = next_row(space, row)) {
    for (Index s = 0; s < plan.segments; ++s) {
      const lret::simd::Segment<T>& segment = plan.segment[s];
      for (Index c = segment.first; c < segment.last; c += width) {
        branch_tile(plan, segment.matrix, block, out, static_cast<Index>(row), c,
                    smaller(segment.last, c + width));
      }
    }
  }
}

template <class T>
void branch(const lret::simd::BranchPlan<T>& plan, const T* block, T* out, Index first,
            Index last) {
  if (plan.space->members == 2) {
    branch_direct<2>(plan, block, out, first, last);
  } else if (plan.space->members == 4) {
    branch_direct<4>(plan, block, out, first, last);
  } else {
    branch_tiled(plan, block, out, first, last);
  }
}
