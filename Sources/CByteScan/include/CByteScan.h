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
  SLUICE_HAS_CONTROL = 2, ///< a byte below 0x20
  SLUICE_HAS_BACKSLASH = 4,
};

/// The kinds of bytes that need care among the n bytes at p, as a set of SLUICE_HAS_ flags. Record ends and delimiters do not count
/// as control bytes: no field holds them.
SLUICE_INLINE uint32_t sluice_byte_kinds(const uint8_t *p, size_t n, uint8_t terminator, uint8_t delimiter) {
  uint32_t flags = 0;
  size_t i = 0;
#if defined(__SSE2__)
  __m128i high = _mm_setzero_si128(), control = high, backslash = high;
  const __m128i limit = _mm_set1_epi8(0x1f), end = _mm_set1_epi8((char)terminator), slash = _mm_set1_epi8('\\');
  const __m128i own = _mm_set1_epi8((char)delimiter);
  for (; i + 16 <= n; i += 16) {
    const __m128i v = _mm_loadu_si128((const __m128i *)(p + i));
    high = _mm_or_si128(high, v);
    backslash = _mm_or_si128(backslash, _mm_cmpeq_epi8(v, slash));
    const __m128i low = _mm_cmpeq_epi8(_mm_min_epu8(v, limit), v);
    const __m128i allowed = _mm_or_si128(_mm_cmpeq_epi8(v, end), _mm_cmpeq_epi8(v, own));
    control = _mm_or_si128(control, _mm_andnot_si128(allowed, low));
  }
  if (_mm_movemask_epi8(high)) flags |= SLUICE_HAS_HIGH;
  if (_mm_movemask_epi8(control)) flags |= SLUICE_HAS_CONTROL;
  if (_mm_movemask_epi8(backslash)) flags |= SLUICE_HAS_BACKSLASH;
#endif
  for (; i < n; i++) {
    const uint8_t c = p[i];
    if (c >= 0x80) flags |= SLUICE_HAS_HIGH;
    if (c < 0x20 && c != terminator && c != delimiter) flags |= SLUICE_HAS_CONTROL;
    if (c == '\\') flags |= SLUICE_HAS_BACKSLASH;
  }
  return flags;
}

/// Whether the n bytes at p hold a control byte other than the delimiter, line feeds, and the return before a line feed.
SLUICE_INLINE int sluice_has_stray_control(const uint8_t *p, size_t n, uint8_t delimiter) {
  size_t i = 0;
#if defined(__SSE2__)
  const __m128i limit = _mm_set1_epi8(0x1f), feed = _mm_set1_epi8('\n'), back = _mm_set1_epi8('\r');
  const __m128i own = _mm_set1_epi8((char)delimiter);
  for (; i + 16 <= n; i += 16) {
    const __m128i v = _mm_loadu_si128((const __m128i *)(p + i)), next = _mm_loadu_si128((const __m128i *)(p + i + 1));
    const __m128i pair = _mm_and_si128(_mm_cmpeq_epi8(v, back), _mm_cmpeq_epi8(next, feed));
    const __m128i allowed = _mm_or_si128(pair, _mm_or_si128(_mm_cmpeq_epi8(v, feed), _mm_cmpeq_epi8(v, own)));
    if (_mm_movemask_epi8(_mm_andnot_si128(allowed, _mm_cmpeq_epi8(_mm_min_epu8(v, limit), v)))) return 1;
  }
#endif
  for (; i < n; i++) {
    const uint8_t c = p[i];
    if (c >= 0x20 || c == '\n' || c == delimiter) continue;
    if (c != '\r' || i + 1 >= n || p[i + 1] != '\n') return 1;
  }
  return 0;
}

#if defined(__SSE2__)
/// A bit for each of 16 bytes that a JSON string must escape.
SLUICE_INLINE uint32_t sluice_json_special_mask(__m128i v) {
  return (uint32_t)_mm_movemask_epi8(_mm_or_si128(_mm_cmpeq_epi8(_mm_min_epu8(v, _mm_set1_epi8(0x1f)), v),
                                                  _mm_or_si128(_mm_cmpeq_epi8(v, _mm_set1_epi8('"')), _mm_cmpeq_epi8(v, _mm_set1_epi8('\\')))));
}
#endif

