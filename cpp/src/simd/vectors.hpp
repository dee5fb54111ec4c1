// Vectors of interleaved complex numbers, on the vector extension of GCC and Clang.
//
// Included only by level.cpp, inside the namespace of one instruction set. LRET_VECTOR_BYTES is
// the width of a register.

#define LRET_INLINE __attribute__((always_inline)) inline
#define LRET_UNROLL _Pragma("GCC unroll 16")

using Index = std::int64_t;

template <class T, int N>
struct VectorOf {
  using type __attribute__((vector_size(N * sizeof(T)))) = T;
};
/// N reals, so N / 2 complex numbers.
template <class T, int N>
using Vector = typename VectorOf<T, N>::type;

/// Reals in a full register.
template <class T>
constexpr int kLanes = LRET_VECTOR_BYTES / static_cast<int>(sizeof(T));

/// Complex numbers of a stack tile: members x tile elements.
constexpr Index kTile = 1024;
constexpr Index kTilePadding = 4;

template <class V, class T>
LRET_INLINE V load(const T* from) {
  V v;
  __builtin_memcpy(&v, from, sizeof(V));
  return v;
}

template <class V, class T>
LRET_INLINE void store(T* to, V v) {
  __builtin_memcpy(to, &v, sizeof(V));
}

template <int... I>
struct Lanes {};

template <int N>
struct LanesOf;
template <>
struct LanesOf<2> {
  using type = Lanes<0, 1>;
};
template <>
struct LanesOf<4> {
  using type = Lanes<0, 1, 2, 3>;
};
template <>
struct LanesOf<8> {
  using type = Lanes<0, 1, 2, 3, 4, 5, 6, 7>;
};
template <>
struct LanesOf<16> {
  using type = Lanes<0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15>;
};

/// Lane i receives lane i ^ X.
template <int X, class V, int... I>
LRET_INLINE V exchange_lanes(V v, Lanes<I...>) {
  return __builtin_shufflevector(v, v, (I ^ X)...);
}

/// (re, im) -> (im, re).
template <class T, int N>
LRET_INLINE Vector<T, N> swapped(Vector<T, N> v) {
  return exchange_lanes<1>(v, typename LanesOf<N>::type{});
}

template <class V, class H, int... I>
LRET_INLINE V join_halves(H low, H high, Lanes<I...>) {
  return __builtin_shufflevector(low, high, I...);
}

/// The L / 2 lanes of `low`, then those of `high`.
template <class T, int L>
LRET_INLINE Vector<T, L> joined(Vector<T, L / 2> low, Vector<T, L / 2> high) {
  return join_halves<Vector<T, L>>(low, high, typename LanesOf<L>::type{});
}

template <class T>
struct BitsOf;
template <>
struct BitsOf<double> {
  using type = long long;
};
template <>
struct BitsOf<float> {
  using type = int;
};

template <class T, int N, int... I>
LRET_INLINE Vector<T, N> negate_even(Vector<T, N> v, Lanes<I...>) {
  using Bits = typename BitsOf<T>::type;
  using BitVector = Vector<Bits, N>;
  constexpr Bits kSign = static_cast<Bits>(1ULL << (8 * sizeof(Bits) - 1));
  const BitVector mask = {(I % 2 == 0 ? kSign : Bits{0})...};
  return (Vector<T, N>)((BitVector)v ^ mask);
}

/// (re, im) -> (-im, re): v times i. So x * v = x.re * v + x.im * rotated(v).
template <class T, int N>
LRET_INLINE Vector<T, N> rotated(Vector<T, N> v) {
  return negate_even<T, N>(swapped<T, N>(v), typename LanesOf<N>::type{});
}

/// Loads N reals of T as doubles.
template <class T, int N>
LRET_INLINE Vector<double, N> load_double(const T* from) {
  return __builtin_convertvector(load<Vector<T, N>>(from), Vector<double, N>);
}

LRET_INLINE Index smaller(Index a, Index b) { return a < b ? a : b; }

/// The merged row of group number g: the bits of g laid out over the positions that are not fixed.
LRET_INLINE std::uint64_t group_row(const lret::simd::GroupSpace& space, Index g) {
  auto row = static_cast<std::uint64_t>(g);
  for (int i = 0; i < space.fixed; ++i) {
    const std::uint64_t low = (std::uint64_t{1} << space.positions[i]) - 1;
    row = ((row & ~low) << 1) | (row & low);
  }
  return row;
}

/// The row of the next group: add one to the bits that are not fixed.
LRET_INLINE std::uint64_t next_row(const lret::simd::GroupSpace& space, std::uint64_t row) {
  return ((row | space.fixed_mask) + 1) & ~space.fixed_mask;
}

/// Element offset of member 0 of the group at `row`.
LRET_INLINE Index row_offset(const lret::simd::GroupSpace& space, std::uint64_t row) {
  return static_cast<Index>(row) * space.unit + space.origin;
}

/// Copies or adds `count` complex numbers; for short runs, where a call of memcpy costs more.
template <bool Add, class T>
LRET_INLINE void copy_elements(T* to, const T* from, Index count) {
  using V = Vector<T, 2>;
  for (Index i = 0; i < count; ++i) {
    const V v = load<V>(from + 2 * i);
    store(to + 2 * i, Add ? load<V>(to + 2 * i) + v : v);
  }
}
