// Compares the kernels with plain definitions in double, and with products that Python wrote to a file:
// `selftest [FILE]`. Prints the differences; returns 1 if there is any.

#include "kernels.cpp"

#include "decoding.h"

extern "C" void omp_set_num_threads(int);

int main(int count, char** arguments) {
  if (!dragoman_start()) {
    std::fprintf(stderr, "failed: the operating system does not allow %s\n", dragoman_level());
    return 1;
  }
  selftest::test_numbers();
  for (const int num_threads : {1, 3}) {
    omp_set_num_threads(num_threads);
    selftest::test_products();
  }
  selftest::test_largest_sums();
  if (count > 1) selftest::test_products_of_python(arguments[1]);
  selftest::test_attentions();
  selftest::test_heads();
  selftest::test_networks();
  std::printf("%s: %d differences\n", dragoman_level(), selftest::num_failures);
  return selftest::num_failures > 0;
}