/// The index of the first byte at p that a JSON string must escape (quote, backslash, below 0x20), or n.
SLUICE_INLINE size_t sluice_json_plain_prefix(const uint8_t *p, size_t n) {
  size_t i = 0;
#if defined(__SSE2__)
  for (; i + 16 <= n; i += 16) {
    const uint32_t special = sluice_json_special_mask(_mm_loadu_si128((const __m128i *)(p + i)));
    if (special) return i + (size_t)__builtin_ctz(special);
  }
#endif
  for (; i < n; i++)
    if (p[i] < 0x20 || p[i] == '"' || p[i] == '\\') return i;
  return n;
}

/// Writes the n bytes at p as they stand between the quotes of a JSON string (RFC 8259 section 7), and returns how many they
/// became. With `doubled` two quotes in a row are one, as between the quotes of a CSV cell.
///
/// Callers own 16 readable bytes past p + n, and 6 * n + 16 writable ones at `out`.
SLUICE_INLINE size_t sluice_json_escape(uint8_t *out, const uint8_t *p, size_t n, int doubled) {
  uint8_t *o = out;
  size_t i = 0;
  while (i < n) {
#if defined(__SSE2__)
    const __m128i v = _mm_loadu_si128((const __m128i *)(p + i));
    _mm_storeu_si128((__m128i *)o, v);
    const size_t plain = (size_t)__builtin_ctz(sluice_json_special_mask(v) | 1u << 16);
    if (plain >= n - i) return (size_t)(o - out) + (n - i);
    o += plain;
    i += plain;
    if (plain == 16) continue;
#endif
    const uint8_t c = p[i++];
    if (c >= 0x20 && c != '"' && c != '\\') {
      *o++ = c;
      continue;
    }
    *o++ = '\\';
    switch (c) {
    case '"':
      *o++ = '"';
      if (doubled && i < n && p[i] == '"') i++;
      break;
    case '\\': *o++ = '\\'; break;
    case '\n': *o++ = 'n'; break;
    case '\r': *o++ = 'r'; break;
    case '\t': *o++ = 't'; break;
    case '\b': *o++ = 'b'; break;
    case '\f': *o++ = 'f'; break;
    default:
      __builtin_memcpy(o, "u00", 3);
      o[3] = "0123456789abcdef"[c >> 4];
      o[4] = "0123456789abcdef"[c & 15];
      o += 5;
    }
  }
  return (size_t)(o - out);
}

/// The position of the first of the n bytes at p that is no part of well-formed UTF-8 (RFC 3629), or n.
SLUICE_INLINE size_t sluice_invalid_utf8(const uint8_t *p, size_t n) {
  size_t i = 0;
  while (i < n) {
#if defined(__SSE2__)
    if (n - i >= 16) {
      const unsigned high = (unsigned)_mm_movemask_epi8(_mm_loadu_si128((const __m128i *)(p + i)));
      if (high == 0) {
        i += 16;
        continue;
      }
      i += (size_t)__builtin_ctz(high);
    }
#endif
    const uint8_t c = p[i];
    const size_t left = n - i;
    if (c < 0x80) {
      i++;
      continue;
    }
    const size_t length = c >= 0xf0 ? 4 : c >= 0xe0 ? 3 : 2;
    if (c < 0xc2 || c > 0xf4 || left < length) return i;
    for (size_t k = 1; k < length; k++)
      if ((p[i + k] & 0xc0) != 0x80) return i;
    // Overlong forms, surrogates, and what is past U+10FFFF.
    if ((c == 0xe0 && p[i + 1] < 0xa0) || (c == 0xed && p[i + 1] >= 0xa0) || (c == 0xf0 && p[i + 1] < 0x90) ||
        (c == 0xf4 && p[i + 1] >= 0x90))
      return i;
    i += length;
  }
  return n;
}

