// The C++ standard library's <charconv> (C++17): Ryu for writing, Eisel-Lemire for reading.
#include "CFloatText.h"
#include <charconv>
#include <cmath>
#include <cstring>

extern "C" size_t sluice_write_double(double value, char *out) {
  const double size = std::fabs(value);
  const bool plain = size == 0 || (size >= 1e-5 && size < 1e17);
  const auto format = plain ? std::chars_format::fixed : std::chars_format::scientific;
  char *end = std::to_chars(out, out + 32, value, format).ptr;
  if (plain && !std::memchr(out, '.', end - out)) {
    *end++ = '.';
    *end++ = '0';
  }
  return end - out;
}

extern "C" int sluice_read_double(const char *text, size_t n, double *value) {
  const char *end = text + n;
  if (n > 1 && *text == '+' && text[1] != '-') text++;
  const auto result = std::from_chars(text, end, *value);
  if (result.ptr != end || result.ec == std::errc::invalid_argument) return 1;
  return result.ec == std::errc::result_out_of_range ? 2 : 0;
}
