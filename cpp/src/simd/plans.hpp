// Plain data that the kernels of every instruction set take.
//
// Sources compiled for an instruction set may only share plain structs with the rest: an inline
// function compiled for AVX-512 could be the copy that the linker keeps for everyone.
#pragma once

#include <cstdint>

namespace lret::simd {

inline constexpr int kMaxBits = 62;
/// Bits of the largest matrix, and its rows.
inline constexpr int kMatrixBits = 6;
inline constexpr int kMaxMembers = 1 << kMatrixBits;

/// The groups of rows on some target bits. Offsets and runs are in elements (complex numbers).
struct GroupSpace {
  std::int64_t groups;               // number of groups
  std::int64_t run;                  // contiguous elements that belong to one member
  std::int64_t unit;                 // elements from one merged row to the next
  std::int64_t origin;               // element offset of the control value
  std::uint64_t fixed_mask;          // target and control bits of a merged row index
  int fixed;                         // how many
  int positions[kMaxBits];           // which, ascending
  int members;                       // 2^k rows per group
  std::int64_t offset[kMaxMembers];  // element offset of member a from member 0
};

/// A dense matrix of which some target bits lie inside one register: rows and registers are
/// contiguous, and the space counts registers. With lane the place of an element in its register
/// and x_i the i-th subset of lane_mask in ascending order, register a of a group becomes
///   new_a[lane] = sum over b, i of m[(a, lane), (b, lane ^ x_i)] * old_b[lane ^ x_i].
template <class T>
struct LanePlan {
  static constexpr int kMostReals = 16;
  GroupSpace space;  // members: the values of the targets above the register
  int lane_mask;
  /// [a][b][i] as (re, re, ...) and then (-im, im, ...) of every lane, densely packed.
  alignas(64) T factors[16 * kMostReals];
};

/// A monomial matrix as its cycles: members[first[c]..first[c + 1]] is cycle c, and the member at
/// position i receives phase[i] times the next member of its cycle.
template <class T>
struct Cycles {
  int cycles;
  int first[kMaxMembers + 1];
  int members[kMaxMembers];
  T phase[kMaxMembers][2];
  bool pure[kMaxMembers];  // the phase is exactly 1
};

/// Row factors: merged row x is multiplied by table[value of x on positions].
template <class T>
struct DiagonalPlan {
  std::int64_t run;   // contiguous elements of one merged row
  std::int64_t unit;  // elements from one merged row to the next
  int bits;
  int positions[kMaxBits];  // in the order of the table's index
  const T* table;           // 2^bits complex numbers
};

/// Branches first..last of the sorted order use `matrix`.
template <class T>
struct Segment {
  const T* matrix;
  std::int64_t first;
  std::int64_t last;
};

/// Branches sorted by operator; c is a place in that order. The space counts whole rows.
template <class T>
struct BranchPlan {
  const GroupSpace* space;
  std::int64_t block_stride;
  std::int64_t out_stride;
  std::int64_t segments;
  const Segment<T>* segment;
  const std::int64_t* source;  // offset in reals, in its row, of the column that branch c reads
  const std::int64_t* target;  // and of the one that it writes
  const T* scale;              // twice for each branch, once for each of its reals
  bool contiguous;             // target[c] == 2 * c
};

/// pauli_overlap on merged rows of `run` contiguous elements.
template <class T>
struct OverlapPlan {
  const T* left;
  const T* right;
  std::int64_t left_unit;
  std::int64_t right_unit;
  std::int64_t run;
  std::uint64_t x_mask;
  std::uint64_t z_mask;
};

/// One Pauli string on one contiguous column; see pauli_value.
struct StringPlan {
  int exchange;              // of the reals of a register, by exclusive or
  std::uint64_t lane_signs;  // bit i: the product in lane i counts negative
  std::uint64_t x_mask;      // of the registers
  std::uint64_t z_mask;      // of the registers
  std::int64_t registers;    // of the column
};

/// Reals of one line of a chunk: what a step works on at once.
template <class T>
inline constexpr int kLineReals = 128 / static_cast<int>(sizeof(T));

/// A real matrix on some bits of the number of a line in its chunk.
template <class T>
struct TransferStep {
  int members;
  std::uint64_t fixed_mask;    // bits of the step
  const std::int32_t* offset;  // of each member from member 0, in reals
  const T* matrix;
};

/// A chunk of a vector: 2^c lines, one for each value of the bits that the steps touch. The lanes
/// of a line differ in the lowest of the other bits; where there are too few, the rest stay zero.
template <class T>
struct TransferPlan {
  int lines;
  const std::int64_t* line;  // element offset of each line in the vector
  int lanes;
  const std::int64_t* lane;  // element offset of each lane
  bool contiguous;           // lane[l] == l
  std::uint64_t fixed_mask;  // bits of lines and lanes
  int steps;
  const TransferStep<T>* step;
};

/// The kernels of one instruction set for one precision. Complex arrays are interleaved (re, im).
template <class T>
struct Kernels {
  int register_elements;  // complex numbers in a register
  int double_elements;    // the same for a register of doubles
  /// Groups first..last; `matrix` is members x members complex numbers.
  void (*apply_matrix)(const GroupSpace&, T* data, const T* matrix, std::int64_t first,
                       std::int64_t last);
  /// The same, added to the groups of another block of the same shape.
  void (*add_matrix)(const GroupSpace&, const T* in, T* out, const T* matrix, std::int64_t first,
                     std::int64_t last);
  /// Groups first..last of registers.
  void (*apply_lanes)(const LanePlan<T>&, T* data, std::int64_t first, std::int64_t last);
  /// The same, added to the groups of another block of the same shape.
  void (*add_lanes)(const LanePlan<T>&, const T* in, T* out, std::int64_t first, std::int64_t last);
  /// Merged rows first..last.
  void (*apply_diagonal)(const DiagonalPlan<T>&, T* data, std::int64_t first, std::int64_t last);
  /// Groups first..last.
  void (*apply_permutation)(const GroupSpace&, const Cycles<T>&, T* data, std::int64_t first,
                            std::int64_t last);
  /// Groups first..last.
  void (*branch)(const BranchPlan<T>&, const T* block, T* out, std::int64_t first,
                 std::int64_t last);
  /// Add groups first..last of columns first_column..last_column to sums[pair][2 * column]: for
  /// the p-th pair a <= b, plane 2p holds v_a * v_b and plane 2p + 1 swap(v_a) * v_b, both
  /// elementwise on the interleaved reals. A plane has 2 * (last_column - first_column) doubles.
  void (*reduced)(const GroupSpace&, const T* data, std::int64_t first, std::int64_t last,
                  std::int64_t first_column, std::int64_t last_column, double* sums);
  /// Rows first..last of `columns` elements, into out[first..last].
  void (*probabilities)(const T* data, std::int64_t stride, std::int64_t columns,
                        std::int64_t first, std::int64_t last, double* out);
  /// out[i] += factor * p[i]^2 for an even number of reals; returns the sum of p[i]^2.
  double (*add_squares)(const T* p, std::int64_t reals, double factor, double* out);
  /// Merged rows first..last, into out = (re, im).
  void (*overlap)(const OverlapPlan<T>&, std::int64_t first, std::int64_t last, double* out);
  /// sum over the reals i of a column of sign(i) * v[i] * v[i ^ x], in registers of doubles.
  double (*pauli_value)(const StringPlan&, const T* column);
  /// Chunks first..last; `buffer` has room for one chunk.
  void (*transfer)(const TransferPlan<T>&, T* vector, T* buffer, std::int64_t first,
                   std::int64_t last);
};

/// Everything compiled for one instruction set.
struct Level {
  const char* name;
  Kernels<double> in_double;
  Kernels<float> in_single;
};

}  // namespace lret::simd