/// How many of the n bytes at p are c. Bytes that it reads past them do not count.
SLUICE_INLINE size_t sluice_count(const uint8_t *p, size_t n, uint8_t c) {
  size_t count = 0;
  for (; n >= 64; p += 64, n -= 64) count += (size_t)__builtin_popcountll(sluice_equal_mask(p, c));
  return n == 0 ? count : count + (size_t)__builtin_popcountll(sluice_equal_mask(p, c) & ((1ull << n) - 1));
}

/// The position of the first of the n bytes at p where the m bytes at q begin, or n: memmem(3), whose time grows with the lengths' sum.
size_t sluice_find(const uint8_t *p, size_t n, const uint8_t *q, size_t m);

/// A column of views: that of row r is from positions[r * stride] + gap up to positions[r * stride + 1]; with `trims` without
/// the carriage return that it may end in.
struct sluice_views {
  const uint8_t *base;
  const uint32_t *positions;
  size_t stride;
  uint32_t gap;
  int trims;
};

SLUICE_INLINE const uint8_t *sluice_view(struct sluice_views views, size_t row, uint32_t *n) {
  const uint32_t *at = views.positions + row * views.stride;
  const uint32_t start = at[0] + views.gap;
  *n = at[1] - start;
  if (views.trims && *n > 0 && views.base[at[1] - 1] == '\r') --*n;
  return views.base + start;
}

#if defined(__SSE2__)
/// A bit for each of the 16 bytes at p that is a digit.
SLUICE_INLINE uint32_t sluice_digit_mask(const uint8_t *p) {
  const __m128i d = _mm_sub_epi8(_mm_loadu_si128((const __m128i *)p), _mm_set1_epi8('0'));
  return (uint32_t)_mm_movemask_epi8(_mm_cmpeq_epi8(_mm_min_epu8(d, _mm_set1_epi8(9)), d));
}

/// A bit for each of the 16 bytes at p that is a point.
SLUICE_INLINE uint32_t sluice_point_mask(const uint8_t *p) {
  return (uint32_t)_mm_movemask_epi8(_mm_cmpeq_epi8(_mm_loadu_si128((const __m128i *)p), _mm_set1_epi8('.')));
}
#else
SLUICE_INLINE uint32_t sluice_digit_mask(const uint8_t *p) {
  uint32_t digits = 0;
  for (int i = 0; i < 16; i++) digits |= (uint32_t)((uint8_t)(p[i] - '0') <= 9) << i;
  return digits;
}
SLUICE_INLINE uint32_t sluice_point_mask(const uint8_t *p) {
  uint32_t points = 0;
  for (int i = 0; i < 16; i++) points |= (uint32_t)(p[i] == '.') << i;
  return points;
}
#endif

/// The first of the rows from `from` up to `rows` whose view is not a number of at most 16 bytes as JSON spells it: a
/// minus or none, digits without a leading zero and, with `decimals`, a point between two digits; with `nulls` also
/// nothing at all. The row that it returns may still hold a number, in another spelling. `rows` where there is none.
SLUICE_INLINE size_t sluice_skip_plain_numbers(struct sluice_views views, size_t from, size_t rows, int decimals, int nulls) {
  for (size_t r = from; r < rows; r++) {
    uint32_t n;
    const uint8_t *p = sluice_view(views, r, &n);
    if (n == 0 && nulls) continue;
    if (n - 1 >= 16) return r;
    const uint32_t digits = sluice_digit_mask(p);
    const uint32_t wanted = (1u << n) - 1;
    // Nothing but digits is what most numbers are.
    if ((digits & wanted) == wanted && (p[0] != '0' || n == 1)) continue;
    const uint32_t minus = p[0] == '-';
    const uint32_t points = sluice_point_mask(p) & wanted;
    // A single point, with a digit on either side.
    if (points && (!decimals || (points & (points - 1)) || !(digits & (points >> 1)) || !(digits & (points << 1) & wanted))) return r;
    if (((digits | points | minus) & wanted) != wanted || n == minus) return r;
    // A zero leads no other digit.
    if (p[minus] == '0' && n > minus + 1 && !(points & (2u << minus))) return r;
  }
  return rows;
}

