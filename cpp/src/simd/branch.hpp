// Chosen branches: out[:, target] = scale * K block[:, source].
//
// Branches that share an operator form a segment. For a tile of groups, the source columns of a
// segment are gathered, scaled, into contiguous rows, which one matrix product turns into the new
// columns. Cost for each new element: 8 * 2^k + 2 flops, one read and one write.

/// Gather one group: tile row b, place c - first of `to`, for branches first..last.
template <class T>
LRET_INLINE void gather_branches(const lret::simd::BranchPlan<T>& plan, const T* from, T* to,
                                 Index first, Index last) {
  for (Index c = first; c < last; ++c) {
    const auto v = load<Vector<T, 2>>(from + 2 * plan.source[c]);
    store(to + 2 * (c - first), plan.scale[c] * v);
  }
}

template <class T>
LRET_INLINE void scatter_branches(const lret::simd::BranchPlan<T>& plan, const T* from, T* to,
                                  Index first, Index last) {
  for (Index c = first; c < last; ++c) {
    store(to + 2 * plan.target[c], load<Vector<T, 2>>(from + 2 * (c - first)));
  }
}

/// Branches first..last, all with matrix m, for the groups whose rows are listed.
template <int D, class T>
LRET_INLINE void branch_tile(const lret::simd::BranchPlan<T>& plan, const T* m, const T* block,
                             T* out, const std::uint64_t* rows, Index groups, Index first,
                             Index last) {
  const lret::simd::GroupSpace& space = *plan.space;
  const int members = D == 0 ? space.members : D;
  const Index width = last - first;
  const Index tile = kTile / members;
  alignas(64) T buffer[2 * kTile];
  T* in[D == 0 ? lret::simd::kMaxMembers : D];
  for (int a = 0; a < members; ++a) in[a] = buffer + 2 * a * tile;

  for (Index i = 0; i < groups; ++i) {
    for (int b = 0; b < members; ++b) {
      const Index row = static_cast<Index>(rows[i]) + space.offset[b];
      gather_branches(plan, block + 2 * row * plan.block_stride, in[b] + 2 * i * width, first,
                      last);
    }
  }
  if (groups == 1 && plan.contiguous) {
    T* to[D == 0 ? lret::simd::kMaxMembers : D];
    for (int a = 0; a < members; ++a) {
      const Index row = static_cast<Index>(rows[0]) + space.offset[a];
      to[a] = out + 2 * (row * plan.out_stride + first);
    }
    run_members<D>(members, in, to, 2 * width, m, NoFetch{});
    return;
  }
  run_members<D>(members, in, in, 2 * groups * width, m, NoFetch{});
  for (Index i = 0; i < groups; ++i) {
    for (int a = 0; a < members; ++a) {
      const Index row = static_cast<Index>(rows[i]) + space.offset[a];
      scatter_branches(plan, in[a] + 2 * i * width, out + 2 * row * plan.out_stride, first, last);
    }
  }
}

template <int D, class T>
void branch_members(const lret::simd::BranchPlan<T>& plan, const T* block, T* out, Index first,
                    Index last) {
  const lret::simd::GroupSpace& space = *plan.space;
  const Index tile = kTile / (D == 0 ? space.members : D);
  constexpr Index kMostGroups = 64;
  std::uint64_t rows[kMostGroups];

  std::uint64_t row = group_row(space, first);
  for (Index g = first; g < last; g += kMostGroups) {
    const Index count = smaller(kMostGroups, last - g);
    for (Index i = 0; i < count; ++i, row = next_row(space, row)) rows[i] = row;
    for (Index s = 0; s < plan.segments; ++s) {
      const lret::simd::Segment<T>& segment = plan.segment[s];
      for (Index c = segment.first; c < segment.last; c += tile) {
        const Index end = smaller(segment.last, c + tile);
        const Index abreast = tile / (end - c);
        for (Index i = 0; i < count; i += abreast) {
          branch_tile<D>(plan, segment.matrix, block, out, rows + i, smaller(abreast, count - i), c,
                         end);
        }
      }
    }
  }
}

template <class T>
void branch(const lret::simd::BranchPlan<T>& plan, const T* block, T* out, Index first,
            Index last) {
  if (plan.space->members == 2) {
    branch_members<2>(plan, block, out, first, last);
  } else if (plan.space->members == 4) {
    branch_members<4>(plan, block, out, first, last);
  } else {
    branch_members<0>(plan, block, out, first, last);
  }
}
