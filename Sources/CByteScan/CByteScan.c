#define _GNU_SOURCE
#include "CByteScan.h"
#include <string.h>

size_t sluice_find(const uint8_t *p, size_t n, const uint8_t *q, size_t m) {
  const uint8_t *const found = memmem(p, n, q, m);
  return found ? (size_t)(found - p) : n;
}