/// The same for decimals of `precision` digits, `scale` of them behind the point, that are at most 16 bytes long and spelled with all digits
/// of their scale, no leading zero, and no minus before a zero.
SLUICE_INLINE size_t sluice_skip_plain_decimals(struct sluice_views views, size_t from, size_t rows, int precision, int scale, int nulls) {
  for (size_t r = from; r < rows; r++) {
    uint32_t n;
    const uint8_t *p = sluice_view(views, r, &n);
    if (n == 0 && nulls) continue;
    if (n - 1 >= 16) return r;
    const int minus = p[0] == '-';
    const int point = scale > 0 ? (int)n - scale - 1 : (int)n;
    if (point - minus < 1 || point - minus > precision - scale) return r;
    if (scale > 0 && p[point] != '.') return r;
    const uint32_t wanted = ((1u << n) - 1) & ~(uint32_t)minus & (scale > 0 ? ~(1u << point) : ~0u);
    if ((sluice_digit_mask(p) & wanted) != wanted) return r;
    if (p[minus] == '0' && (minus || point > 1)) return r;
  }
  return rows;
}

/// The same for `YYYY-MM-DD HH:MM:SS` and the same with a Z behind it, on the first 28 days of a month or the first 30 where it
/// has them. With `quoted` there may be quotes around it.
SLUICE_INLINE size_t sluice_skip_plain_timestamps(struct sluice_views views, size_t from, size_t rows, int nulls, int quoted) {
  for (size_t r = from; r < rows; r++) {
    uint32_t n;
    const uint8_t *p = sluice_view(views, r, &n);
    if (n == 0 && nulls) continue;
    if (quoted && n >= 21 && p[0] == '"') {
      p++;
      n -= 2;
    }
    if (n != 19 && (n != 20 || p[19] != 'Z')) return r;
    // 0123-56-89 12:45 and :78 behind it.
    if (sluice_digit_mask(p) != 0xdb6f || (sluice_digit_mask(p + 3) & 0xe000) != 0xc000) return r;
    if (p[4] != '-' || p[7] != '-' || (p[10] != ' ' && p[10] != 'T') || p[13] != ':' || p[16] != ':') return r;
    const unsigned month = (p[5] - '0') * 10u + (p[6] - '0'), day = (p[8] - '0') * 10u + (p[9] - '0');
    const unsigned hour = (p[11] - '0') * 10u + (p[12] - '0');
    if (month - 1 > 11 || day - 1 > (month == 2 ? 27 : 29) || hour > 23 || p[14] > '5' || p[17] > '5') return r;
  }
  return rows;
}

/// Copies n bytes 16 at a time: reads and writes up to 15 bytes more than n, which both sides own.
SLUICE_INLINE void sluice_copy_padded(uint8_t *to, const uint8_t *from, size_t n) {
  for (size_t i = 0; i < n; i += 16) {
#if defined(__SSE2__)
    __m128i v = _mm_loadu_si128((const __m128i *)(from + i));
    // Else the compiler makes a call of memcpy of it, which takes longer than most cells.
    __asm__("" : "+x"(v));
    _mm_storeu_si128((__m128i *)(to + i), v);
#else
    __builtin_memcpy(to + i, from + i, 16);
#endif
  }
}

