// Dense matrices of one or two bits, of which some lie inside a register (see LanePlan).
//
// Elements are exchanged between the lanes of a register, never gathered: for every subset x of the
// lane bits, the register with its lanes exchanged by x is multiplied by one factor for each lane.
// Cost: as in matrix.hpp, 8 * 2^k flops for each element, and up to 2^k exchanges.

/// The i-th subset of the bits of a mask, in ascending order, for masks of at most two bits.
constexpr int subset(int mask, int i) {
  const int lowest = mask & -mask;
  return ((i & 1) != 0 ? lowest : 0) | ((i & 2) != 0 ? mask ^ lowest : 0);
}

/// Registers of D members; Mask has S subsets.
template <bool Add, int D, int S, int Mask, class T>
LRET_INLINE void lane_step(const lret::simd::LanePlan<T>& plan, const T* in, T* out) {
  constexpr int L = kLanes<T>;
  static_assert(L <= lret::simd::LanePlan<T>::kMostReals);
  using V = Vector<T, L>;
  using All = typename LanesOf<L>::type;
  V acc[D] = {};
  LRET_UNROLL for (int b = 0; b < D; ++b) {
    const V v = load<V>(in + 2 * plan.space.offset[b]);
    const V part[4] = {v, exchange_lanes<2 * subset(Mask, 1)>(v, All{}),
                       exchange_lanes<2 * subset(Mask, 2)>(v, All{}),
                       exchange_lanes<2 * subset(Mask, 3)>(v, All{})};
    LRET_UNROLL for (int i = 0; i < S; ++i) {
      const V s = swapped<T, L>(part[i]);
      LRET_UNROLL for (int a = 0; a < D; ++a) {
        const T* const factor = plan.factors + 2 * L * ((a * D + b) * S + i);
        acc[a] += load<V>(factor) * part[i];
        acc[a] += load<V>(factor + L) * s;
      }
    }
  }
  LRET_UNROLL for (int a = 0; a < D; ++a) {
    T* const to = out + 2 * plan.space.offset[a];
    store(to, Add ? load<V>(to) + acc[a] : acc[a]);
  }
}

template <bool Add, int D, int Mask, class T>
void lane_groups(const lret::simd::LanePlan<T>& shared, const T* in, T* out, Index first,
                 Index last) {
  constexpr int S = (Mask & (Mask - 1)) == 0 ? 2 : 4;
  // A local copy: stores to the block cannot change it, so its factors stay in registers.
  const lret::simd::LanePlan<T> plan = shared;
  std::uint64_t row = group_row(plan.space, first);
  for (Index g = first; g < last; ++g, row = next_row(plan.space, row)) {
    const Index at = 2 * row_offset(plan.space, row);
    lane_step<Add, D, S, Mask>(plan, in + at, out + at);
  }
}

template <bool Add, int D, class T>
void lane_masks(const lret::simd::LanePlan<T>& plan, const T* in, T* out, Index first, Index last) {
  constexpr int kElements = kLanes<T> / 2;
  if constexpr (kElements >= 2) {
    if (plan.lane_mask == 1) lane_groups<Add, D, 1>(plan, in, out, first, last);
  }
  if constexpr (kElements >= 4) {
    if (plan.lane_mask == 2) lane_groups<Add, D, 2>(plan, in, out, first, last);
  }
  if constexpr (kElements >= 8) {
    if (plan.lane_mask == 4) lane_groups<Add, D, 4>(plan, in, out, first, last);
  }
  if constexpr (kElements >= 4 && D == 1) {
    if (plan.lane_mask == 3) lane_groups<Add, D, 3>(plan, in, out, first, last);
  }
  if constexpr (kElements >= 8 && D == 1) {
    if (plan.lane_mask == 5) lane_groups<Add, D, 5>(plan, in, out, first, last);
    if (plan.lane_mask == 6) lane_groups<Add, D, 6>(plan, in, out, first, last);
  }
}

template <bool Add, class T>
void lane_members(const lret::simd::LanePlan<T>& plan, const T* in, T* out, Index first,
                  Index last) {
  if (plan.space.members == 1) {
    lane_masks<Add, 1>(plan, in, out, first, last);
  } else {
    lane_masks<Add, 2>(plan, in, out, first, last);
  }
}

template <class T>
void apply_lanes(const lret::simd::LanePlan<T>& plan, T* data, Index first, Index last) {
  lane_members<false, T>(plan, data, data, first, last);
}

template <class T>
void add_lanes(const lret::simd::LanePlan<T>& plan, const T* in, T* out, Index first, Index last) {
  lane_members<true, T>(plan, in, out, first, last);
}
