// The BLAS routines the core needs, handed in by the caller: the core links to no BLAS.
#pragma once

#include <complex>

namespace lret {

/// Fortran BLAS with 32-bit integers (LP64), for one precision.
template <class T>
struct Blas {
  using Complex = std::complex<T>;

  /// C = alpha * op(A) * op(B) + beta * C
  void (*gemm)(char* trans_a, char* trans_b, int* m, int* n, int* k, Complex* alpha, Complex* a,
               int* lda, Complex* b, int* ldb, Complex* beta, Complex* c, int* ldc);
  /// C = alpha * op(A) * op(A)^dagger + beta * C on one triangle
  void (*herk)(char* uplo, char* trans, int* n, int* k, T* alpha, Complex* a, int* lda, T* beta,
               Complex* c, int* ldc);
};

}  // namespace lret