/// Writes the n bytes at p as a CSV cell, between quotes where they need them, and returns how many they became.
///
/// Callers own 16 readable bytes past p + n, and 2 * n + 18 writable ones at `out`.
SLUICE_INLINE size_t sluice_csv_cell(uint8_t *out, const uint8_t *p, size_t n, uint8_t delimiter) {
  int needs_quotes = n == 0 || p[0] == ' ' || p[n - 1] == ' ';
  size_t i = 0;
#if defined(__SSE2__)
  for (; i < n && !needs_quotes; i += 16) {
    const __m128i v = _mm_loadu_si128((const __m128i *)(p + i));
    const __m128i ends = _mm_or_si128(_mm_cmpeq_epi8(v, _mm_set1_epi8('\n')), _mm_cmpeq_epi8(v, _mm_set1_epi8('\r')));
    const __m128i marks = _mm_or_si128(_mm_cmpeq_epi8(v, _mm_set1_epi8('"')), _mm_cmpeq_epi8(v, _mm_set1_epi8((char)delimiter)));
    const uint32_t found = (uint32_t)_mm_movemask_epi8(_mm_or_si128(ends, marks));
    needs_quotes = (n - i >= 16 ? found : found & ((1u << (n - i)) - 1)) != 0;
  }
#else
  for (; i < n && !needs_quotes; i++) needs_quotes = p[i] == '\n' || p[i] == '\r' || p[i] == '"' || p[i] == delimiter;
#endif
  if (!needs_quotes) {
    sluice_copy_padded(out, p, (uint32_t)n);
    return n;
  }
  uint8_t *o = out;
  *o++ = '"';
  for (i = 0; i < n; i++) {
    if (p[i] == '"') *o++ = '"';
    *o++ = p[i];
  }
  *o++ = '"';
  return (size_t)(o - out);
}

/// The form in which a row's view is written.
enum sluice_form {
  SLUICE_COPIED,
  SLUICE_QUOTED,  ///< put between quotes
  SLUICE_ESCAPED, ///< a CSV cell as a JSON string
};

/// A column of cells to be written: before each its prefix, in place of an empty one what stands for nothing.
struct sluice_cells {
  struct sluice_views views;
  const uint8_t *prefix;
  uint32_t prefix_count;
  /// Whether the views are of the rows that are written, one after another, and not of all.
  uint8_t is_rendered;
  uint8_t form;
};

struct sluice_text {
  const uint8_t *start;
  uint32_t count;
};

/// Writes rows from number `from` of `count` on at `out`, as far as `room` bytes hold them: row i is the batch's rows[i], or its
/// i where there are none. Returns how many rows of `count` are written now, and in `made` how many bytes these are.
///
/// Callers own 16 readable bytes behind all texts, and 80 writable ones behind the room.
SLUICE_INLINE size_t sluice_write_rows(const struct sluice_cells *cells, size_t cell_count, const uint32_t *rows, size_t from, size_t count,
                                       struct sluice_text nothing, struct sluice_text end, uint8_t *out, size_t room, size_t *made) {
  uint8_t *o = out;
  const uint8_t *const limit = out + room;
  *made = 0;
  for (size_t i = from; i < count; i++) {
    const size_t row = rows ? rows[i] : i;
    for (size_t k = 0; k < cell_count; k++) {
      const struct sluice_cells *const cell = cells + k;
      uint32_t n;
      const uint8_t *p = sluice_view(cell->views, cell->is_rendered ? i : row, &n);
      if (o + cell->prefix_count + nothing.count + (cell->form == SLUICE_ESCAPED ? 6 * (size_t)n : n) + 2 > limit) return i;
      sluice_copy_padded(o, cell->prefix, cell->prefix_count);
      o += cell->prefix_count;
      if (n == 0) {
        sluice_copy_padded(o, nothing.start, nothing.count);
        o += nothing.count;
      } else if (cell->form == SLUICE_COPIED) {
        sluice_copy_padded(o, p, n);
        o += n;
      } else {
        *o++ = '"';
        if (cell->form == SLUICE_QUOTED) {
          sluice_copy_padded(o, p, n);
          o += n;
        } else {
          const int is_quoted = n >= 2 && p[0] == '"';
          o += is_quoted ? sluice_json_escape(o, p + 1, n - 2, 1) : sluice_json_escape(o, p, n, 0);
        }
        *o++ = '"';
      }
    }
    if (o + end.count > limit) return i;
    sluice_copy_padded(o, end.start, end.count);
    o += end.count;
    *made = (size_t)(o - out);
  }
  return count;
}

