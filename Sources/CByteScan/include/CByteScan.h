#pragma once
#include <stddef.h>
#include <stdint.h>
#if defined(__SSE2__)
#include <emmintrin.h>
#endif

// Byte scans over blocks of 64 bytes. Callers own 64 readable bytes past the end of what they scan.

#define SLUICE_INLINE static inline __attribute__((always_inline))

#if defined(__SSE2__)
/// A bit for each of the 64 bytes at p that equals c, lowest bit first.
SLUICE_INLINE uint64_t sluice_equal_mask(const uint8_t *p, uint8_t c) {
  const __m128i k = _mm_set1_epi8((char)c);
  const uint64_t m0 = (uint32_t)_mm_movemask_epi8(_mm_cmpeq_epi8(_mm_loadu_si128((const __m128i *)p), k));
  const uint64_t m1 = (uint32_t)_mm_movemask_epi8(_mm_cmpeq_epi8(_mm_loadu_si128((const __m128i *)(p + 16)), k));
  const uint64_t m2 = (uint32_t)_mm_movemask_epi8(_mm_cmpeq_epi8(_mm_loadu_si128((const __m128i *)(p + 32)), k));
  const uint64_t m3 = (uint32_t)_mm_movemask_epi8(_mm_cmpeq_epi8(_mm_loadu_si128((const __m128i *)(p + 48)), k));
  return m0 | (m1 << 16) | (m2 << 32) | (m3 << 48);
}
#else
SLUICE_INLINE uint64_t sluice_equal_mask(const uint8_t *p, uint8_t c) {
  uint64_t m = 0;
  for (int i = 0; i < 64; i++) m |= (uint64_t)(p[i] == c) << i;
  return m;
}
#endif

/// Each bit is the parity of the bits of m at and below it: turns quote positions into quoted stretches.
SLUICE_INLINE uint64_t sluice_prefix_xor(uint64_t m) {
  m ^= m << 1; m ^= m << 2; m ^= m << 4; m ^= m << 8; m ^= m << 16; m ^= m << 32;
  return m;
}

enum {
  SLUICE_HAS_HIGH = 1,    ///< a byte of 0x80 and above
  SLUICE_HAS_CONTROL = 2, ///< a byte below 0x20 other than line feed, or 0x7f is not counted
  SLUICE_HAS_BACKSLASH = 4,
};

/// Which kinds of bytes that need care the n bytes at p hold, as a set of SLUICE_HAS_ flags.
/// `separator` is not counted as a control byte.
SLUICE_INLINE uint32_t sluice_byte_kinds(const uint8_t *p, size_t n, uint8_t separator) {
  uint32_t flags = 0;
  size_t i = 0;
#if defined(__SSE2__)
  __m128i high = _mm_setzero_si128(), control = high, backslash = high;
  const __m128i limit = _mm_set1_epi8(0x1f), feed = _mm_set1_epi8('\n'), slash = _mm_set1_epi8('\\');
  const __m128i own = _mm_set1_epi8((char)separator);
  for (; i + 16 <= n; i += 16) {
    const __m128i v = _mm_loadu_si128((const __m128i *)(p + i));
    high = _mm_or_si128(high, v);
    backslash = _mm_or_si128(backslash, _mm_cmpeq_epi8(v, slash));
    const __m128i low = _mm_cmpeq_epi8(_mm_min_epu8(v, limit), v);
    const __m128i allowed = _mm_or_si128(_mm_cmpeq_epi8(v, feed), _mm_cmpeq_epi8(v, own));
    control = _mm_or_si128(control, _mm_andnot_si128(allowed, low));
  }
  if (_mm_movemask_epi8(high)) flags |= SLUICE_HAS_HIGH;
  if (_mm_movemask_epi8(control)) flags |= SLUICE_HAS_CONTROL;
  if (_mm_movemask_epi8(backslash)) flags |= SLUICE_HAS_BACKSLASH;
#endif
  for (; i < n; i++) {
    const uint8_t c = p[i];
    if (c >= 0x80) flags |= SLUICE_HAS_HIGH;
    if (c < 0x20 && c != '\n' && c != separator) flags |= SLUICE_HAS_CONTROL;
    if (c == '\\') flags |= SLUICE_HAS_BACKSLASH;
  }
  return flags;
}

/// The index of the first byte at p that a JSON string must escape (quote, backslash, below 0x20), or n.
SLUICE_INLINE size_t sluice_json_plain_prefix(const uint8_t *p, size_t n) {
  size_t i = 0;
#if defined(__SSE2__)
  const __m128i limit = _mm_set1_epi8(0x1f), quote = _mm_set1_epi8('"'), slash = _mm_set1_epi8('\\');
  for (; i + 16 <= n; i += 16) {
    const __m128i v = _mm_loadu_si128((const __m128i *)(p + i));
    const __m128i bad = _mm_or_si128(_mm_cmpeq_epi8(_mm_min_epu8(v, limit), v),
                                     _mm_or_si128(_mm_cmpeq_epi8(v, quote), _mm_cmpeq_epi8(v, slash)));
    const int m = _mm_movemask_epi8(bad);
    if (m) return i + (size_t)__builtin_ctz((unsigned)m);
  }
#endif
  for (; i < n; i++)
    if (p[i] < 0x20 || p[i] == '"' || p[i] == '\\') return i;
  return n;
}

/// Whether the n bytes at p (n >= 1) are all ASCII digits.
SLUICE_INLINE int sluice_all_digits(const uint8_t *p, size_t n) {
  size_t i = 0;
  for (; i + 8 <= n; i += 8) {
    uint64_t v;
    __builtin_memcpy(&v, p + i, 8);
    if (((v & 0xF0F0F0F0F0F0F0F0ull) | (((v + 0x0606060606060606ull) & 0xF0F0F0F0F0F0F0F0ull) >> 4)) != 0x3333333333333333ull) return 0;
  }
  unsigned bad = 0;
  for (; i < n; i++) bad |= (uint8_t)(p[i] - '0') > 9;
  return !bad;
}

/// Copies n bytes 16 at a time: reads and writes up to 15 bytes more than n, which both sides own.
SLUICE_INLINE void sluice_copy_padded(uint8_t *to, const uint8_t *from, size_t n) {
  for (size_t i = 0; i < n; i += 16) __builtin_memcpy(to + i, from + i, 16);
}
