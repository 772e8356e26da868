#pragma once
#include <stddef.h>
#include <stdint.h>
#ifdef __cplusplus
extern "C" {
#endif
/// Writes the shortest text that reads back as value (which is finite) to the 32 bytes at out; returns its length.
/// Between 1e-5 and 1e17 without an exponent, and always with a point or an exponent, so that it stays a double.
size_t sluice_write_double(double value, char *out);
/// Reads all n bytes at text as a decimal number into *value, correctly rounded.
/// Returns 0, or 1 where it is not a number, or 2 where it is out of a double's range.
int sluice_read_double(const char *text, size_t n, double *value);
/// The double nearest to value's shortest decimal text rounded to so many digits behind the point (or before it, where negative), halves
/// away from zero; infinite where that is out of range. The value is finite.
double sluice_round_double(double value, long long digits);
#ifdef __cplusplus
}
#endif