/// How far the inside of a JSON array or object is read: by how many brackets it is open, whether within a string, and whether the
/// next byte stands behind a backslash there.
struct sluice_json_nesting {
  size_t depth;
  uint64_t in_string; ///< all ones within a string
  uint64_t is_escaped; ///< 1 behind a backslash
};

/// A bit for each of the 64 bytes at p that opens an array or object, and for each that closes one.
SLUICE_INLINE void sluice_json_brackets(const uint8_t *p, uint64_t *opening, uint64_t *closing) {
  // A bit tells brackets from braces.
#if defined(__SSE2__)
  const __m128i bit = _mm_set1_epi8(0x20), open = _mm_set1_epi8('{'), close = _mm_set1_epi8('}');
  uint64_t opens = 0, closes = 0;
  for (int i = 0; i < 4; i++) {
    const __m128i v = _mm_or_si128(_mm_loadu_si128((const __m128i *)(p + 16 * i)), bit);
    opens |= (uint64_t)(uint32_t)_mm_movemask_epi8(_mm_cmpeq_epi8(v, open)) << (16 * i);
    closes |= (uint64_t)(uint32_t)_mm_movemask_epi8(_mm_cmpeq_epi8(v, close)) << (16 * i);
  }
  *opening = opens;
  *closing = closes;
#else
  *opening = *closing = 0;
  for (int i = 0; i < 64; i++) {
    *opening |= (uint64_t)((p[i] | 0x20) == '{') << i;
    *closing |= (uint64_t)((p[i] | 0x20) == '}') << i;
  }
#endif
}

/// Reads on in an array or object, of which n bytes more are at p, to behind the bracket that closes it. Returns where that is, or 0
/// where it is not among them. Brackets are counted and not matched: whether what stands there is JSON is for its reader to say.
///
/// Reads nothing past p + n.
SLUICE_INLINE size_t sluice_json_close(const uint8_t *p, size_t n, struct sluice_json_nesting *nesting) {
  size_t i = 0;
  for (; n - i >= 64; i += 64) {
    uint64_t quotes = sluice_equal_mask(p + i, '"'), slashes = sluice_equal_mask(p + i, '\\'), opening, closing;
    if (slashes | nesting->is_escaped) {
      uint64_t escaped = nesting->is_escaped;
      nesting->is_escaped = 0;
      slashes &= ~escaped;
      while (slashes) {
        // The byte behind a backslash is escaped, be it a backslash itself.
        const uint64_t slash = slashes & (0 - slashes);
        if (slash >> 63) nesting->is_escaped = 1;
        escaped |= slash << 1;
        slashes &= ~(slash | slash << 1);
      }
      quotes &= ~escaped;
    }
    const uint64_t inside = sluice_prefix_xor(quotes) ^ nesting->in_string;
    nesting->in_string = (uint64_t)((int64_t)inside >> 63);
    sluice_json_brackets(p + i, &opening, &closing);
    opening &= ~inside;
    closing &= ~inside;
    const size_t closes = (size_t)__builtin_popcountll(closing);
    if (nesting->depth > closes) {
      nesting->depth += (size_t)__builtin_popcountll(opening) - closes;
      continue;
    }
    for (uint64_t all = opening | closing; all; all &= all - 1) {
      if (opening & all & (0 - all)) nesting->depth++;
      else if (--nesting->depth == 0) return i + (size_t)__builtin_ctzll(all) + 1;
    }
  }
  for (; i < n; i++) {
    const uint8_t c = p[i];
    // A backslash hides quotes alone, as in whole blocks: outside of strings, where none may stand, brackets behind it count.
    const uint64_t is_escaped = nesting->is_escaped;
    nesting->is_escaped = 0;
    if (c == '\\' && !is_escaped) nesting->is_escaped = 1;
    else if (c == '"' && !is_escaped) nesting->in_string = ~nesting->in_string;
    else if (nesting->in_string) continue;
    else if ((c | 0x20) == '{') nesting->depth++;
    else if ((c | 0x20) == '}' && --nesting->depth == 0) return i + 1;
  }
  return 0;
}

