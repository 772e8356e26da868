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

extern "C" double sluice_round_double(double value, long long digits) {
  // The shortest text that reads back as the value: d.ddddde±x.
  char text[64];
  const double size = std::fabs(value);
  const char *const end = std::to_chars(text, text + 40, size, std::chars_format::scientific).ptr;
  const char *const e = static_cast<const char *>(std::memchr(text, 'e', end - text));
  if (!e || size == 0) return value;
  int exponent = 0;
  std::from_chars(e[1] == '+' ? e + 2 : e + 1, end, exponent);
  char number[64];
  size_t count = 0;
  for (const char *p = text; p < e; p++)
    if (*p != '.') number[count++] = *p;
  // How many of the digits are kept.
  const long long kept = digits > 400 ? 400 : digits < -400 ? -400 : digits;
  const long long keep = kept + exponent + 1;
  if (keep >= static_cast<long long>(count)) return value;
  if (keep < 0) return std::copysign(0.0, value);
  const bool up = number[keep] >= '5';
  size_t used = static_cast<size_t>(keep);
  long long scale = -kept;
  if (up) {
    while (used > 0 && number[used - 1] == '9') {
      used--;
      scale++;
    }
    if (used > 0) number[used - 1]++;
    else number[used++] = '1';
  }
  if (used == 0) return std::copysign(0.0, value);
  number[used++] = 'e';
  const char *const last = std::to_chars(number + used, number + used + 20, scale).ptr;
  double rounded = 0;
  if (std::from_chars(number, last, rounded).ec == std::errc::result_out_of_range) rounded = scale > 0 ? HUGE_VAL : 0;
  return std::copysign(rounded, value);
}

extern "C" int sluice_read_double(const char *text, size_t n, double *value) {
  const char *end = text + n;
  if (n > 1 && *text == '+' && text[1] != '-') text++;
  const auto result = std::from_chars(text, end, *value);
  if (result.ptr != end || result.ec == std::errc::invalid_argument) return 1;
  return result.ec == std::errc::result_out_of_range ? 2 : 0;
}