/// A key that is expected in an object: where `"name":` begins among the spellings, and how long it is; of `length` 0 it is one that
/// has to be looked for otherwise.
struct sluice_json_key {
  uint32_t first, length;
};

/// Whether the n bytes at p are those at q. Reads up to 15 bytes past both.
SLUICE_INLINE int sluice_is_same(const uint8_t *p, const uint8_t *q, size_t n) {
#if defined(__SSE2__)
  size_t i = 0;
  do {
    const __m128i same = _mm_cmpeq_epi8(_mm_loadu_si128((const __m128i *)(p + i)), _mm_loadu_si128((const __m128i *)(q + i)));
    const uint32_t differs = (uint32_t)_mm_movemask_epi8(same) ^ 0xffff;
    if (differs && (size_t)__builtin_ctz(differs) < n - i) return 0;
    i += 16;
  } while (i < n);
  return 1;
#else
  return __builtin_memcmp(p, q, n) == 0;
#endif
}

/// The length of the value at p that is a string without escapes, a number without an exponent, or null; 0 for any other, which
/// may be good all the same. A comma or a brace follows where it is no string. Reads up to 32 bytes past p + n.
SLUICE_INLINE size_t sluice_json_plain_value(const uint8_t *p, size_t n) {
  if (n == 0) return 0;
  size_t end;
  if (p[0] == '"') {
#if defined(__SSE2__)
    end = 1;
    while (1) {
      const uint32_t special = sluice_json_special_mask(_mm_loadu_si128((const __m128i *)(p + end)));
      if (special) {
        end += (size_t)__builtin_ctz(special);
        break;
      }
      end += 16;
      if (end >= n) return 0;
    }
#else
    end = 1 + sluice_json_plain_prefix(p + 1, n - 1);
#endif
    return end < n && p[end] == '"' ? end + 1 : 0;
  }
  end = p[0] == '-';
  const size_t whole = (size_t)__builtin_ctz(~sluice_digit_mask(p + end) | 1u << 16);
  if (whole == 0) {
    if (n < 5 || __builtin_memcmp(p, "null", 4) != 0) return 0;
    end = 4;
  } else {
    if (whole == 16 || (p[end] == '0' && whole > 1)) return 0;
    end += whole;
    if (p[end] == '.') {
      const size_t fraction = (size_t)__builtin_ctz(~sluice_digit_mask(p + end + 1) | 1u << 16);
      if (fraction == 0 || fraction == 16) return 0;
      end += 1 + fraction;
    }
  }
  return end < n && (p[end] == ',' || p[end] == '}') ? end : 0;
}

/// Reads an object's fields at p + *at, behind its brace, as long as they are the expected ones in their order, written without
/// spaces, and plain. Returns how many they are, puts their values' begins and ends into `row`, and *at behind the last.
///
/// Callers own 64 readable bytes past p + end, and 15 past the spellings.
SLUICE_INLINE size_t sluice_json_fields(const uint8_t *p, size_t *at, size_t end, const struct sluice_json_key *keys,
                                        const uint8_t *spellings, size_t count, uint32_t *row) {
  size_t i = *at, k = 0;
  for (; k < count; k++) {
    const struct sluice_json_key key = keys[k];
    size_t j = i + (k > 0);
    if (j >= end || (k > 0 && p[i] != ',')) break;
    if (key.length == 0 || key.length > end - j || !sluice_is_same(p + j, spellings + key.first, key.length)) break;
    j += key.length;
    const size_t length = sluice_json_plain_value(p + j, end - j);
    if (length == 0) break;
    row[2 * k] = (uint32_t)j;
    row[2 * k + 1] = (uint32_t)(j + length);
    i = j + length;
  }
  *at = i;
  return k;
}
